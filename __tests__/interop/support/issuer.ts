/**
 * A token issuer without a server: its keys, tokens signed with them, and the keys in the cache of libscitokens. Version 0.7.3
 * of that library trusts only the CAs of the host, so it cannot fetch keys from a test server; it does not fetch cached keys.
 */
import { createSigningKey, now } from '../../support/tokens'
import { python } from './python'

export type Algorithm = 'ES256' | 'RS256'

export interface Issuer {
  /** The `iss` of its tokens. */
  readonly url: string
  /**
   * A SciToken 2.0 for any audience with scope `read:/data`, valid for ten minutes. `claims` override its claims; undefined
   * omits one.
   */
  mint(claims?: Readonly<Record<string, unknown>>, options?: MintOptions): string
  /** Its public keys in the published form (RFC 7517). */
  readonly jwks: readonly object[]
  /** Its key for ES256, PEM: private (PKCS#8) and public. */
  readonly pem: { readonly key: string; readonly publicKey: string }
  /** Writes its keys into the cache of libscitokens below this XDG_CACHE_HOME. */
  seedCache(folder: string): void
}

export interface MintOptions {
  readonly algorithm?: Algorithm
  /** More header parameters. */
  readonly header?: Readonly<Record<string, unknown>>
}

export function createIssuer(url = 'https://issuer.example.org'): Issuer {
  const keys = {
    ES256: createSigningKey('ES256'),
    RS256: createSigningKey('RS256', 'RS256'),
  }
  const jwks = [keys.ES256.jwk, keys.RS256.jwk]
  let minted = 0
  return {
    url,
    mint(claims = {}, { algorithm = 'ES256', header = {} } = {}) {
      const all = {
        ver: 'scitoken:2.0',
        iss: url,
        sub: 'albert',
        aud: 'ANY',
        scope: 'read:/data',
        jti: `token-${(minted += 1)}`,
        iat: now() - 5,
        nbf: now() - 5,
        exp: now() + 600,
        ...claims,
      }
      return keys[algorithm].sign(all, header)
    },
    pem: {
      key: keys.ES256.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      publicKey: keys.ES256.publicKey.export({ type: 'spki', format: 'pem' }) as string,
    },
    jwks,
    seedCache: cacheOf(url, jwks),
  }
}

/** A Python program that writes the keys of an issuer into a cache of libscitokens. */
export function cacheOf(url: string, jwks: readonly object[]): Issuer['seedCache'] {
  return (folder) => {
    python(SEED, { folder, issuer: url, keys: jwks })
  }
}

/** In Python, because Node.js 20 has no SQLite. The two times are when the keys expire, and when to refresh them. */
const SEED = `
import os, sqlite3, time
cache = os.path.join(given["folder"], "scitokens")
os.makedirs(cache, exist_ok=True)
database = sqlite3.connect(os.path.join(cache, "scitokens_cpp.sqllite"))
database.execute("CREATE TABLE IF NOT EXISTS keycache (issuer text UNIQUE PRIMARY KEY NOT NULL, keys text NOT NULL)")
tomorrow = int(time.time()) + 86400
entry = {"expires": tomorrow, "next_update": tomorrow, "jwks": {"keys": given["keys"]}}
database.execute("INSERT OR REPLACE INTO keycache VALUES (?, ?)", (given["issuer"], json.dumps(entry)))
database.commit()
`
