import {
  createHash,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  KeyObject,
  sign,
  type JsonWebKey,
} from 'node:crypto'
import { IgwnAuthError } from '../../errors'
import { shortName } from '../checks'

/** A private key: PEM (PKCS#1, PKCS#8, SEC 1, encrypted ones too), a JWK (RFC 7517), or Node's own. */
export type PrivateKey = string | Uint8Array | KeyObject | Readonly<Record<string, unknown>>

/** What signs a JWT. Secret. */
export interface SigningKey {
  readonly key: KeyObject
  readonly alg: string
  readonly kid?: string | undefined
}

export interface KeyOptions {
  /** The algorithm that it signs with (RFC 7518 section 3.1). Default goes by the key. */
  readonly alg?: string | undefined
  /** The name of the key. Default is the one in a JWK, else none. */
  readonly kid?: string | undefined
  /** Of an encrypted key. Default is none. */
  readonly passphrase?: string | (() => string) | undefined
}

/**
 * Reads a private key in any of its forms, and says with which algorithm it signs.
 *
 * @param owner - whose it is, for the message: "client.privateKey"
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when it is none, needs another passphrase, or does not fit the algorithm
 */
export function signingKey(material: PrivateKey, options: KeyOptions, owner: string): SigningKey {
  const key = privateKeyOf(material, options, owner)
  const { alg = algorithmOf(key) } = options
  if (alg === undefined || !fits(key, alg))
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      `${owner} is a key of type ${key.asymmetricKeyType ?? key.type}, which does not sign with ${alg === undefined ? 'any algorithm known here' : shortName(alg)}. ` +
        'Leave alg out, or give one that fits: RS256, PS256, ES256 (P-256), ES384 (P-384), ES512 (P-521), EdDSA (Ed25519).',
    )
  return { key, alg, kid: options.kid ?? kidIn(material) }
}

/**
 * A secret that is shared with whom the JWT is for.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when the algorithm is not one of secrets
 */
export function secretKey(secret: string, { alg, kid }: KeyOptions, owner: string): SigningKey {
  if (alg === undefined || !/^HS(?:256|384|512)$/.test(alg))
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      `${owner} is a secret and no private key: it signs with HS256, HS384 or HS512, and alg must say which.`,
    )
  return { key: createSecretKey(Buffer.from(secret)), alg, kid }
}

/** A JWT in compact form (RFC 7519) with exactly these claims, but for undefined ones. */
export async function signJwt(
  claims: Readonly<Record<string, unknown>>,
  { key, alg, kid }: SigningKey,
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const complete = { typ: 'JWT', ...header, ...(kid !== undefined && { kid }), alg }
  if (key.asymmetricKeyType === 'ed25519') return signEdDsa(complete, claims, key)
  // Loaded here, as for verifying: it takes longer to load than all of this package.
  const { default: jsonwebtoken } = await import('jsonwebtoken')
  // As text, so that jsonwebtoken adds nothing.
  return jsonwebtoken.sign(JSON.stringify(claims), key, { algorithm: alg as 'RS256', header: complete })
}

/** jsonwebtoken has no EdDSA (RFC 8037). */
function signEdDsa(header: object, claims: object, key: KeyObject): string {
  const input = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`
}

/** The public half as a JWK, with the members that belong to it and no other. */
export function publicJwk({ key }: SigningKey): JsonWebKey {
  return createPublicKey(key).export({ format: 'jwk' })
}

/** What names a key by itself (RFC 7638 section 3). */
export function thumbprint(jwk: JsonWebKey): string {
  const members = Object.entries(jwk).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256')
    .update(JSON.stringify(Object.fromEntries(members)))
    .digest('base64url')
}

function privateKeyOf(material: PrivateKey, { passphrase }: KeyOptions, owner: string): KeyObject {
  if (material instanceof KeyObject) {
    if (material.type === 'private') return material
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      `${owner} is a ${material.type} key, and must be a private one.`,
    )
  }
  try {
    if (typeof material === 'string' || material instanceof Uint8Array)
      return createPrivateKey({
        key: Buffer.from(material),
        passphrase: typeof passphrase === 'function' ? passphrase() : passphrase,
      })
    return createPrivateKey({ key: material, format: 'jwk' })
  } catch (error) {
    // The code alone: messages of Node may repeat what they were given.
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    const problem = isEncrypted(material)
      ? `is encrypted, and ${passphrase === undefined ? 'there is no passphrase' : `the passphrase does not open it (${code})`}. Give passphrase.`
      : `cannot be read (${code}). Give a private key as PEM or as a JWK.`
    throw new IgwnAuthError('ERR_IGWN_INVALID_OPTION', `${owner} ${problem}`)
  }
}

/** `ENCRYPTED PRIVATE KEY` of PKCS#8, `Proc-Type: 4,ENCRYPTED` of the older forms. */
function isEncrypted(material: PrivateKey): boolean {
  return Buffer.from(typeof material === 'string' || material instanceof Uint8Array ? material : '').includes(
    'ENCRYPTED',
  )
}

function kidIn(material: PrivateKey): string | undefined {
  const { kid } = material as { kid?: unknown }
  return typeof kid === 'string' ? kid : undefined
}

/** The usual algorithm of a key (RFC 7518 section 3.1, RFC 8037 section 3.1). */
function algorithmOf(key: KeyObject): string | undefined {
  return key.asymmetricKeyType === 'ec'
    ? CURVES[key.asymmetricKeyDetails?.namedCurve ?? '']
    : ALGORITHMS[key.asymmetricKeyType ?? '']?.[0]
}

function fits(key: KeyObject, alg: string): boolean {
  return key.asymmetricKeyType === 'ec'
    ? algorithmOf(key) === alg
    : (ALGORITHMS[key.asymmetricKeyType ?? '']?.includes(alg) ?? false)
}

/** ES256 and its like each have a curve of their own. */
const CURVES: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
}

const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  rsa: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  'rsa-pss': ['PS256', 'PS384', 'PS512'],
  ed25519: ['EdDSA', 'Ed25519'],
}
