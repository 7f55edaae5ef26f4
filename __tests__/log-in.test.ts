/** `login`, `status` and `logout` on a terminal, against a real OpenID Provider and a stand-in for Vault. */
import fs from 'node:fs'
import https from 'node:https'
import path from 'node:path'
import axios from 'axios'
import { browse } from './support/browser'
import { igwnAuth, itOnTerminal, runtimeFile, type TerminalOptions } from './support/command'
import {
  asUser as act,
  AUDIENCE,
  atProvider as wordsAt,
  DEVICE_PAGE,
  expectNothingSecret,
  kept,
  loginFile,
  modeOf,
  PAGE,
  secretsOnDisk,
  stateFolder,
} from './support/log-in'
import { startOpenIdProvider, type OpenIdProvider } from './support/openid-provider'
import { createAuthority } from './support/pki'
import { serve, type Answer, type Seen, type TestServer } from './support/server'
import { emptyPlaces, mint, put } from './support/tokens'

let provider: OpenIdProvider
beforeAll(async () => {
  provider = await startOpenIdProvider()
  process.env.SSL_CERT_FILE = put(kept('ca.pem'), provider.ca)
}, 30_000)
afterAll(async () => {
  // It is undefined if the provider did not start.
  await (provider as OpenIdProvider | undefined)?.close()
})
beforeEach(() => {
  emptyPlaces()
  fs.rmSync(stateFolder(), { recursive: true, force: true })
})
jest.setTimeout(60_000)

const atProvider = (...more: string[]) => wordsAt(provider, ...more)
const asUser = (
  words: readonly string[],
  page: RegExp,
  visit: (url: string) => unknown = (url) => browse(provider.http, url),
  options?: TerminalOptions,
) => act(words, page, visit, options)
const grants = async () => (await provider.seen()).map(({ grant }) => grant)

