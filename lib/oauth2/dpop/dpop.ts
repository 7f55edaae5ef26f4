import { ownProperties } from '../../check-values'
import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto'
import { secondsNow } from '../../clock'
import { IgwnAuthError } from '../../errors'
import type { AuthScheme, SchemeResponse, RequestChanges } from '../../schemes/auth-scheme'
import type { OAuthTokenSource } from '../grants/renewing-grant'
import { publicJwk, signingKey, signJwt, thumbprint, type KeyOptions, type PrivateKey } from './signing-key'

/** A private key that tokens are bound to (DPoP, RFC 9449). It cannot be read from this object; it only signs proofs. */
export interface DPoPKey {
  /** `jkt`: the thumbprint of the key in tokens (RFC 9449 section 6.1). */
  readonly thumbprint: string
  /** Returns the value of the `DPoP` header for one request (RFC 9449 section 4.2). */
  proof(request: DPoPRequest): Promise<string>
  /** Stores the nonce that a server requires in the next proof (RFC 9449 section 8). */
  remember(origin: string, nonce: string): void
}

/** The request that a proof is for. */
export interface DPoPRequest {
  /** HTTP method (`htm`). */
  readonly method: string
  /** URL; `htu` is this URL without query and fragment. */
  readonly url: URL
  /** The access token of the request. Default: none, as at the token endpoint. */
  readonly accessToken?: string | undefined
}

/** Options of {@link dpopKey}. */
export interface DPoPKeyOptions extends Omit<KeyOptions, 'kid'> {
  /** The private key. Default: a new P-256 key in memory; stored tokens that are bound to it cannot be used by another process. */
  readonly privateKey?: PrivateKey | undefined
}

/**
 * A key for DPoP: set it as option `dpop` of a client, and pass it to {@link dpop} to send requests with the tokens.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid private key
 */
export function dpopKey(options: DPoPKeyOptions = {}): DPoPKey {
  const own = ownProperties(options)
  const { privateKey } = own
  const material = privateKey ?? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  // Without kid: the header contains the public key.
  const { key, alg } = signingKey(material, { alg: own.alg, passphrase: own.passphrase }, 'privateKey')
  const jwk = publicJwk({ key, alg })
  const nonces = new Map<string, string>()

  return {
    thumbprint: thumbprint(jwk),
    proof({ method, url, accessToken }) {
      const claims = {
        jti: randomUUID(),
        htm: method,
        htu: url.origin + url.pathname,
        iat: Math.floor(secondsNow()),
        ath: accessToken && createHash('sha256').update(accessToken).digest('base64url'),
        nonce: nonces.get(url.origin),
      }
      return signJwt(claims, { key, alg }, { typ: 'dpop+jwt', jwk })
    },
    remember(origin, nonce) {
      if (nonces.size >= MAX_NONCES) nonces.clear()
      nonces.set(origin, nonce)
    },
  }
}

/** Bounds memory; a lost nonce costs one more request. */
const MAX_NONCES = 1000

/**
 * Sends requests with tokens that are bound to a key, each with a proof of possession (RFC 9449 section 7):
 * `applyIgwnAuth(instance, { scheme: dpop(source, key) })`. Use the key of the client of the source.
 *
 * A request is sent again with a nonce that the server requires, and with another token when the server rejects this one.
 */
export function dpop(source: OAuthTokenSource, key: DPoPKey): AuthScheme {
  const sent = new WeakMap<RequestChanges, { readonly token: string; readonly origin: string }>()

  return {
    name: 'DPoP',
    async authorize({ method, url, query }) {
      const { access_token: token, token_type: type = 'Bearer' } = await source.getTokenResponse(query)
      if (type !== 'DPoP')
        throw new IgwnAuthError(
          'ERR_IGWN_INVALID_OPTION',
          `The token has the type ${type} and is not bound to a key. Set client.dpop to the same key, or use the source as option token. Nothing was sent.`,
        )
      const proof = await key.proof({ method, url, accessToken: token })
      const changes = { headers: { Authorization: `DPoP ${token}`, DPoP: proof } }
      sent.set(changes, { token, origin: url.origin })
      return changes
    },
    onResponse({ header }, changes) {
      const nonce = header('DPoP-Nonce')
      const { origin } = sent.get(changes) ?? {}
      if (nonce !== undefined && origin !== undefined) key.remember(origin, nonce)
    },
    shouldRetry({ challenges }: SchemeResponse, changes) {
      const challenge = challenges.find(({ scheme }) => scheme === 'dpop')
      const { token } = sent.get(changes) ?? {}
      if (!challenge || token === undefined) return false
      // `onResponse` stored the nonce; the token is valid.
      if (challenge.params.error === 'use_dpop_nonce') return true
      if (challenge.params.error === 'invalid_dpop_proof') return false
      source.invalidate(token)
      return true
    },
  }
}
