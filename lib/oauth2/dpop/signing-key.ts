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
import { shortName } from '../../check-values'

/** A private key: PEM (PKCS#1, PKCS#8, SEC 1; may be encrypted), a JWK (RFC 7517), or a `KeyObject` of Node.js. */
export type PrivateKey = string | Uint8Array | KeyObject | Readonly<Record<string, unknown>>

/** A key that signs JWTs. Secret. */
export interface SigningKey {
  readonly key: KeyObject
  readonly alg: string
  readonly kid?: string | undefined
}

export interface KeyOptions {
  /** Signature algorithm (RFC 7518 section 3.1). Default: depends on the key. */
  readonly alg?: string | undefined
  /** Id of the key. Default: the one in a JWK, else none. */
  readonly kid?: string | undefined
  /** Passphrase of an encrypted key. Default: none. */
  readonly passphrase?: string | (() => string) | undefined
}

/**
 * Parses a private key and chooses its signature algorithm.
 *
 * @param owner - the option, for the message: "client.privateKey"
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid key, passphrase or algorithm
 */
export function signingKey(material: PrivateKey, options: KeyOptions, owner: string): SigningKey {
  const key = privateKeyOf(material, options, owner)
  const { alg = algorithmOf(key) } = options
  if (alg === undefined || !fits(key, alg))
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      `${owner} is a key of type ${key.asymmetricKeyType ?? key.type}, which cannot sign with ${alg === undefined ? 'any supported algorithm' : shortName(alg)}. ` +
        'Leave alg out, or set one that fits: RS256, PS256, ES256 (P-256), ES384 (P-384), ES512 (P-521), EdDSA (Ed25519).',
    )
  return { key, alg, kid: options.kid ?? kidIn(material) }
}

/**
 * A shared secret that signs with HMAC.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for another algorithm
 */
export function secretKey(secret: string, { alg, kid }: KeyOptions, owner: string): SigningKey {
  if (alg === undefined || !/^HS(?:256|384|512)$/.test(alg))
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      `${owner} is a secret, not a private key. Set alg to HS256, HS384 or HS512.`,
    )
  return { key: createSecretKey(Buffer.from(secret)), alg, kid }
}

/** A JWT in compact form (RFC 7519) with exactly these claims, without undefined ones. */
export async function signJwt(
  claims: Readonly<Record<string, unknown>>,
  { key, alg, kid }: SigningKey,
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const complete = { typ: 'JWT', ...header, ...(kid !== undefined && { kid }), alg }
  if (key.asymmetricKeyType === 'ed25519') return signEdDsa(complete, claims, key)
  // Imported here because loading it takes longer than loading the rest of this package.
  const { default: jsonwebtoken } = await import('jsonwebtoken')
  // As text, so that jsonwebtoken adds no claims.
  return jsonwebtoken.sign(JSON.stringify(claims), key, { algorithm: alg as 'RS256', header: complete })
}

/** jsonwebtoken does not support EdDSA (RFC 8037). */
function signEdDsa(header: object, claims: object, key: KeyObject): string {
  const input = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`
}

/** The public key as a JWK with its required members only. */
export function publicJwk({ key }: SigningKey): JsonWebKey {
  return createPublicKey(key).export({ format: 'jwk' })
}

/** The thumbprint of a key (RFC 7638 section 3). */
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
      `${owner} must be a private key, not a ${material.type} key.`,
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
    // Only the code: messages of Node.js may repeat the input.
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    const problem = isEncrypted(material)
      ? `is encrypted, and ${passphrase === undefined ? 'passphrase is not set' : `the passphrase is wrong (${code})`}. Set passphrase.`
      : `cannot be parsed (${code}). Pass a private key as PEM or as a JWK.`
    throw new IgwnAuthError('ERR_IGWN_INVALID_OPTION', `${owner} ${problem}`)
  }
}

/** `ENCRYPTED PRIVATE KEY` in PKCS#8, `Proc-Type: 4,ENCRYPTED` in older formats. */
function isEncrypted(material: PrivateKey): boolean {
  return Buffer.from(typeof material === 'string' || material instanceof Uint8Array ? material : '').includes(
    'ENCRYPTED',
  )
}

function kidIn(material: PrivateKey): string | undefined {
  const { kid } = material as { kid?: unknown }
  return typeof kid === 'string' ? kid : undefined
}

/** The default algorithm of a key (RFC 7518 section 3.1, RFC 8037 section 3.1). */
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

/** Each of these algorithms requires one curve. */
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