describe('login at an issuer', () => {
  itOnTerminal(
    'in the browser writes the token where requests find it, and keeps the refresh token',
    async () => {
      const ended = await asUser(atProvider('--web'), PAGE)
      expect(ended.code).toBe(0)
      expect(ended.stdout).toContain('Log in with the browser. If it does not open, open this URL:')
      expect(ended.stdout).toContain(`Logged in at ${provider.issuer}`)
      expect(ended.stdout).toMatch(/audience +https:\/\/gracedb\.example\.org/)
      expectNothingSecret(ended)
      expect([modeOf(runtimeFile()), modeOf(loginFile()), modeOf(stateFolder())]).toEqual([
        '600',
        '600',
        '700',
      ])
      expect(secretsOnDisk()).toHaveLength(4)

      const { code, stdout } = await igwnAuth(['token', AUDIENCE, '--scope', 'gracedb.read', '--json'])
      expect(code).toBe(0)
      expect(JSON.parse(stdout)).toMatchObject({
        source: runtimeFile(),
        subject: 'albert',
        issuer: provider.issuer,
      })
    },
  )

  itOnTerminal(
    'with a code on another device; then silently, without flags and without a terminal',
    async () => {
      const first = await asUser(atProvider(), DEVICE_PAGE, undefined, {
        env: { SSH_TTY: '/dev/pts/1', DISPLAY: ':0' },
      })
      expect(first.stdout).toMatch(
        /^Open this URL in a browser on any device and enter the code .*[A-Z]{4}-[A-Z]{4}/m,
      )
      expect(first.code).toBe(0)
      const before = await grants()
      const valid = await igwnAuth(['login', '--no-input', '--json'])
      expect(valid).toMatchObject({ code: 0, stderr: '' })
      expect(JSON.parse(valid.stdout)).toMatchObject({ outcome: 'still valid', source: runtimeFile() })
      expect(await grants()).toEqual(before)

      const token = fs.readFileSync(runtimeFile(), 'utf8')
      const renewed = await igwnAuth(['login', '--min-time-left', '3600'])
      expect(renewed).toMatchObject({ code: 0, stderr: '' })
      expect(renewed.stdout).toMatch(`Renewed the token of ${provider.issuer}\n`)
      expectNothingSecret(renewed)
      expect((await grants()).slice(before.length)).toEqual(['refresh_token'])
      expect(fs.readFileSync(runtimeFile(), 'utf8')).not.toBe(token)
      // Only one registration for all of them.
      expect(before.filter((grant) => grant === 'registration').length).toBe(
        (await grants()).filter((grant) => grant === 'registration').length,
      )
    },
  )

  itOnTerminal('after another one replaces it when the scope differs, and with --force', async () => {
    await asUser(atProvider('--device'), DEVICE_PAGE)
    const [, , first] = secretsOnDisk()
    const narrower = ['login', '--scope', 'dqsegdb.read']
    expect(await igwnAuth(narrower)).toMatchObject({ code: 1 })
    const { code, stdout } = await asUser([...narrower, '--device', '--client-id', 'cli'], DEVICE_PAGE)
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/scope +dqsegdb\.read/) as string,
    })
    expect(secretsOnDisk()).not.toContain(first)
    const forced = await asUser(['login', '--force', '--device'], DEVICE_PAGE)
    expect(forced.stdout).toContain('Logged in at')
  })

  it('fails without a terminal and with --no-input, says what to do, and registers no client', async () => {
    const before = await grants()
    const { code, stdout, stderr } = await igwnAuth(atProvider('--json'))
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        'igwn-auth: a login is required and cannot be started: there is no terminal\n' +
        '  To fix: run igwn-auth login with the same options on a terminal, once; later runs renew the token\n',
    })
    expect(JSON.parse(stdout)).toMatchObject({ error: { exitCode: 1, fixes: [expect.any(String)] } })
    expect((await igwnAuth(atProvider('--no-input'))).stderr).toContain(
      'cannot be started: --no-input is set',
    )
    expect(await grants()).toEqual(before)
  })

  itOnTerminal('says so when the login is over and there is no terminal', async () => {
    await asUser(atProvider('--device'), DEVICE_PAGE)
    const entries = JSON.parse(fs.readFileSync(loginFile(), 'utf8')) as Record<
      string,
      { refresh_token?: string }
    >
    for (const entry of Object.values(entries))
      if (entry.refresh_token) entry.refresh_token = 'canary-refresh-token'
    fs.writeFileSync(loginFile(), JSON.stringify(entries))
    const { code, stderr } = await igwnAuth(['login', '--min-time-left', '3600'])
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /a login is required and cannot be started: there is no terminal\n {2}\S+ refused the request.*invalid_grant/,
    )
    expect(stderr).not.toContain('canary-refresh-token')
  })

  itOnTerminal('reports a user who says no', async () => {
    const { code, stdout } = await asUser(atProvider('--web'), PAGE, (url) =>
      browse(provider.http, `${url}&answer=no`),
    )
    expect(code).toBe(1)
    expect(stdout).toContain('access_denied: albert said no')
    expect(fs.existsSync(runtimeFile())).toBe(false)
  })

  itOnTerminal('writes no opaque token, which discovery would skip', async () => {
    const { code, stdout } = await asUser(
      ['login', '--issuer', provider.issuer, '--client-id', 'cli', '--scope', 'openid', '--device'],
      DEVICE_PAGE,
    )
    expect(code).toBe(1)
    expect(stdout).toMatch(/is opaque, not a JWT.*\r\n +To fix: name the service it is for: --audience URL/)
    expect(fs.existsSync(runtimeFile())).toBe(false)
  })

  itOnTerminal(
    'warns when another token is found first, and names the variable for a file of its own',
    async () => {
      const token = mint()
      const first = await asUser(atProvider('--device'), DEVICE_PAGE, undefined, {
        env: { BEARER_TOKEN: token },
      })
      expect(first.stdout).toContain(
        'igwn-auth: warning: requests send the token from BEARER_TOKEN, which is found first; unset or remove it',
      )
      const file = path.join(String(process.env.HOME), 'mine.token')
      const second = await asUser(atProvider('--device', '-o', file), DEVICE_PAGE)
      expect(second.stdout).toContain(`which is found first; set BEARER_TOKEN_FILE=${file}`)
      expect(modeOf(file)).toBe('600')
    },
  )
})

