/**
 * What htgettoken 2.6 and htdestroytoken did in 74 situations, recorded with the real programs: the same requests in the same
 * order, the same outcome, and the same files. Differences that are meant are in `BETTER`.
 */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { logIn, logOut, type LogInOptions } from '../../lib/vault'
import { processEnvironment } from '../../lib/environment'
import { someCombinations } from '../support/combinations'
import { serve, type Seen } from '../support/server'
import { createKey, testAgent, type KeyType, type TestAgent, type TestKey } from '../support/ssh-agent'
import { emptyPlaces, mint, passTime, room, runtimeFile, stopClock } from '../support/tokens'
import { scenarios as recorded } from './htgettoken-scenarios.json'

jest.mock('node:timers/promises', () => jest.requireActual<object>('../support/short-pauses'))

interface Exchange {
  readonly request: string
  readonly vaultToken?: string
  readonly authorization?: string
  readonly body?: unknown
  readonly status: number
  readonly response?: unknown
  readonly location?: string
}

interface Scenario {
  readonly name: string
  readonly title: string
  readonly call: string
  readonly arguments: string
  readonly interactive: boolean
  readonly succeeds: boolean
  readonly vaultTokenBefore: string | null
  readonly credkeyKnown: boolean
  readonly keys: readonly string[]
  readonly kerberosError?: string
  readonly requests: readonly Exchange[]
  readonly files: { readonly vaultToken: string; readonly bearer: string; readonly credkey: boolean }
}

const scenarios = recorded as readonly Scenario[]
const named = (name: string) => scenarios.find((one) => one.name === name)!

/** The Vault token is revoked, too. */
const logOutOf = ({ requests, succeeds, files }: Scenario) => ({
  requests: [
    ...requests,
    {
      request: 'POST /v1/auth/token/revoke-self',
      ...(requests[0]?.vaultToken !== undefined && { vaultToken: requests[0].vaultToken }),
      body: {},
      status: 204,
    },
  ],
  succeeds,
  files,
})

/** Where this package does better than htgettoken, on purpose. */
const BETTER: Readonly<Record<string, Partial<Scenario>>> = {
  // The key of the secret is known after the login. htgettoken ends with a TypeError.
  'registerssh-no-credkey': (({ keys, requests, succeeds, files }) => ({ keys, requests, succeeds, files }))(
    named('registerssh'),
  ),
  // Checked before the user logs in.
  'registerssh-no-keys': { requests: [] },
  // A server does not name files of this host.
  'renew-optserver': {
    requests: named('renew-optserver').requests.map((one) =>
      typeof one.response === 'string' ? { ...one, response: '-a localhost -i igwn # comment\n' } : one,
    ),
  },
  // No login changes which scopes a role has.
  'sts-bad-scope': { requests: named('sts-bad-scope').requests.slice(0, 1) },
  // The refresh token is below `creds` whatever the scopes are.
  'destroy-f-sts': logOutOf(named('destroy-f')),
  'destroy-f': logOutOf(named('destroy-f')),
}

