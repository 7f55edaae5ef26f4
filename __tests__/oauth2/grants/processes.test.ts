/**
 * Processes of one user whose refresh token can be used once (RFC 9700 section 4.14.2): without a lock, only one succeeds. Two in
 * `npm test`, eight in `npm run test:slow`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import readline from 'node:readline'
import { everyCombination } from '../../support/combinations'
import { webLogin, password, type StoredToken } from '../../../lib/oauth2'
import { startOpenIdProvider, type OpenIdProvider } from '../../support/openid-provider'

let provider: OpenIdProvider
beforeAll(async () => {
  provider = await startOpenIdProvider()
}, 30_000)
afterAll(() => provider.close())

interface Outcome {
  readonly token?: string
  readonly code?: string
  readonly message?: string
}

/** Runs the program several times at once, with the built package; all request a token at the same moment. */
async function run(count: number, input: object): Promise<Outcome[]> {
  const ca = path.join(String(process.env.HOME), 'ca.pem')
  fs.writeFileSync(ca, provider.ca)
  const programs = Array.from({ length: count }, () => {
    const child = spawn(process.execPath, [path.join(__dirname, '../../support/renewing-process.mjs')], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, SSL_CERT_FILE: ca },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    child.stdin.write(`${JSON.stringify(input)}\n`)
    return { child, lines }
  })
  await Promise.all(programs.map(({ lines }) => lines.next()))
  const ended = programs.map(({ child }) => once(child, 'exit'))
  for (const { child } of programs) child.stdin.write('go\n')
  const outputs = await Promise.all(programs.map(async ({ lines }) => String((await lines.next()).value)))
  await Promise.all(ended)
  return outputs.map((line) => JSON.parse(line) as Outcome)
}

it('make one renewal, and none fails', async () => {
  const client = { issuer: provider.issuer, clientId: 'own', clientSecret: 'secret of own' }
  const axios = provider.http
  const login = { username: 'albert', password: 'password of albert' }
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  const { refresh_token: first = '' } = await password({ ...client, axios }, login).getTokenResponse()
  const folder = path.join(String(process.env.HOME), 'store')
  fs.mkdirSync(folder)
  const before = (await provider.seen()).length

  const outcomes = await run(everyCombination ? 8 : 2, { client, folder, first })
  const tokens = new Set(outcomes.map(({ token }) => token))
  expect(outcomes.filter(({ token }) => token === undefined)).toEqual([])
  expect(tokens.size).toBe(1)
  expect((await provider.seen()).slice(before)).toEqual([{ grant: 'refresh_token', ok: true }])

  // The provider has seen no refresh token twice.
  const stored = JSON.parse(fs.readFileSync(path.join(folder, 'albert'), 'utf8')) as StoredToken
  expect(stored.refresh_token).not.toBe(first)
  const steps = webLogin({ ...client, axios })
  expect(await steps.introspect([...tokens][0] ?? '')).toMatchObject({ active: true })
  await steps.refresh(stored)
  // It would notice: with the first one it revokes the login.
  await expect(steps.refresh(first)).rejects.toMatchObject({ error: 'invalid_grant' })
  expect(await steps.introspect([...tokens][0] ?? '')).toEqual({ active: false })
}, 60_000)
