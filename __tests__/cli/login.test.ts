/** The commands `login`, `status` and `logout`; more of them on terminals in `log-in.test.ts`. */
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { browse } from '../support/browser'
import { igwnAuth, itOnTerminal, onTerminal, runtimeFile } from '../support/command'
import {
  asUser,
  atProvider,
  expectNothingSecret,
  kept,
  loginFile,
  modeOf,
  PAGE,
  secretsOnDisk,
  stateFolder,
} from '../support/log-in'
import { startOpenIdProvider } from '../support/openid-provider'
import { serve, type TestServer } from '../support/server'
import { emptyPlaces, mint, now, put } from '../support/tokens'

beforeEach(() => {
  emptyPlaces()
  fs.rmSync(stateFolder(), { recursive: true, force: true })
})

itOnTerminal(
  'login in the browser writes the token where requests find it; then renews it silently; logout revokes both',
  async () => {
    const provider = await startOpenIdProvider()
    try {
      const env = { SSL_CERT_FILE: put(kept('ca.pem'), provider.ca) }
      const visit = (url: string) => browse(provider.http, url)
      const ended = await asUser(atProvider(provider, '--web', '--client-id', 'cli'), PAGE, visit, { env })
      expect(ended.stdout).toContain(`Logged in at ${provider.issuer}`)
      expect(ended.code).toBe(0)
      expect([modeOf(runtimeFile()), modeOf(loginFile()), modeOf(stateFolder())]).toEqual([
        '600',
        '600',
        '700',
      ])
      expectNothingSecret(ended)

      const { stdout } = await igwnAuth([
        'token',
        'https://gracedb.example.org',
        '--scope',
        'gracedb.read',
        '--json',
      ])
      expect(JSON.parse(stdout)).toMatchObject({
        source: runtimeFile(),
        subject: 'albert',
        issuer: provider.issuer,
      })

      const before = secretsOnDisk()
      const renewed = await igwnAuth(['login', '--no-input', '--min-time-left', '3600', '--json'], { env })
      expect(renewed).toMatchObject({ code: 0, stderr: '' })
      expect(JSON.parse(renewed.stdout)).toMatchObject({ outcome: 'renewed', server: provider.issuer })
      expectNothingSecret(renewed)
      expect(secretsOnDisk().filter((secret) => before.includes(secret))).toEqual([])

      expect(await igwnAuth(['logout'], { env })).toMatchObject({
        code: 0,
        stdout: `Logged out of ${provider.issuer}. Removed ${runtimeFile()} and the login in ${loginFile()}.\n`,
        stderr: '',
      })
      expect(secretsOnDisk()).toEqual([])
      expect(fs.existsSync(runtimeFile())).toBe(false)
    } finally {
      await provider.close()
    }
  },
  60_000,
)

/** A server whose tokens have any claims, after a login with a code or by refresh token. */
async function issuerOf(claims: object, beforeToken?: Promise<void>, folder = ''): Promise<TestServer> {
  const server: TestServer = await serve(async ({ url }) => {
    if (url === '/token') await beforeToken
    const { origin } = server
    const answers: Readonly<Record<string, object>> = {
      '/token': {
        access_token: mint({ iss: origin, ...claims }),
        refresh_token: 'canary-refresh',
        expires_in: 3600,
        token_type: 'Bearer',
      },
      '/device': {
        device_code: 'd',
        user_code: 'AB',
        verification_uri: 'https://example.org',
        interval: 1,
        expires_in: 600,
      },
      '/revoke': {},
    }
    const metadata = {
      issuer: `${origin}${folder}`,
      token_endpoint: `${origin}/token`,
      device_authorization_endpoint: `${origin}/device`,
      revocation_endpoint: `${origin}/revoke`,
    }
    return { body: JSON.stringify(answers[url] ?? metadata) }
  })
  return server
}
const revokedAt = ({ seen }: TestServer) =>
  seen.filter(({ url }) => url === '/revoke').map(({ body }) => new URLSearchParams(body).get('token'))