/** What the error says, which in htgettoken is often less. */
const SAID: Readonly<Record<string, readonly [code: string, message: RegExp]>> = {
  'oidc-device-refused': ['ERR_IGWN_OAUTH_REFUSED', /The user denied the login/],
  'oidc-direct-refused': [
    'ERR_IGWN_OAUTH_TIMEOUT',
    /did not log in within 120 seconds, or refused in the browser/,
  ],
  'oidc-poll-403': ['ERR_IGWN_OAUTH_REFUSED', /login in a browser failed: .*poll refused.*permission denied/],
  'oidc-bad-redirect': [
    'ERR_IGWN_OAUTH_RESPONSE',
    /does not allow the redirect to .*elsewhere.example.*vaultalias/,
  ],
  'oidc-bad-role': ['ERR_IGWN_OAUTH_REFUSED', /role "nosuch" could not be found/],
  'oidc-no-tty': [
    'ERR_IGWN_TOKEN_NOT_FOUND',
    /credkey is not known.*this is not interactive.*run igwn-auth login --vault/,
  ],
  'renew-minsecs-too-many': ['ERR_IGWN_TOKEN_NOT_FOUND', /token expired/],
  'krb-401': ['ERR_IGWN_OAUTH_REFUSED', /login with Kerberos failed: .*Unauthorised/],
  'krb-403': ['ERR_IGWN_OAUTH_REFUSED', /login with Kerberos failed: .*permission denied/],
  'krb-other-user': [
    'ERR_IGWN_TOKEN_NOT_FOUND',
    /Kerberos as berta was accepted, but its policies do not allow tokens of albert/,
  ],
  'krb-no-ticket': [
    'ERR_IGWN_TOKEN_NOT_FOUND',
    /Kerberos has no ticket\. Run kinit\. .*role "albert" could not be found/,
  ],
  'krb-ticket-expired': ['ERR_IGWN_TOKEN_NOT_FOUND', /Kerberos has an expired ticket\. Run kinit/],
  'krb-kdc-down': ['ERR_IGWN_TOKEN_NOT_FOUND', /Kerberos failed: .*Cannot contact any KDC/],
  'krb-alias': ['ERR_IGWN_TOKEN_NOT_FOUND', /Kerberos failed: .*not found in Kerberos database/],
  'registerssh-no-keys': [
    'ERR_IGWN_TOKEN_NOT_FOUND',
    /the SSH agent has no keys\. Start an agent, run ssh-add/,
  ],
  'registerssh-403': [
    'ERR_IGWN_OAUTH_REFUSED',
    /keys of the SSH agent cannot be registered: .*permission denied/,
  ],
  'ssh-none-good': [
    'ERR_IGWN_TOKEN_NOT_FOUND',
    /Key1 \(ssh-ed25519\) of the SSH agent was refused: .*permission denied/,
  ],
  'ssh-no-role': ['ERR_IGWN_TOKEN_NOT_FOUND', /could not be found\. Register it with registerssh/],
  'ssh-nonce-fails': ['ERR_IGWN_TOKEN_NOT_FOUND', /rate limit quota exceeded/],
  'sts-bad-scope': [
    'ERR_IGWN_OAUTH_REFUSED',
    /Vault refused a token with the scopes nosuch:\/ for the role default of igwn: .*Another login does not change that/,
  ],
  'get-503': ['ERR_IGWN_OAUTH_REFUSED', /login with Kerberos failed: .*Vault is sealed/],
  'get-307': [
    'ERR_IGWN_TOKEN_NOT_FOUND',
    /redirects to https:\/\/127.0.0.1:8200\/v1\/elsewhere, which is not followed/,
  ],
  'get-not-json': ['ERR_IGWN_OAUTH_RESPONSE', /is not JSON/],
  'get-no-token': ['ERR_IGWN_TOKEN_NOT_FOUND', /response has no token/],
  'create-403': ['ERR_IGWN_OAUTH_REFUSED', /No Vault token of the wanted lifetime: .*permission denied/],
  'store-403': ['ERR_IGWN_OAUTH_REFUSED', /refresh token cannot be stored for credkey albert/],
  'lookup-403': ['ERR_IGWN_TOKEN_NOT_FOUND', /was refused: it has expired, or was revoked/],
  'oidc-other-credkey': [
    'ERR_IGWN_OAUTH_REFUSED',
    /refresh token cannot be stored for credkey berta, which may be of another user/,
  ],
  'get-hangs': ['ERR_IGWN_OAUTH_TIMEOUT', /did not respond within 500 ms/],
  refused: ['ERR_IGWN_OAUTH_UNREACHABLE', /login with Kerberos failed: .*ECONNREFUSED/],
  'destroy-f-403': [
    'ERR_IGWN_OAUTH_REFUSED',
    /refresh token is not deleted: .*igwn-auth login .*keepRefreshToken/,
  ],
  'after-destroy': [
    'ERR_IGWN_TOKEN_NOT_FOUND',
    /Vault has no refresh token of albert: only a login in a browser stores one/,
  ],
}

/** Tested in server.test.ts, since they are about TLS; and what only prints a URL. */
const ELSEWHERE = ['tls-unknown-ca', 'tls-certname', 'show-url']

const SERVER = 'https://localhost:8200'
const keysOf: Record<KeyType, TestKey[]> = { ed25519: [], ecdsa: [], rsa: [] }
/** Agents that are open. */
const agents: TestAgent[] = []
/** The texts for the names in angle brackets of the current scenario. */
let texts: Map<string, string>

beforeAll(() => {
  for (const kind of ['ed25519', 'ed25519', 'ecdsa', 'rsa'] as const) keysOf[kind].push(createKey(kind))
})
beforeEach(() => {
  emptyPlaces()
  texts = new Map()
})
afterEach(async () => {
  jest.useRealTimers()
  for (const name of ['HTGETTOKENOPTS', 'SSH_AUTH_SOCK']) delete process.env[name]
  await Promise.all(agents.splice(0).map((agent) => agent.close()))
})

const vaultTokenFile = () => path.join(processEnvironment.temporaryFolder, `vt_u${process.geteuid?.() ?? 0}`)
const credkeyFile = () => room('.config/htgettoken/credkey-igwn-default')

/** A text for each name: a JWT for a bearer token. */
function textFor(name: string): string {
  const before = texts.get(name)
  if (before !== undefined) return before
  const text = name.startsWith('<bearer') ? mint() : `hvs.${randomBytes(12).toString('hex')}`
  texts.set(name, text)
  return text
}

