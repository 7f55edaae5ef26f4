import { createHmac, sign as signWithKey, type KeyObject } from 'node:crypto'
import { IgwnAuthError } from '../errors'
import { percentEncode } from './signature-base-string'

/** The input of a signature method. Everything except the base string is secret. */
export interface SignatureInput {
  /** The signature base string of the request (RFC 5849 section 3.4.1). */
  readonly baseString: string
  /** The client shared-secret; empty when there is none. */
  readonly clientSecret: string
  /** The token shared-secret; empty when there is none. */
  readonly tokenSecret: string
  /** The RSA private key of the client; undefined when there is none. */
  readonly rsaKey: KeyObject | undefined
}

/** A signature method. Servers may define their own (RFC 5849 section 3.4). */
export interface SignatureMethod {
  /** The value of `oauth_signature_method`. */
  readonly name: string
  /**
   * Whether the signature may be sent over plain HTTP because no secret can be derived from it. Default: false; a request over
   * plain HTTP to another host than loopback is then an error before anything is sent.
   */
  readonly allowOverHttp?: boolean | undefined
  /** The hash of `oauth_body_hash`, as Node.js names it. Default: `sha1`. */
  readonly bodyHash?: string | undefined
  /** Returns the value of `oauth_signature`. When it throws, nothing is sent. */
  sign(request: SignatureInput): string | Promise<string>
}

/** The signature methods of RFC 5849, and HMAC-SHA256, which current servers ask for. */
export type SignatureMethodName = 'HMAC-SHA1' | 'HMAC-SHA256' | 'RSA-SHA1' | 'PLAINTEXT'

export const signatureMethods: Readonly<Record<SignatureMethodName, SignatureMethod>> = {
  'HMAC-SHA1': hmac('HMAC-SHA1', 'sha1'),
  'HMAC-SHA256': hmac('HMAC-SHA256', 'sha256'),
  'RSA-SHA1': { name: 'RSA-SHA1', allowOverHttp: true, sign: rsaSha1 },
  PLAINTEXT: { name: 'PLAINTEXT', allowOverHttp: false, sign: secretsOf },
}

/** RFC 5849 section 3.4.2, with any hash. */
function hmac(name: string, hash: string): SignatureMethod {
  const sign = (request: SignatureInput) =>
    createHmac(hash, secretsOf(request)).update(request.baseString).digest('base64')
  return { name, allowOverHttp: true, bodyHash: hash, sign }
}

/** RFC 5849 section 3.4.3. */
function rsaSha1({ baseString, rsaKey }: SignatureInput): string {
  try {
    // The options require a key for this method.
    return signWithKey('RSA-SHA1', Buffer.from(baseString), rsaKey as KeyObject).toString('base64')
  } catch (error) {
    const { code = 'unknown error' } = error as { code?: string }
    throw new IgwnAuthError(
      'ERR_IGWN_OAUTH1_UNSIGNED',
      `OpenSSL refused to sign with RSA-SHA1 (${code}); the crypto policy of this host may forbid SHA-1. Use another signatureMethod, if the server supports one.`,
      { cause: error },
    )
  }
}

/** Both secrets: the signature of PLAINTEXT, and the key of HMAC (RFC 5849 sections 3.4.2 and 3.4.4). */
function secretsOf({ clientSecret, tokenSecret }: SignatureInput): string {
  return `${percentEncode(clientSecret)}&${percentEncode(tokenSecret)}`
}