describe('status', () => {
  itOnTerminal('lists each credential with its location, expiry, and what renews it', async () => {
    await asUser(atProvider('--device'), DEVICE_PAGE)
    put(
      path.join(String(process.env.HOME), '.netrc'),
      'machine gracedb.example.org login albert password canary\n',
    )
    const ended = await igwnAuth(['status'])
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toMatch(
      new RegExp(
        [
          'Tokens',
          `  usable  ${runtimeFile()}`,
          `          SciToken of albert, issuer ${provider.issuer}, .*, expires in .*, mode 0600`,
          `          renewal: igwn-auth login, with the refresh token of ${provider.issuer} in ${loginFile()}`,
          'Basic credentials',
          '  usable  .*/\\.netrc',
          '          has gracedb\\.example\\.org',
          '          mode 0600\n$',
        ].join('\n'),
      ),
    )
    expectNothingSecret(ended, [...secretsOnDisk(), 'canary'])
    const { credentials } = JSON.parse((await igwnAuth(['status', '--json'])).stdout) as {
      credentials: object[]
    }
    expect(credentials).toMatchObject([
      {
        kind: 'token',
        verdict: 'usable',
        source: runtimeFile(),
        renewal: expect.stringContaining('igwn-auth login') as string,
      },
      { kind: 'basic', verdict: 'usable' },
    ])
    fs.rmSync(path.join(String(process.env.HOME), '.netrc'))
  })
})

describe('logout', () => {
  itOnTerminal('revokes the login and removes it', async () => {
    await asUser(atProvider('--device'), DEVICE_PAGE)
    const [, , access = '', refresh = ''] = secretsOnDisk()
    const secrets = secretsOnDisk()
    const ended = await igwnAuth(['logout'])
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toBe(
      `Logged out of ${provider.issuer}. Removed ${runtimeFile()} and the login in ${loginFile()}.\n`,
    )
    expectNothingSecret(ended, secrets)
    expect(fs.existsSync(runtimeFile())).toBe(false)
    expect(fs.readFileSync(loginFile(), 'utf8')).not.toContain(access)
    expect(fs.readFileSync(loginFile(), 'utf8')).not.toContain(refresh)
    expect(await igwnAuth(['login', '--no-input', '--issuer', provider.issuer])).toMatchObject({ code: 1 })
    expect((await igwnAuth(['logout', '--json'])).stdout).toBe('{\n  "removed": []\n}\n')
  })

  itOnTerminal('removes the login also when the server does not revoke it, and says so', async () => {
    await asUser(atProvider('--device'), DEVICE_PAGE)
    const { code, stderr, stdout } = await igwnAuth(['logout', '--json'], {
      env: { HTTPS_PROXY: 'http://127.0.0.1:1' },
    })
    expect(code).toBe(56)
    expect(stderr).toMatch(
      /was removed from this host, but not revoked\n.*cannot be reached.*\n +Its tokens can be used/,
    )
    expect(JSON.parse(stdout)).toMatchObject({ removed: [runtimeFile(), expect.any(String)] })
    expect(fs.existsSync(runtimeFile())).toBe(false)
  })
})

