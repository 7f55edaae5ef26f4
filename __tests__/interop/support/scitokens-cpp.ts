/** The commands of scitokens-cpp. They take the issuer's keys from their cache; nothing goes over a network. */
import { execFile, execFileSync } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Issuer } from './issuer'
import { newFolder, write } from './room'

export const PROFILES = ['scitokens1', 'scitokens2', 'wlcg', 'atjwt'] as const
export type Profile = (typeof PROFILES)[number]

/** What a command says: undefined for yes, else why not. */
export type Objection = string | undefined

export interface ScitokensCpp {
  /** A token of ten minutes, as `scitokens-create` makes it. */
  create(profile: Profile, claims: Readonly<Record<string, string>>): string
  /** What `scitokens-verify` has against a token. */
  verify(token: string): Promise<Objection>
  /** What `scitokens-test-access` has against using a token at this audience for this. */
  testAccess(token: string, audience: string, authorization: string, path: string): Promise<Objection>
}

export function scitokensCpp(issuer: Issuer): ScitokensCpp {
  const folder = newFolder('scitokens-cpp')
  const key = write(path.join(folder, 'key.pem'), issuer.pem.key)
  const publicKey = write(path.join(folder, 'public.pem'), issuer.pem.publicKey)
  issuer.seedCache(folder)
  const env = { PATH: process.env.PATH, XDG_CACHE_HOME: folder, HOME: folder }

  async function objection(program: string, ...args: string[]): Promise<Objection> {
    try {
      await promisify(execFile)(program, args, { env })
      return undefined
    } catch (error) {
      const { stderr, stdout } = error as { stderr?: string; stdout?: string }
      return `${stderr ?? ''}${stdout ?? ''}`.trim() || String(error)
    }
  }

  return {
    create(profile, claims) {
      const named = Object.entries(claims).flatMap(([name, value]) => ['--claim', `${name}=${value}`])
      const args = [
        '--cred',
        publicKey,
        '--key',
        key,
        '--keyid',
        'ES256',
        '--issuer',
        issuer.url,
        '--profile',
        profile,
      ]
      return execFileSync('scitokens-create', [...args, ...named], { env, encoding: 'utf8' }).trim()
    },
    verify: (token) => objection('scitokens-verify', token),
    testAccess: (token, ...rest) => objection('scitokens-test-access', token, issuer.url, ...rest),
  }
}
