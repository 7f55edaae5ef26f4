import { createHmac, sign as signWithKey, type KeyObject } from 'node:crypto'
import { IgwnAuthError } from '../errors'
import { percentEncode } from './percent-encode'

/** What a signature is made of. All of it but the base string is secret. */
export interface SignatureInput {
  /** The signature base string of the request (RFC 5849 section 3.4.1). */
  readonly baseString: string
  /** The client shared-secret; empty when there is none. */
  readonly clientSecret: string
  /** The token shared-secret; empty when there is none. */
  readonly tokenSecret: string
  /** The RSA private key of the client, where it has one. */
  readonly rsaKey: KeyObject | undefined
}

/** A way to sign a request; servers may have their own (RFC 5849 section 3.4). */
export interface SignatureMethod {
  /** The value of `oauth_signature_method`. */
  readonly name: string
  /**
   * Whether the signature may cross a clear-text connection, as one may that no secret can be read from. Default is false:
   * then http is an error before anything is sent, but to this machine.
   */
  readonly isSafeInClear?: boolean | undefined
  /** The hash of `oauth_body_hash`, by its name in Node. Default is `sha1`. */
  readonly bodyHash?: string | undefined
  /** The value of `oauth_signature`. To throw means that nothing is sent. */
  sign(request: SignatureInput): string | Promise<string>
}

/** The signature methods of RFC 5849, and HMAC-SHA256, which servers of today ask for. */
export type SignatureMethodName = 'HMAC-SHA1' | 'HMAC-SHA256' | 'RSA-SHA1' | 'PLAINTEXT'

export const signatureMethods: Readonly<Record<SignatureMethodName, SignatureMethod>> = {
  'HMAC-SHA1': hmac('HMAC-SHA1', 'sha1'),
  'HMAC-SHA256': hmac('HMAC-SHA256', 'sha256'),
  'RSA-SHA1': { name: 'RSA-SHA1', isSafeInClear: true, sign: rsaSha1 },
  PLAINTEXT: { name: 'PLAINTEXT', isSafeInClear: false, sign: secretsOf },
}

/** RFC 5849 section 3.4.2, also with another hash. */
function hmac(name: string, hash: string): SignatureMethod {
  const sign = (request: SignatureInput) =>
    createHmac(hash, secretsOf(request)).update(request.baseString).digest('base64')
  return { name, isSafeInClear: true, bodyHash: hash, sign }
}

/** RFC 5849 section 3.4.3. */
function rsaSha1({ baseString, rsaKey }: SignatureInput): string {
  try {
    // The options are refused without a key.
    return signWithKey('RSA-SHA1', Buffer.from(baseString), rsaKey as KeyObject).toString('base64')
  } catch (error) {
    const { code = 'unknown error' } = error as { code?: string }
    throw new IgwnAuthError(
      'ERR_IGWN_OAUTH1_UNSIGNED',
      `OpenSSL does not sign with RSA-SHA1 here (${code}); the policy of this machine may forbid SHA-1. Use another signatureMethod, if the server has one.`,
      { cause: error },
    )
  }
}

/** Both secrets: the signature of PLAINTEXT, and the key of the others (RFC 5849 sections 3.4.2 and 3.4.4). */
function secretsOf({ clientSecret, tokenSecret }: SignatureInput): string {
  return `${percentEncode(clientSecret)}&${percentEncode(tokenSecret)}`
}
