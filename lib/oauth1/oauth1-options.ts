import { createPrivateKey, getHashes, KeyObject } from 'node:crypto'
import { checkValues, flag, type Check } from '../check-values'
import { IgwnAuthError } from '../errors'
import { isEncrypted, parsePem } from '../formats/pem'
import { kindOf } from '../tokens/token'
import { OAuth1Token } from './oauth1-token'
import { signatureMethods, type SignatureMethod, type SignatureMethodName } from './signature-method'

/** Where the protocol parameters stand in a request (RFC 5849 section 3.5). */
export type SignatureType = 'header' | 'query' | 'body'

/** Who signs requests with OAuth 1.0, and how (RFC 5849). */
export interface OAuth1Options {
  /** The client identifier, or consumer key (`oauth_consumer_key`): the server gives it when you register. */
  readonly clientId: string
  /** The client shared-secret, or consumer secret. Default is empty, as for RSA. */
  readonly clientSecret?: string | undefined
  /** The access token (`oauth_token`), or what {@link oauth1Flow} gave, secret and all. Default is none: the client alone signs. */
  readonly token?: string | OAuth1Token | undefined
  /** The token shared-secret. Default is empty. */
  readonly tokenSecret?: string | undefined
  /**
   * How requests are signed: `HMAC-SHA1`, `HMAC-SHA256`, `RSA-SHA1` (with `rsaKey`), `PLAINTEXT` (over TLS or to this machine
   * only), or a {@link SignatureMethod} of your own. Default is `HMAC-SHA1`.
   */
  readonly signatureMethod?: SignatureMethodName | SignatureMethod | undefined
  /**
   * Where the signature stands: in the `Authorization` field, in the query, or in a form body, which requests with another
   * body or with GET do not have. Default is `header`, as RFC 5849 section 3.5 prefers.
   */
  readonly signatureType?: SignatureType | undefined
  /** The RSA private key, as PEM that is not encrypted, or as Node's `KeyObject`. Default is none. */
  readonly rsaKey?: string | Uint8Array | KeyObject | undefined
  /** The `realm` of the `Authorization` field. Default is none. */
  readonly realm?: string | undefined
  /**
   * Sign bodies that are no forms too, by their hash (`oauth_body_hash`), for servers that know it. Default is false: only
   * parameters are signed. (https://datatracker.ietf.org/doc/html/draft-eaton-oauth-bodyhash-00)
   */
  readonly forceIncludeBody?: boolean | undefined
}

/** Options checked and with their defaults in place. It holds secrets, and stays in closures. */
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
 * Understands options.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when one cannot be used, or two contradict each other
 */
export function signerOf(options: OAuth1Options): Signer {
  const checked = checkValues(options, CHECKS, 'options') as unknown as OAuth1Options
  const { clientSecret = '', signatureMethod = 'HMAC-SHA1', signatureType = 'header', rsaKey } = checked
  if ((checked.clientId as string | undefined) === undefined)
    throw wrong('options.clientId is missing; the server gives it when you register your application')
  const method = typeof signatureMethod === 'string' ? signatureMethods[signatureMethod] : signatureMethod
  const isOwn = typeof signatureMethod !== 'string'
  if (method.name === 'RSA-SHA1' && rsaKey === undefined && !isOwn)
    throw wrong('options.rsaKey is missing; RSA-SHA1 signs with it')
  if (method.name !== 'RSA-SHA1' && rsaKey !== undefined && !isOwn)
    throw wrong(
      `options.rsaKey and options.signatureMethod contradict each other: ${method.name} has no use for a key. Set signatureMethod to RSA-SHA1`,
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
    throw wrong('options.tokenSecret and options.token contradict each other: this token has its secret')
  }
  if (token !== undefined) return new OAuth1Token({ token, tokenSecret })
  if (tokenSecret === undefined) return undefined
  throw wrong('options.tokenSecret is there and options.token is not; give both or none')
}

function keyOf(key: string | Uint8Array | KeyObject): KeyObject {
  return key instanceof KeyObject ? key : createPrivateKey(pemOf(key))
}

function pemOf(key: string | Uint8Array): string {
  return typeof key === 'string' ? key : Buffer.from(key).toString('latin1')
}

const text: Check = (value) =>
  typeof value === 'string' ? undefined : `must be a string, not ${kindOf(value)}`

/** Text that says something. */
export const filledText: Check = (value) => text(value) ?? (value === '' ? 'must not be empty' : undefined)

const TYPES: readonly SignatureType[] = ['header', 'query', 'body']

const CHECKS: Record<keyof OAuth1Options, Check> = {
  clientId: filledText,
  clientSecret: text,
  token: (value) => (value instanceof OAuth1Token ? undefined : filledText(value)),
  tokenSecret: text,
  signatureMethod: (value) =>
    typeof value === 'string' && Object.hasOwn(signatureMethods, value) ? undefined : problemOfOwn(value),
  signatureType: (value) =>
    TYPES.includes(value as SignatureType) ? undefined : `must be one of ${TYPES.join(', ')}`,
  rsaKey: problemOfKey,
  realm: (value) =>
    text(value) ??
    (/^[\x20-\x7e]*$/.test(value as string)
      ? undefined
      : 'has a character that no header field can hold; give printable ASCII'),
  forceIncludeBody: flag,
}

/** A method that a server has of its own. */
function problemOfOwn(value: unknown): string | undefined {
  const names = Object.keys(signatureMethods).join(', ')
  const { name, sign, bodyHash } = (value ?? {}) as Partial<Record<keyof SignatureMethod, unknown>>
  if (typeof name !== 'string' || name === '' || typeof sign !== 'function')
    return `must be one of ${names}, or an object with a name and a function sign`
  if (bodyHash !== undefined && !getHashes().includes(bodyHash as string))
    return 'has a bodyHash that this Node does not know; see crypto.getHashes()'
  return undefined
}

/** Without anything of the key. */
function problemOfKey(value: unknown): string | undefined {
  if (value instanceof KeyObject) return problemOfKind(value)
  if (typeof value !== 'string' && !(value instanceof Uint8Array))
    return `must be a private key as PEM text or as a KeyObject, not ${kindOf(value)}`
  const blocks = parsePem(pemOf(value))
  if (blocks.length === 0) return 'is no PEM text; give what the file of the key holds, not its path'
  if (blocks.some(isEncrypted)) return 'is encrypted; give crypto.createPrivateKey({ key, passphrase })'
  try {
    return problemOfKind(keyOf(value))
  } catch (error) {
    const { code = 'unknown error' } = error as { code?: string }
    return `cannot be read as a private key (${code})`
  }
}

function problemOfKind({ type, asymmetricKeyType }: KeyObject): string | undefined {
  if (type !== 'private') return `must be a private key, and is a ${type} key`
  return asymmetricKeyType === 'rsa'
    ? undefined
    : `must be an RSA key, and is of type ${String(asymmetricKeyType)}`
}

function wrong(problem: string): IgwnAuthError {
  return new IgwnAuthError('ERR_IGWN_INVALID_OPTION', `${problem}.`)
}