const withTexts = (text: string) =>
  text.replace(/<(?:vault-token|bearer|refresh-token|state|user-code|ssh-nonce)[^<>]*>/g, textFor)

/** The request of a scenario in the form of {@link sent}. */
function expectedOf({ request, vaultToken, authorization, body }: Exchange): unknown {
  const [target = '', query = ''] = request.split('?')
  return {
    target,
    query: Object.fromEntries(new URLSearchParams(query)),
    vaultToken: vaultToken && textFor(vaultToken),
    authorization: authorization?.replace(/ .*/, ''),
    body: body === undefined ? '' : JSON.parse(withTexts(JSON.stringify(body))),
  }
}

/** A request that arrived; what is new each time by the name that the scenario has for it. */
function sent({ method, url, headers, body }: Seen, origin: string): unknown {
  const { pathname, searchParams } = new URL(url, origin)
  return {
    target: `${method} ${decodeURIComponent(pathname)}`,
    query: Object.fromEntries(searchParams),
    vaultToken: headers['x-vault-token'],
    authorization: headers.authorization?.replace(/ .*/, ''),
    body: body === '' ? '' : withNames(JSON.parse(body) as Record<string, unknown>, origin),
  }
}

function withNames(body: Record<string, unknown>, origin: string): unknown {
  const withoutBlob = (key: unknown) => (key as string).replace(/ \S+ /, ' <key blob> ')
  const { client_nonce, redirect_uri, public_key, public_keys, signature, nonce, ...others } = body
  const count =
    nonce === undefined ? 0 : nonces.indexOf(Buffer.from(nonce as string, 'base64').toString()) + 1
  return {
    ...others,
    ...(client_nonce !== undefined && { client_nonce: '<client-nonce-1>' }),
    ...(redirect_uri !== undefined && { redirect_uri: (redirect_uri as string).replace(origin, SERVER) }),
    ...(public_key !== undefined && { public_key: withoutBlob(public_key) }),
    ...(public_keys !== undefined && { public_keys: (public_keys as unknown[]).map(withoutBlob) }),
    ...(signature !== undefined && { signature: `<ssh-signature-${count}>` }),
    ...(nonce !== undefined && { nonce: `<base64-of-nonce-${count}>` }),
  }
}

function namesIn(value: unknown = null, pattern: RegExp): string[] {
  return pattern.exec(JSON.stringify(value)) ?? []
}

/** The nonces that were given, in order. */
let nonces: string[]

const isPoll = (one: unknown) => (one as { target: string } | undefined)?.target.endsWith('/poll')
/** How often the browser is asked for depends on the user. */
const withoutRepeatedPolls = (all: unknown[]) => all.filter((one, at) => !isPoll(one) || !isPoll(all[at - 1]))

