/** The commands of scitokens-cpp. They read the keys of the issuer from their cache and do not use the network. */
import { execFile, execFileSync } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Issuer } from './issuer'
import { newFolder, write } from './room'

export const PROFILES = ['scitokens1', 'scitokens2', 'wlcg', 'atjwt'] as const
export type Profile = (typeof PROFILES)[number]

/** The result of a command: undefined for success, otherwise the reason. */
export type Objection = string | undefined

export interface ScitokensCpp {
  /** A token from `scitokens-create`, valid for ten minutes. */
  create(profile: Profile, claims: Readonly<Record<string, string>>): string
  /** Why `scitokens-verify` rejects a token. */
  verify(token: string): Promise<Objection>
  /** Why `scitokens-test-access` rejects a token for this audience, scope and path. */
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