describe('login with Vault', () => {
  let vault: TestServer
  let requests: () => string[]
  let isLoggedIn = false
  let revocation: Answer = { status: 204, body: '' }
  const env = () => ({
    HTGETTOKENOPTS: `-a ${vault.origin} --vaulttokenfile=${process.env.HOME}/vt --configdir=${process.env.HOME}/htgettoken`,
    SSL_CERT_FILE: kept('vault-ca.pem'),
    SSH_AUTH_SOCK: '',
  })
  const bearer = mint({ iss: 'https://cilogon.org/igwn' })

  beforeAll(async () => {
    const authority = await createAuthority()
    const { certificate: cert, key } = await authority.issueServer()
    put(kept('vault-ca.pem'), authority.certificate)
    vault = await serve(respond, { tls: { cert, key } })
    requests = () => vault.seen.map(({ method, url }) => `${method} ${url.replace(/\?.*/, '')}`)
    function respond({ url, method, headers }: Seen) {
      const { pathname } = new URL(url, 'https://vault.example.org')
      const data = (value: object) => ({ body: JSON.stringify({ data: value }) })
      if (pathname === '/page') {
        isLoggedIn = true
        return {}
      }
      if (pathname.endsWith('/auth_url'))
        return data({ auth_url: `${vault.origin}/page`, state: 'state-of-vault', poll_interval: '1' })
      if (pathname.endsWith('/poll'))
        return isLoggedIn
          ? {
              body: JSON.stringify({
                auth: {
                  client_token: 'canary-vault-token',
                  lease_duration: 600,
                  metadata: { credkey: 'albert', oauth2_refresh_token: 'canary-refresh-token' },
                },
              }),
            }
          : { status: 400, body: '{"errors":["authorization_pending"]}' }
      if (pathname.includes('/creds/') && headers['x-vault-token'] === 'canary-vault-token')
        return method === 'GET' ? data({ access_token: bearer }) : { status: 204, body: '' }
      if (pathname.endsWith('/revoke-self')) return revocation
      return { status: 403, body: '{"errors":["permission denied"]}' }
    }
  })

  itOnTerminal(
    'in the browser; then silently; status names the Vault token, and logout deletes both',
    async () => {
      const http = axios.create({ httpsAgent: new https.Agent({ rejectUnauthorized: false }) })
      const options = { env: env() }
      const first = await asUser(
        ['login', '--vault', vault.origin, '--issuer', 'igwn'],
        /https:\S+\/page/,
        (url) => http.get(url),
        options,
      )
      expect(first).toMatchObject({
        code: 0,
        stdout: expect.stringContaining(`Logged in at ${vault.origin}`) as string,
      })
      expect(fs.readFileSync(runtimeFile(), 'utf8')).toBe(`${bearer}\n`)
      expectNothingSecret(first, [bearer, 'canary-vault-token', 'canary-refresh-token'])

      const before = requests().length
      const second = await igwnAuth(['login'], options)
      expect(second).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('Renewed the token of') as string,
      })
      expect(requests().slice(before)).toEqual(['GET /v1/secret/oauth/creds/igwn/albert:default'])

      const { stdout } = await igwnAuth(['status'], options)
      expect(stdout).toContain(
        `renewal: igwn-auth login or htgettoken, with the Vault token in ${process.env.HOME}/vt`,
      )

      revocation = { status: 403, body: '{"errors":["permission denied"]}' }
      const last = await igwnAuth(['logout'], options)
      expect(last).toMatchObject({
        code: 0,
        stderr: '',
        stdout: expect.stringMatching(
          /^Logged out of .*\. Its Vault token was not revoked: it can be used until it expires\.\n$/,
        ) as string,
      })
      expect(requests().slice(-2)).toEqual([
        'DELETE /v1/secret/oauth/creds/igwn/albert:default',
        'POST /v1/auth/token/revoke-self',
      ])
      expect(fs.existsSync(runtimeFile())).toBe(false)
      expect(fs.existsSync(`${process.env.HOME}/vt`)).toBe(false)
      expectNothingSecret(last, [bearer, 'canary-vault-token'])
    },
  )

  it('fails without a terminal, with the reason of each way that was tried', async () => {
    const { code, stderr } = await igwnAuth(['login', '--vault', vault.origin, '--issuer', 'other'], {
      env: env(),
    })
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^igwn-auth: a login is required and cannot be started: there is no terminal\n {2}\S/,
    )
    expect(stderr).toContain('To fix: run igwn-auth login with the same options on a terminal')
  })
})