it.each(
  someCombinations(scenarios.filter(({ name }) => !ELSEWHERE.includes(name))).map(
    (one) => [one.name, one.title, one] as const,
  ),
)('%s: %s', async (name, _, scenarioOfHtgettoken) => {
  const scenario = { ...scenarioOfHtgettoken, ...BETTER[name] }
  const { requests, succeeds, files } = scenario
  nonces = requests.flatMap(({ response }) => namesIn(response, /<ssh-nonce[^>]*>/).map(textFor))
  if (name === 'oidc-direct-refused') stopClock()
  const server = await serve(async ({ url }, index) => {
    const { status, response, location } = requests[index] ?? { status: 500 }
    if (name === 'get-hangs') return new Promise(() => undefined)
    if (name === 'oidc-direct-refused' && url.endsWith('/poll')) passTime(61)
    const text = typeof response === 'string' ? response : JSON.stringify(response ?? {})
    const body = withTexts(text)
      .replaceAll(SERVER, server.origin)
      .replace(/-a localhost\b/, `-a ${server.origin}`)
      .replace('VAULT_TOKEN_FILE', vaultTokenFile())
      .replace(/"poll_interval":"\d+"/, '"poll_interval":"1"')
    return { status, body: status === 204 ? '' : body, headers: location ? { location } : {} }
  })
  const closed = await serve(() => ({}))
  await closed.close()
  const origin = name === 'refused' ? closed.origin : server.origin

  const before = scenario.vaultTokenBefore && textFor(scenario.vaultTokenBefore)
  if (before) fs.writeFileSync(vaultTokenFile(), `${before}\n`, { mode: 0o600 })
  if (scenario.credkeyKnown) {
    fs.mkdirSync(path.dirname(credkeyFile()), { recursive: true })
    fs.writeFileSync(credkeyFile(), 'albert\n')
  }
  const bearerBefore = files.bearer === 'absent' && scenario.call === 'logIn' ? undefined : mint()
  if (bearerBefore) fs.writeFileSync(runtimeFile(), `${bearerBefore}\n`, { mode: 0o600 })
  const agent = await testAgent(
    scenario.keys.map((kind, at) => keysOf[kind as KeyType].at(at) ?? keysOf[kind as KeyType][0]!),
  )
  agents.push(agent)
  process.env.SSH_AUTH_SOCK = agent.socket
  // A descriptor, for what htgettoken reads from standard input and writes to standard output.
  const device = scenario.arguments.includes('/dev/std')
    ? fs.openSync(vaultTokenFile(), 'a+', 0o600)
    : undefined
  process.env.HTGETTOKENOPTS = scenario.arguments
    .replace(/-a localhost\S*/, `-a ${origin}`)
    .replace(SERVER, origin)
    .replace(/--vaulttoken(in)?file=\S+/, `--vaulttoken$1file=/dev/fd/${device}`)

  const services: string[] = []
  const prompts: string[] = []
  const options: LogInOptions = {
    timeout: name === 'get-hangs' ? 500 : 10_000,
    kerberos: {
      async initializeClient(service) {
        services.push(service)
        if (scenario.kerberosError) throw new Error(`Unspecified GSS failure. ${scenario.kerberosError}`)
        return { step: async () => 'YIIC' }
      },
    },
    ...(scenario.call === 'logIn' && {
      ...(scenario.interactive && { onPrompt: ({ url }) => void prompts.push(url) }),
      registerssh: scenario.arguments.includes('--registerssh'),
      nobearertoken: scenario.arguments.includes('--nobearertoken'),
    }),
    ...(name === 'destroy' && { keepRefreshToken: true }),
  }
  const outcome = await (scenario.call === 'logIn' ? logIn(options) : logOut(options)).catch(
    (error: unknown) => error,
  )
  if (device !== undefined) fs.closeSync(device)

  const seen = server.seen.map((one) => sent(one, server.origin))
  expect(withoutRepeatedPolls(seen)).toEqual(withoutRepeatedPolls(requests.map(expectedOf)))
  expect(server.seen.length).toBeLessThanOrEqual(requests.length)
  if (!succeeds) {
    const [code, message] = SAID[name] ?? ['an entry in SAID', /./]
    expect(outcome).toMatchObject({ name: 'IgwnAuthError', code, message: expect.stringMatching(message) })
  } else expect(outcome).not.toBeInstanceOf(Error)
  const isOidc = requests.some(({ request }) => request.endsWith('/auth_url'))
  expect(prompts).toHaveLength(isOidc && name !== 'oidc-bad-redirect' && name !== 'oidc-bad-role' ? 1 : 0)
  const usesKerberos =
    requests.some(({ authorization }) => authorization) || scenario.kerberosError !== undefined
  const host = name === 'krb-alias' ? 'elsewhere.example' : '127.0.0.1'
  expect(services).toEqual(usesKerberos || name === 'refused' ? [`host@${host}`] : [])
  expect(agent.flags.every((flags) => flags === 0)).toBe(true)

  const vaultTokens = requests.map(({ vaultToken }) => vaultToken).filter((one) => one !== undefined)
  const created = requests.flatMap(({ response }) =>
    namesIn((response as { auth?: object } | undefined)?.auth, /<vault-token[^>]*>/),
  )
  const lastVaultToken = created.at(-1) ?? vaultTokens.at(-1)
  const bearers = requests.flatMap(({ response }) => namesIn(response, /<bearer[^>]*>/))
  const expected = {
    vaultToken:
      files.vaultToken === 'new'
        ? textFor(lastVaultToken!)
        : files.vaultToken === 'same'
          ? before
          : undefined,
    bearer:
      files.bearer === 'absent' ? undefined : bearers.length > 0 ? textFor(bearers.at(-1)!) : bearerBefore,
    credkey: files.credkey ? 'albert' : undefined,
  }
  const lineIn = (file: string) =>
    fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim().split('\n').at(-1) : undefined
  expect({
    vaultToken: lineIn(vaultTokenFile()),
    bearer: lineIn(runtimeFile()),
    credkey: lineIn(credkeyFile()),
  }).toEqual(expected)
  for (const file of [vaultTokenFile(), runtimeFile()])
    if (fs.existsSync(file)) expect(fs.statSync(file).mode & 0o777).toBe(0o600)
})

it('covers every recorded scenario that fails with what the error says', () => {
  const failing = scenarios
    .filter(({ name, succeeds }) => !(BETTER[name]?.succeeds ?? succeeds))
    .map(({ name }) => name)
  expect(failing.filter((name) => !ELSEWHERE.includes(name)).sort()).toEqual(Object.keys(SAID).sort())
})
