import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto'
import { secondsNow } from '../../clock'
import { publicJwk, signingKey, signJwt, thumbprint, type KeyOptions, type PrivateKey } from './signing-key'

/** A key that tokens are bound to (DPoP, RFC 9449). It shows in nothing; what it gives are proofs for single requests. */
export interface DPoPKey {
  /** `jkt`: the thumbprint by which tokens name the key (RFC 9449 section 6.1). */
  readonly thumbprint: string
  /** The value of the `DPoP` header for one request (RFC 9449 section 4.2). */
  proof(request: DPoPRequest): Promise<string>
  /** Remembers the nonce that a server wants in the next proof (RFC 9449 section 8). */
  remember(origin: string, nonce: string): void
}

/** What a proof is of. */
export interface DPoPRequest {
  /** `htm`. */
  readonly method: string
  /** `htu`, once query and fragment are off. */
  readonly url: URL
  /** The token that goes with the request; none at the token endpoint. */
  readonly accessToken?: string | undefined
}

/** The key, where it is not to be a new one. */
export interface DPoPKeyOptions extends Omit<KeyOptions, 'kid'> {
  /**
   * The private key. Default is a new one, P-256, that lives as long as this object: tokens in a store are then of no use
   * after it.
   */
  readonly privateKey?: PrivateKey | undefined
}

/**
 * Makes a key for DPoP: for the token requests of a client as its option `dpop`, and for requests with its tokens by
 * {@link dpop}.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when the private key cannot be used
 */
export function dpopKey({ privateKey, ...options }: DPoPKeyOptions = {}): DPoPKey {
  const material = privateKey ?? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  // The header names the key by itself.
  const { key, alg } = signingKey(material, options, 'privateKey')
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

/** More servers than a program talks to. */
const MAX_NONCES = 1000