/** What an earlier login has left. */
function putLogin({ origin }: TestServer, more: object = {}) {
  const login = {
    issuer: origin,
    clientId: 'me',
    scope: ['gracedb.read'],
    audience: ['https://gracedb.example.org'],
  }
  const entry = { access_token: 'none', expires_at: 1, refresh_token: 'canary-before', login, ...more }
  put(loginFile(), JSON.stringify({ [`login ${runtimeFile()}`]: entry }))
}

itOnTerminal('a login at Keycloak revokes none of the same client, which would end all of them', async () => {
  const server = await issuerOf({}, undefined, '/realms/igwn')
  const origin = `${server.origin}/realms/igwn`
  putLogin({ ...server, origin })
  expect(await onTerminal(['login', '--issuer', origin, '--client-id', 'me', '--device'])).toMatchObject({
    code: 0,
  })
  expect(fs.readFileSync(loginFile(), 'utf8')).toContain('canary-refresh')
  expect(revokedAt(server)).toEqual([])
})

describe('a token that is not what was asked for', () => {
  it.each([
    ['issuer', { iss: 'https://other.example.org' }, 'is from issuer https://other.example.org, not '],
    ['audience', { aud: 'https://other.example.org' }, 'is for audience https://other.example.org, not '],
    ['scope', { scope: 'read:/' }, 'has scope read:/, not gracedb.read'],
  ])('is written with a warning when it has another %s', async (_name, claims, message) => {
    putLogin(await issuerOf({ aud: 'https://gracedb.example.org', scope: 'gracedb.read', ...claims }))
    const { code, stdout, stderr } = await igwnAuth(['login', '--no-input', '--json'])
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining(message) as string })
    expect(JSON.parse(stdout)).toMatchObject({
      outcome: 'renewed',
      warning: expect.stringContaining(message) as string,
    })
  })

  it('is not written when it has expired', async () => {
    putLogin(await issuerOf({ exp: now() - 600 }))
    expect(await igwnAuth(['login', '--no-input'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/the token of \S+ expired 10 minutes ago; it was not written/) as string,
    })
    expect(fs.existsSync(runtimeFile())).toBe(false)
  })
})

itOnTerminal('a login that replaces another one revokes its refresh token', async () => {
  const before = await issuerOf({})
  const server = await issuerOf({})
  putLogin(before)
  const words = ['login', '--issuer', server.origin, '--client-id', 'me', '--device']
  expect(await onTerminal(words)).toMatchObject({ code: 0 })
  expect([revokedAt(before), revokedAt(server)]).toEqual([['canary-before'], []])
  await before.close()
  putLogin(before)
  const { code, stdout } = await onTerminal(words, { columns: 500 })
  expect(code).toBe(0)
  expect(stdout).toContain(`the login before, at ${before.origin}, was replaced, but not revoked: `)
  expect(stdout).not.toContain('canary')
})

