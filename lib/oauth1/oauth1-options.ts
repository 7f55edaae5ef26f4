import { createPrivateKey, getHashes, KeyObject } from 'node:crypto'
import { checkValues, flag, kindOf, nonEmptyText, text, type Check } from '../check-values'
import { IgwnAuthError } from '../errors'
import { isEncrypted, parsePem } from '../formats/pem'
import { OAuth1Token } from './oauth1-token'
import { signatureMethods, type SignatureMethod, type SignatureMethodName } from './signature-method'

/** Where the protocol parameters are sent (RFC 5849 section 3.5). */
export type SignatureType = 'header' | 'query' | 'body'

/** How requests are signed with OAuth 1.0 (RFC 5849). */
export interface OAuth1Options {
  /** The client identifier or consumer key (`oauth_consumer_key`), from the registration of your application. */
  readonly clientId: string
  /** The client shared-secret or consumer secret. Default: empty, as for RSA. */
  readonly clientSecret?: string | undefined
  /** The access token (`oauth_token`), or the {@link OAuth1Token} of {@link oauth1Flow}, which includes its secret. Default: none; only the client signs. */
  readonly token?: string | OAuth1Token | undefined
  /** The token shared-secret. Default: empty. */
  readonly tokenSecret?: string | undefined
  /**
   * `HMAC-SHA1`, `HMAC-SHA256`, `RSA-SHA1` (with `rsaKey`), `PLAINTEXT` (only over TLS or to a loopback address), or your own
   * {@link SignatureMethod}. Default: `HMAC-SHA1`.
   */
  readonly signatureMethod?: SignatureMethodName | SignatureMethod | undefined
  /**
   * Where the signature is sent: in the `Authorization` header, in the query, or in a form body (not possible with GET or another
   * kind of body). Default: `header`, which RFC 5849 section 3.5 prefers.
   */
  readonly signatureType?: SignatureType | undefined
  /** The RSA private key as unencrypted PEM or a `KeyObject`. Default: none. */
  readonly rsaKey?: string | Uint8Array | KeyObject | undefined
  /** The `realm` of the `Authorization` header. Default: none. */
  readonly realm?: string | undefined
  /**
   * Also sign bodies that are not forms, by their hash (`oauth_body_hash`), for servers that support it. Default: false.
   *
   * @see https://datatracker.ietf.org/doc/html/draft-eaton-oauth-bodyhash-00
   */
  readonly forceIncludeBody?: boolean | undefined
}

/** Checked options with defaults. Contains secrets; must not leave closures. */
export interface Signer {
  readonly clientId: string
  readonly clientSecret: string
  readonly token: OAuth1Token | undefined
  readonly method: SignatureMethod
  readonly signatureType: SignatureType
  readonly rsaKey: KeyObject | undefined
  readonly realm: string | undefined
  readonly forceIncludeBody: boolean
}

/**
 * Checks options and fills in defaults.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when one is invalid or two contradict each other
 */
export function signerOf(options: OAuth1Options): Signer {
  const checked = checkValues(options, CHECKS, 'options') as unknown as OAuth1Options
  const { clientSecret = '', signatureMethod = 'HMAC-SHA1', signatureType = 'header', rsaKey } = checked
  if ((checked.clientId as string | undefined) === undefined)
    throw invalid('options.clientId is missing; the server issues it when you register your application')
  const method = typeof signatureMethod === 'string' ? signatureMethods[signatureMethod] : signatureMethod
  const isOwn = typeof signatureMethod !== 'string'
  if (method.name === 'RSA-SHA1' && rsaKey === undefined && !isOwn)
    throw invalid('options.rsaKey is missing; RSA-SHA1 requires it')
  if (method.name !== 'RSA-SHA1' && rsaKey !== undefined && !isOwn)
    throw invalid(
      `options.rsaKey and options.signatureMethod contradict each other: ${method.name} does not use a key. Set signatureMethod to RSA-SHA1`,
    )
  return {
    clientId: checked.clientId,
    clientSecret,
    token: tokenOf(checked),
    method,
    signatureType,
    rsaKey: rsaKey === undefined ? undefined : keyOf(rsaKey),
    realm: checked.realm,
    forceIncludeBody: checked.forceIncludeBody ?? false,
  }
}

function tokenOf({ token, tokenSecret }: OAuth1Options): OAuth1Token | undefined {
  if (token instanceof OAuth1Token) {
    if (tokenSecret === undefined) return token
    throw invalid(
      'options.tokenSecret and options.token contradict each other: an OAuth1Token includes its secret',
    )
  }
  if (token !== undefined) return new OAuth1Token({ token, tokenSecret })
  if (tokenSecret === undefined) return undefined
  throw invalid('options.tokenSecret is set without options.token; set both or none')
}

function keyOf(key: string | Uint8Array | KeyObject): KeyObject {
  return key instanceof KeyObject ? key : createPrivateKey(pemOf(key))
}

function pemOf(key: string | Uint8Array): string {
  return typeof key === 'string' ? key : Buffer.from(key).toString('latin1')
}

const TYPES: readonly SignatureType[] = ['header', 'query', 'body']

const CHECKS: Record<keyof OAuth1Options, Check> = {
  clientId: nonEmptyText,
  clientSecret: text,
  token: (value) => (value instanceof OAuth1Token ? undefined : nonEmptyText(value)),
  tokenSecret: text,
  signatureMethod: (value) =>
    typeof value === 'string' && Object.hasOwn(signatureMethods, value) ? undefined : problemOfOwn(value),
  signatureType: (value) =>
    TYPES.includes(value as SignatureType) ? undefined : `must be one of ${TYPES.join(', ')}`,
  rsaKey: problemOfKey,
  realm: (value) =>
    text(value) ?? (/^[\x20-\x7e]*$/.test(value as string) ? undefined : 'must be printable ASCII'),
  forceIncludeBody: flag,
}

/** A method defined by the caller. */
function problemOfOwn(value: unknown): string | undefined {
  const names = Object.keys(signatureMethods).join(', ')
  const { name, sign, bodyHash } = (value ?? {}) as Partial<Record<keyof SignatureMethod, unknown>>
  if (typeof name !== 'string' || name === '' || typeof sign !== 'function')
    return `must be one of ${names}, or an object with a name and a function sign`
  if (bodyHash !== undefined && !getHashes().includes(bodyHash as string))
    return 'has a bodyHash that this Node.js does not support; see crypto.getHashes()'
  return undefined
}

/** The message repeats nothing of the key. */
function problemOfKey(value: unknown): string | undefined {
  if (value instanceof KeyObject) return problemOfKind(value)
  if (typeof value !== 'string' && !(value instanceof Uint8Array))
    return `must be a private key as PEM text or as a KeyObject, not ${kindOf(value)}`
  const blocks = parsePem(pemOf(value))
  if (blocks.length === 0) return 'is not PEM; pass the content of the key file, not its path'
  if (blocks.some(isEncrypted)) return 'is encrypted; pass crypto.createPrivateKey({ key, passphrase })'
  try {
    return problemOfKind(keyOf(value))
  } catch (error) {
    const { code = 'unknown error' } = error as { code?: string }
    return `cannot be read as a private key (${code})`
  }
}

function problemOfKind({ type, asymmetricKeyType }: KeyObject): string | undefined {
  if (type !== 'private') return `must be a private key, not a ${type} key`
  return asymmetricKeyType === 'rsa'
    ? undefined
    : `must be an RSA key, not one of type ${String(asymmetricKeyType)}`
}

function invalid(problem: string): IgwnAuthError {
  return new IgwnAuthError('ERR_IGWN_INVALID_OPTION', `${problem}.`)
}
