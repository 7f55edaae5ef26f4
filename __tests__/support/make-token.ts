import { generateKeyPairSync } from 'node:crypto'
import jsonwebtoken from 'jsonwebtoken'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** A SciToken for any audience that expires in an hour; `claims` override its claims. */
export function mint(claims: Record<string, unknown> = {}): string {
  const now = Math.floor(Date.now() / 1000)
  const all = {
    iss: 'https://issuer.test',
    sub: 'someone',
    ver: 'scitoken:2.0',
    aud: 'ANY',
    scope: 'read:/',
    exp: now + 3600,
    nbf: now,
    ...claims,
  }
  return jsonwebtoken.sign(all, privateKey, { algorithm: 'ES256', keyid: 'k1' })
}