describe('login', () => {
  const EXPECTS_URL =
    '--issuer expects a URL, such as https://issuer.example.org; with --vault, the name of the issuer there'

  it.each([
    [['--issuer', 'igwn'], EXPECTS_URL],
    [['--issuer', 'https://me:canary@issuer.example.org'], EXPECTS_URL],
    [['--client-id', 'me'], '--preset and --client-id need --issuer, the URL of the server'],
    [
      ['--vault', 'v.example.org', '--preset', 'iam'],
      "option '--vault <server>' cannot be used with option '--preset <kind>'",
    ],
    [
      ['--preset', 'iamm'],
      "option '--preset <kind>' argument 'iamm' is invalid. Allowed choices are iam, keycloak, cilogon, pelican, igwn.",
    ],
    [['--web', '--device'], "option '--web' cannot be used with option '--device'"],
    [['--out', 'x'], "unknown option '--out'. Use -o, --output FILE."],
  ])('rejects %j', async (words, message) => {
    const { code, stderr } = await igwnAuth(['login', ...words])
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(message) as string })
    expect(stderr).not.toContain('canary')
  })

  it('reports a server that cannot be reached, and a file that others can read', async () => {
    expect(await igwnAuth(['login', '--issuer', 'https://127.0.0.1:1', '--client-id', 'me'])).toMatchObject({
      code: 56,
      stderr: expect.stringContaining('https://127.0.0.1:1 cannot be reached') as string,
    })
    put(loginFile(), '{}', 0o644)
    expect(await igwnAuth(['login'])).toMatchObject({
      code: 23,
      stderr: expect.stringContaining('is accessible to others (mode 0644)') as string,
    })
  })

  it('without a terminal says what to do, also as JSON', async () => {
    const { code, stdout, stderr } = await igwnAuth(['login', '--vault', 'https://127.0.0.1:1', '--json'])
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^igwn-auth: a login is required and cannot be started: there is no terminal\n {2}\S/,
    )
    expect(JSON.parse(stdout)).toMatchObject({
      error: {
        exitCode: 1,
        fixes: ['run igwn-auth login with the same options on a terminal, once; later runs renew the token'],
      },
    })
  })
})

describe('status', () => {
  it('fails when nothing is usable, and lists what is there; also as JSON', async () => {
    expect(await igwnAuth(['status'])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^igwn-auth: no credential found\n +To fix:\n +igwn-auth login\n/,
      ) as string,
    })
    put(runtimeFile(), mint({ exp: now() - 60 }))
    const { code, stdout, stderr } = await igwnAuth(['status', '--json'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/skipped +\S*bt_u1000\n +expired/)
    expect(JSON.parse(stdout)).toMatchObject({
      error: { exitCode: 1, message: 'no usable credential found' },
      credentials: [{ code: 'expired', renewal: 'igwn-auth login, with a new login' }],
    })
  })
})

describe('logout', () => {
  it('waits for a renewal, and removes what it wrote, of a link also its target', async () => {
    let answer = () => {}
    const server = await issuerOf({}, new Promise((resolve) => (answer = resolve)))
    putLogin(server)
    put(`${runtimeFile()}.target`, '')
    fs.symlinkSync(`${runtimeFile()}.target`, runtimeFile())
    const renewal = igwnAuth(['login', '--no-input'])
    while (!server.seen.some(({ url }) => url === '/token')) await wait(5)
    const logout = igwnAuth(['logout'], {
      meanwhile: async ({ said, hasEnded }) => {
        while (said.stderr === '' && !hasEnded()) await wait(5)
        answer()
      },
    })
    expect(await logout).toMatchObject({
      code: 0,
      stderr: `igwn-auth: waiting for another igwn-auth that logs in or out with ${runtimeFile()}\n`,
    })
    expect(await renewal).toMatchObject({ code: 0 })
    expect(revokedAt(server)).toContain('canary-refresh')
    expect(secretsOnDisk()).toEqual([])
    expect(fs.readdirSync(path.dirname(runtimeFile()))).toEqual([])
  })

  it('treats settings that were damaged as none', async () => {
    put(loginFile(), JSON.stringify({ [`login ${runtimeFile()}`]: { access_token: 'none', login: null } }))
    expect(await igwnAuth(['logout'])).toMatchObject({ code: 0, stdout: 'Nothing to log out of.\n' })
  })

  it('removes a token of another program, and revokes nothing', async () => {
    put(runtimeFile(), mint())
    expect(await igwnAuth(['logout'])).toMatchObject({
      code: 0,
      stdout: `Removed ${runtimeFile()}. igwn-auth did not log in for it, so nothing was revoked.\n`,
    })
    expect((await igwnAuth(['logout', '--json'])).stdout).toBe('{\n  "removed": []\n}\n')
  })
})
