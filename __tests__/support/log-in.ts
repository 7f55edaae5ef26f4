/** The user of `igwn-auth login`, who has a terminal and a browser, and what is on disk afterwards. */
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { onTerminal, runtimeFile, type Ended, type Running, type TerminalOptions } from './command'
import type { OpenIdProvider } from './openid-provider'

export const AUDIENCE = 'https://gracedb.example.org'

/** A file outside of the folders that each test empties. */
export const kept = (name: string) => path.join(String(process.env.TMPDIR), name)
export const stateFolder = () => path.join(String(process.env.HOME), '.local', 'state', 'igwn-auth')
export const loginFile = () => path.join(stateFolder(), 'logins.json')
/** The words of a login at a provider. */
export const atProvider = (provider: OpenIdProvider, ...more: string[]) => [
  'login',
  '--issuer',
  provider.issuer,
  '--audience',
  AUDIENCE,
  '--scope',
  'gracedb.read',
  ...more,
]
/** Everything secret that is on disk after a login. */
export function secretsOnDisk(): string[] {
  const texts = fs.existsSync(loginFile()) ? fs.readFileSync(loginFile(), 'utf8') : '{}'
  const entries = Object.values(JSON.parse(texts) as Record<string, Record<string, unknown>>)
  const token = fs.existsSync(runtimeFile()) ? [fs.readFileSync(runtimeFile(), 'utf8').trim()] : []
  const stored = entries.flatMap(({ access_token, refresh_token }) => [access_token, refresh_token])
  return [...token, ...stored].filter((one): one is string => typeof one === 'string' && one !== 'none')
}
export function expectNothingSecret({ stdout, stderr }: Ended, secrets = secretsOnDisk()) {
  expect(secrets.length).toBeGreaterThan(0)
  for (const secret of secrets) expect(stdout + stderr).not.toContain(secret)
}

/** Runs `igwn-auth` on a terminal, and acts as the user: opens the first URL that matches. */
export const asUser = (
  words: readonly string[],
  pattern: RegExp,
  visit: (url: string) => unknown,
  { env, ...options }: TerminalOptions = {},
) =>
  onTerminal(words, {
    env: { BROWSER: '/bin/true', ...env },
    columns: 500,
    ...options,
    meanwhile: async ({ said, hasEnded }: Running) => {
      for (;;) {
        const [url] = pattern.exec(said.stdout) ?? []
        if (url !== undefined) return visit(url)
        if (hasEnded()) return undefined
        await wait(10)
      }
    },
  })
/** The page of a login in the browser of this host, in what was printed. */
export const PAGE = /https:\S+\/auth\?\S+(?=\s)/
/** That of a login with a code. */
export const DEVICE_PAGE = /https:\S+\/device\?user_code=\S+(?=\s)/

export const modeOf = (file: string) => (fs.statSync(file).mode & 0o777).toString(8)
