import fs from 'node:fs'
import path from 'node:path'
import axios from 'axios'
import {
  applyIgwnAuth,
  chain,
  discoveredTokens,
  explain,
  igwnAxios,
  type Explanation,
  type Finding,
  type IgwnAuthOptions,
} from '../../lib/index'
import { processEnvironment } from '../../lib/environment'
import { expectNoSecret } from '../support/expect-no-secret'
import { createAuthority, secondsFromNow, type Authority, type Issued } from '../support/pki'
import { serve } from '../support/server'
import {
  createSigningKey,
  emptyPlaces,
  mint,
  now,
  ours,
  passTime,
  put,
  putCondorCreds,
  room,
  runtimeFile,
  signatureOf,
  stopClock,
  temporaryFile,
} from '../support/tokens'

const URL_OF_X = 'https://x.example.org/frames/O4?secret=parameter#part'

let authority: Authority
let alice: Issued
beforeAll(async () => {
  authority = await createAuthority()
  alice = await authority.issueUser('Alice Adams')
})

const proxyFile = () => path.join(processEnvironment.temporaryFolder, `x509up_u${process.getuid?.() ?? 0}`)

beforeEach(emptyPlaces)
afterEach(() => {
  jest.useRealTimers()
  for (const name of Object.keys(process.env))
    if (/^(X509_|NETRC$|REQUESTS_CA|IGWN_AUTH_UTILS|HTTPS?_PROXY)/.test(name)) delete process.env[name]
})

/** The findings about one kind of thing, by verdict and source. */
function verdicts({ findings }: Explanation, kind: Finding['kind'] = 'token'): string[] {
  return findings.filter((one) => one.kind === kind).map(({ verdict, source }) => `${verdict} ${source}`)
}

function about({ findings }: Explanation, source: string): Finding {
  const found = findings.find((one) => one.source === source)
  if (!found) throw new Error(`nothing about ${source} in ${findings.map((one) => one.source).join(', ')}`)
  return found
}

describe('on a host without credentials', () => {
  it('lists every location that was searched, in order, and the command that gets a token', async () => {
    const explanation = await explain(URL_OF_X, { tokenScope: 'read:/frames' })
    expect(explanation.url).toBe('https://x.example.org/frames/O4')
    expect(explanation.requirements).toEqual({
      audience: ['https://x.example.org'],
      scope: ['read:/frames'],
      issuer: [],
      minTimeLeft: 60,
    })
    expect(explanation.findings.map(({ kind, verdict, source }) => `${kind} ${verdict} ${source}`)).toEqual([
      'token absent SCITOKEN',
      'token absent SCITOKEN_FILE',
      'token absent _CONDOR_CREDS',
      'token absent BEARER_TOKEN',
      'token absent BEARER_TOKEN_FILE',
      `token absent ${runtimeFile()}`,
      `token absent ${temporaryFile()}`,
      `basic absent ${room('.netrc')}`,
      `basic absent ${room('_netrc')}`,
      'certificate absent X509_USER_CERT',
      'certificate absent X509_USER_PROXY',
      `certificate absent ${proxyFile()}`,
      `certificate absent ${room('.globus/usercert.pem')}`,
    ])
    expect(explanation.attached).toEqual([])
    expect(explanation.problem).toBeUndefined()
    expect(explanation.fixes).toEqual([
      'igwn-auth login --vault VAULT --issuer ISSUER --scope=read:/frames --audience=https://x.example.org',
    ])
  })

  it('has the problem that would stop the request', async () => {
    const { problem, attached } = await explain(URL_OF_X, { failIfNoAuth: true })
    expect(problem?.code).toBe('ERR_IGWN_NO_CREDENTIAL')
    expect(problem?.message).toContain('No credential for https://x.example.org')
    expect(attached).toEqual([])
    expect((await explain(URL_OF_X, { token: true })).problem?.code).toBe('ERR_IGWN_TOKEN_NOT_FOUND')
    expect((await explain(URL_OF_X, { cert: true })).problem?.code).toBe('ERR_IGWN_CERT_NOT_FOUND')
    process.env.IGWN_AUTH_UTILS_FIND_SCITOKEN = 'perhaps'
    const explanation = await explain(URL_OF_X)
    expect(explanation.problem?.code).toBe('ERR_IGWN_INVALID_ENVIRONMENT')
    expect(explanation.fixes).toContain('unset IGWN_AUTH_UTILS_FIND_SCITOKEN')
  })

  it('shows the value of an environment switch only if it is a valid one, and no token in the wrong variable', async () => {
    const token = mint()
    process.env.IGWN_AUTH_UTILS_FIND_SCITOKEN = token
    process.env.IGWN_AUTH_UTILS_FIND_X509 = 'No'
    const explanation = await explain(URL_OF_X)
    expectNoSecret(explanation, [token, signatureOf(token)])
    const { message } = about(explanation, 'IGWN_AUTH_UTILS_FIND_SCITOKEN')
    expect(message).toBe('IGWN_AUTH_UTILS_FIND_SCITOKEN has an invalid value')
    const switchedOff = about(explanation, 'IGWN_AUTH_UTILS_FIND_X509').message
    expect(switchedOff).toBe('IGWN_AUTH_UTILS_FIND_X509 is set to "No"')
  })
})

describe('the fixes', () => {
  it('start with a CA bundle that cannot be read, which stops every request', async () => {
    process.env.REQUESTS_CA_BUNDLE = room('none')
    expect((await explain(URL_OF_X)).fixes[0]).toBe('unset REQUESTS_CA_BUNDLE')
  })

  it('have no placeholder for the issuer when a token names it', async () => {
    process.env.BEARER_TOKEN = mint({ exp: 1 })
    put(runtimeFile(), mint({ iss: 'https://cilogon.org/igwn', exp: 1 }))
    expect((await explain(URL_OF_X)).fixes).toEqual([
      'igwn-auth login --vault vault.ligo.org --issuer igwn --audience=https://x.example.org',
    ])
    delete process.env.BEARER_TOKEN
  })
})

describe('tokens', () => {
  it('are listed with their claims: the selected one, usable ones and skipped ones', async () => {
    stopClock()
    process.env.SCITOKEN = 'garbage'
    putCondorCreds({
      'a.use': mint({ aud: 'https://y.example.org' }),
      'b.use': mint({ scope: 'read:/other' }),
    })
    put(runtimeFile(), mint({ sub: 'me' }))
    put(temporaryFile(), mint(), 0o644)
    const explanation = await explain(URL_OF_X, { tokenScope: 'read:/frames/O4' })
    const inFolder = (name: string) => `${room('condor')}/${name} (_CONDOR_CREDS)`
    expect(verdicts(explanation)).toEqual([
      'skipped SCITOKEN',
      'absent SCITOKEN_FILE',
      `skipped ${inFolder('a.use')}`,
      `skipped ${inFolder('b.use')}`,
      'absent BEARER_TOKEN',
      'absent BEARER_TOKEN_FILE',
      `selected ${runtimeFile()}`,
      `usable ${temporaryFile()}`,
    ])
    expect(explanation.attached).toEqual([
      { kind: 'token', source: runtimeFile(), expiresAt: Date.now() / 1000 + 3600 },
    ])
    expect(about(explanation, 'SCITOKEN')).toMatchObject({ code: 'malformed', fix: 'unset SCITOKEN' })
    expect(about(explanation, inFolder('a.use'))).toMatchObject({
      code: 'audience',
      claim: 'aud',
      expected: ['https://x.example.org'],
      actual: ['https://y.example.org'],
      permissions: '0600',
      fix: 'igwn-auth login --vault VAULT --issuer ISSUER --scope=read:/frames/O4 --audience=https://x.example.org',
    })
    expect(about(explanation, inFolder('b.use'))).toMatchObject({ code: 'scope', actual: ['read:/other'] })
    expect(about(explanation, runtimeFile())).toMatchObject({
      message: `${runtimeFile()} expires in 60 minutes`,
      permissions: '0600',
      token: {
        profile: 'scitoken:2.0',
        issuer: 'https://issuer.example.org',
        subject: 'me',
        audience: ['https://x.example.org'],
        scopes: ['read:/frames'],
        timeLeft: 3600,
      },
    })
    expect(about(explanation, temporaryFile())).toMatchObject({
      permissions: '0644',
      warning: `${temporaryFile()} can be reached by others (mode 0644); chmod 600 ${temporaryFile()}`,
      fix: `chmod 600 ${temporaryFile()}`,
    })
    // After the fixes of what cannot be used.
    expect(explanation.fixes.at(-1)).toBe(`chmod 600 ${temporaryFile()}`)
  })

  it('have the vault of IGWN in the fix for a token of IGWN', async () => {
    put(runtimeFile(), mint({ iss: 'https://cilogon.org/igwn', exp: 1 }))
    expect((await explain(URL_OF_X)).fixes).toEqual([
      'igwn-auth login --vault vault.ligo.org --issuer igwn --audience=https://x.example.org',
    ])
  })

  it.each<[string, () => void, string]>([
    ['is unreadable', () => fs.mkdirSync(runtimeFile()), 'rm RUNTIME'],
    [
      'has a variable that names a folder',
      () => {
        process.env.BEARER_TOKEN_FILE = process.env.HOME
      },
      'unset BEARER_TOKEN_FILE',
    ],
    [
      'is empty',
      () => put(runtimeFile(), ' \n'),
      'igwn-auth login --vault VAULT --issuer ISSUER --audience=https://x.example.org',
    ],
    [
      'is not valid yet',
      () => put(runtimeFile(), mint({ nbf: 2 ** 32, exp: 2 ** 33 })),
      "wait, or correct this host's clock",
    ],
  ])('have a fix for one that %s', async (_, prepare, fix) => {
    prepare()
    expect((await explain(URL_OF_X)).fixes).toContain(fix.replace('RUNTIME', runtimeFile()))
  })

  it('expire while time passes', async () => {
    stopClock()
    put(runtimeFile(), mint())
    expect(verdicts(await explain(URL_OF_X))).toContain(`selected ${runtimeFile()}`)
    passTime(3590)
    expect(about(await explain(URL_OF_X), runtimeFile())).toMatchObject({
      verdict: 'skipped',
      code: 'expired',
      message: `${runtimeFile()} expires in 10 seconds, less than the required 60 seconds`,
    })
  })

  it('that are given are sent as they are, with a warning about a problem', async () => {
    const explanation = await explain(URL_OF_X, { token: mint({ exp: 1 }) })
    const [finding] = explanation.findings
    expect(finding).toMatchObject({
      source: 'the token option',
      verdict: 'selected',
      message: 'the token option is sent as it is',
      fix: 'igwn-auth login --vault VAULT --issuer ISSUER --audience=https://x.example.org',
    })
    expect(finding?.warning).toMatch(/^the token option expired \d+ days ago$/)
    const opaque = await explain(URL_OF_X, { token: 'abc' })
    expect(opaque.findings[0]?.message).toBe('the token option is not a JWT, and is sent as it is')
    expect(opaque.attached).toEqual([{ kind: 'token', source: 'the token option' }])
  })

  it('of a source are deferred, as it may use the network, unless verify is set', async () => {
    let asked = 0
    const token = () => ((asked += 1), mint())
    const explanation = await explain(URL_OF_X, { token })
    expect(asked).toBe(0)
    expect(verdicts(explanation)).toEqual(['deferred the token source'])
    expect(explanation.attached).toEqual([{ kind: 'token', source: 'the token source' }])
    expect((await explain(URL_OF_X, { token, verify: true })).attached).toMatchObject([{ kind: 'token' }])
    expect(asked).toBe(1)
  })

  it('of a chain are explained source by source', async () => {
    put(runtimeFile(), mint({ aud: 'https://y.example.org' }))
    const explanation = await explain(URL_OF_X, {
      token: chain(discoveredTokens(), { getToken: () => undefined }),
    })
    expect(verdicts(explanation)).toEqual([
      'absent SCITOKEN',
      'absent SCITOKEN_FILE',
      'absent _CONDOR_CREDS',
      'absent BEARER_TOKEN',
      'absent BEARER_TOKEN_FILE',
      `skipped ${runtimeFile()}`,
      `absent ${temporaryFile()}`,
      'deferred source 2 of 2',
    ])
  })

  it('are verified with verify, and the result is reported', async () => {
    const issuer = 'https://127.0.0.1:1'
    put(runtimeFile(), mint({ iss: issuer }))
    expect(about(await explain(URL_OF_X), runtimeFile()).verdict).toBe('selected')
    const explanation = await explain(URL_OF_X, { verify: true })
    expect(about(explanation, runtimeFile())).toMatchObject({ verdict: 'skipped', code: 'not-verified' })
    expect(explanation.attached).toEqual([])
  })
})

describe('certificates', () => {
  it('are listed with subject and fix', async () => {
    process.env.X509_USER_PROXY = put(
      room('expired'),
      (await authority.issueUser('Old', { notAfter: secondsFromNow(-60) })).bundle,
    )
    put(proxyFile(), (await authority.issueProxy(alice)).bundle)
    fs.chmodSync(proxyFile(), 0o644)
    const explanation = await explain(URL_OF_X)
    expect(verdicts(explanation, 'certificate')).toEqual([
      'absent X509_USER_CERT',
      `skipped ${room('expired')} (X509_USER_PROXY)`,
      `selected ${proxyFile()}`,
      `absent ${room('.globus/usercert.pem')}`,
    ])
    expect(explanation.attached).toMatchObject([{ kind: 'certificate', source: proxyFile() }])
    expect(about(explanation, `${room('expired')} (X509_USER_PROXY)`)).toMatchObject({
      code: 'expired',
      fix: 'grid-proxy-init, or voms-proxy-init -rfc',
    })
    expect(about(explanation, proxyFile())).toMatchObject({
      certificates: [
        { subject: expect.stringMatching(/^\/DC=org\/DC=example\/CN=Alice Adams\/CN=\d+$/) },
        { subject: '/DC=org/DC=example/CN=Alice Adams' },
      ],
      permissions: '0644',
      fix: `chmod 600 ${proxyFile()}`,
    })
  })

  it('that are named are listed with the reason why they cannot be used', async () => {
    const bob = await authority.issueUser('Bob')
    const cert = [put(room('c.pem'), alice.certificate), put(room('k.pem'), bob.key)] as const
    const explanation = await explain(URL_OF_X, { cert })
    expect(explanation.problem?.code).toBe('ERR_IGWN_CERT_UNUSABLE')
    expect(explanation.findings.find(({ kind }) => kind === 'certificate')).toMatchObject({
      code: 'key-mismatch',
      verdict: 'skipped',
      fix: 'give a certificate and the key that belongs to it',
    })
  })

  it('cannot be presented by the fetch adapter', async () => {
    put(proxyFile(), alice.bundle)
    const explanation = await explain(URL_OF_X, applyIgwnAuth(axios.create({ adapter: 'fetch' })))
    expect(about(explanation, proxyFile())).toMatchObject({ verdict: 'skipped', code: 'unsupported' })
    expect(explanation.attached).toEqual([])
  })
})

describe('netrc', () => {
  const netrc = 'machine x.example.org login albert password sosecretword'

  it('is listed with the username, and never the password', async () => {
    put(room('.netrc'), netrc)
    const explanation = await explain(URL_OF_X)
    expect(about(explanation, room('.netrc'))).toMatchObject({
      kind: 'basic',
      verdict: 'selected',
      message: `${room('.netrc')} has an entry for x.example.org`,
      basic: { username: 'albert' },
    })
    expect(explanation.attached).toEqual([{ kind: 'basic', source: room('.netrc') }])
    expectNoSecret(explanation, ['sosecretword'])
  })

  it('is usable beside a token, and has the fix for a file with open permissions', async () => {
    put(runtimeFile(), mint())
    put(room('.netrc'), netrc)
    expect(about(await explain(URL_OF_X), room('.netrc')).verdict).toBe('usable')
    put(room('.netrc'), netrc, 0o644)
    expect(about(await explain(URL_OF_X), room('.netrc'))).toMatchObject({
      code: 'open-permissions',
      fix: `chmod 600 ${room('.netrc')}`,
    })
  })
})

describe('the request', () => {
  it('over plain HTTP gets nothing, with the reason', async () => {
    put(runtimeFile(), mint({ aud: 'http://x.example.org' }))
    const explanation = await explain('http://x.example.org/')
    expect(explanation.attached).toEqual([])
    expect(explanation.findings[0]).toMatchObject({
      kind: 'request',
      code: 'insecure-transport',
      message: 'x.example.org is reached over plain HTTP, where others can read a token or a password',
    })
    expect(explanation.fixes).toEqual(['use https'])
    expect(verdicts(explanation)).toContain(`skipped ${runtimeFile()}`)
  })

  it.each<[string, IgwnAuthOptions, string]>([
    ['forceNoAuth', { forceNoAuth: true }, 'forceNoAuth is set, or igwnAuth is false: nothing is attached'],
    ['withholdToken', { withholdToken: true }, 'withholdToken is set: no token is attached'],
    ['token: false', { token: false }, 'tokens are switched off'],
  ])('with %s gets nothing', async (_, options, message) => {
    put(runtimeFile(), mint())
    const explanation = await explain(URL_OF_X, options)
    expect(explanation.findings.map((one) => one.message)).toContain(message)
    expect(explanation.attached).toEqual([])
    expect(verdicts(explanation)).not.toContain(`selected ${runtimeFile()}`)
  })

  it('of an instance is explained with its defaults and options', async () => {
    const instance = igwnAxios.create({
      baseURL: 'https://x.example.org/api',
      igwnAuth: { tokenScope: 'gracedb.read' },
    })
    const explanation = await explain('superevents', instance)
    expect(explanation.url).toBe('https://x.example.org/api/superevents')
    expect(explanation.requirements.scope).toEqual(['gracedb.read'])

    instance.defaults.headers.common.Authorization = 'Mine sosecret'
    const authenticated = await explain('/', instance)
    expect(authenticated.findings[0]?.message).toBe(
      'the request has its own Authorization, auth or userinfo: no header is added',
    )
    expectNoSecret(authenticated, ['sosecret'])
    expect((await explain(URL_OF_X, axios.create())).attached).toEqual([])
  })

  it('with a scheme selects the scheme', async () => {
    const scheme = { name: 'OAuth 1.0', allowOverHttp: true, authorize: () => ({}) }
    const explanation = await explain(URL_OF_X, { scheme })
    expect(explanation.attached).toEqual([{ kind: 'scheme', source: 'OAuth 1.0' }])
    expect(about(explanation, 'OAuth 1.0').verdict).toBe('selected')
  })

  it.each(['not a URL', '/relative', 'ftp://x.example.org/', 'data:,x'])(
    'is an error without an http URL: %s',
    async (url) => {
      await expect(explain(url)).rejects.toThrow(
        ours(
          'ERR_IGWN_INVALID_URL',
          'The URL is not an absolute http or https URL. Give one, such as https://host.example.org/path.',
        ),
      )
    },
  )

  it('is an error with an unknown option', async () => {
    await expect(explain(URL_OF_X, { tokenScopes: 'a' } as object)).rejects.toMatchObject({
      code: 'ERR_IGWN_INVALID_OPTION',
    })
  })
})

describe('CAs', () => {
  it('are listed when the environment names them, with their problems', async () => {
    const file = put(room('ca.pem'), authority.certificate)
    process.env.REQUESTS_CA_BUNDLE = file
    process.env.X509_CERT_DIR = room('none')
    const explanation = await explain(URL_OF_X)
    expect(verdicts(explanation, 'ca')).toEqual([
      `active ${file} (REQUESTS_CA_BUNDLE)`,
      `absent ${room('none')} (X509_CERT_DIR)`,
    ])
    expect(explanation.fixes).toContain('unset X509_CERT_DIR')
    expect(explanation.problem?.code).toBe('ERR_IGWN_CA_UNUSABLE')
  })
})

describe('as text', () => {
  it('has the outcome, a line for each finding, and the fixes', async () => {
    stopClock()
    put(runtimeFile(), mint({ scope: 'gracedb.read' }))
    const text = String(await explain(URL_OF_X, { tokenScope: 'gracedb.write', cert: false, netrc: false }))
    expect(text.split('\n')).toEqual([
      'https://x.example.org/frames/O4: no credential would be sent',
      '  required of a token: audience https://x.example.org, scope gracedb.write',
      '  absent: SCITOKEN is not set',
      '  absent: SCITOKEN_FILE is not set',
      '  absent: _CONDOR_CREDS is not set',
      '  absent: BEARER_TOKEN is not set',
      '  absent: BEARER_TOKEN_FILE is not set',
      `  skipped: ${runtimeFile()} has scope gracedb.read, not gracedb.write`,
      `  absent: ${temporaryFile()} does not exist`,
      '  to fix: igwn-auth login --vault VAULT --issuer ISSUER --scope=gracedb.write --audience=https://x.example.org',
    ])
    const good = String(await explain(URL_OF_X, { cert: false, netrc: false }))
    expect(good.split('\n')[0]).toBe(
      `https://x.example.org/frames/O4: the token from ${runtimeFile()} would be sent`,
    )
  })

  it('has no secret, in any form, whatever is found', async () => {
    const key = createSigningKey()
    const tokens = Array.from({ length: 4 }, () => mint({}, key))
    process.env.SCITOKEN = tokens[0]
    process.env.BEARER_TOKEN_FILE = tokens[1]
    put(runtimeFile(), tokens[2] ?? '')
    put(proxyFile(), alice.bundle)
    put(room('.netrc'), 'machine x.example.org login albert password sosecretword')
    const lines = alice.key.split('\n').filter((line) => line.length > 20 && !line.startsWith('-'))
    const secrets = [...tokens, ...tokens.map(signatureOf), 'sosecretword', 'parameter', ...lines]
    for (const options of [{}, { token: String(tokens[3]) }, { forceNoAuth: true }, { tokenScope: 'x' }]) {
      const url = 'https://me:sosecretpw@x.example.org/?secret=parameter'
      const explanation = await explain(url, options, { bytes: 1e12 })
      expectNoSecret(explanation, [...secrets, 'sosecretpw'])
      expectNoSecret(JSON.stringify(explanation), [...secrets, 'sosecretpw'])
    }
  })
})

it('sends nothing and makes no connection', async () => {
  const { origin, connections } = await serve(() => ({}))
  put(runtimeFile(), mint({ aud: 'ANY' }))
  const explanation = await explain(`${origin}/a`)
  expect(explanation.attached).toMatchObject([{ kind: 'token' }])
  expect(connections()).toBe(0)
})

describe('with an expected transfer', () => {
  it('says whether the token lasts, and what brings the next one', async () => {
    put(runtimeFile(), mint({ iat: now() }))
    const small = await explain(URL_OF_X, {}, { bytes: 1e9 })
    expect(small.lifetime).toMatchObject({ expected: 100, isEnough: true })
    expect(small.toString()).toContain('\n  lifetime: ')
    const large = await explain(URL_OF_X, igwnAxios, { bytes: 1e12, rate: 1e8 })
    expect(large.lifetime).toMatchObject({ expected: 10_000, isEnough: false, renewer: 'htgettoken' })
    expect(large.fixes.at(-1)).toBe(
      'igwn-auth login --vault VAULT --issuer ISSUER --audience=https://x.example.org --no-input',
    )
    expect(large.toString()).toContain(`\n  warning: ${runtimeFile()} expires in `)
    expect(JSON.parse(JSON.stringify(large))).toMatchObject({ lifetime: { isEnough: false } })
  })

  it('does not ask a token source, and has no lifetime where no token would be sent', async () => {
    const source = { getToken: () => mint() }
    expect((await explain(URL_OF_X, { token: source }, { bytes: 1e12 })).lifetime).toMatchObject({
      renewer: 'source',
      isEnough: undefined,
    })
    const asked = await explain(URL_OF_X, { token: () => 'opaque', verify: true }, { bytes: 1 })
    expect(asked.lifetime).toMatchObject({ renewer: 'source', timeLeft: undefined })
    expect((await explain(URL_OF_X, { token: false }, { bytes: 1 })).lifetime).toBeUndefined()
    expect((await explain(URL_OF_X)).toJSON()).not.toHaveProperty('lifetime')
  })

  it.each<[what: string, transfer: object, message: string]>([
    ['no size', { rate: 1 }, 'transfer.bytes must be a number of bytes, not a number.'],
    [
      'a rate of 0',
      { bytes: 1, rate: 0 },
      'transfer.rate must be a number of bytes per second, above 0, not a number.',
    ],
    ['an unknown name', { bytes: 1, speed: 1 }, 'transfer has no option "speed"; there are bytes, rate.'],
  ])('refuses %s', async (_, transfer, message) => {
    await expect(explain(URL_OF_X, {}, transfer as { bytes: number })).rejects.toEqual(
      ours('ERR_IGWN_INVALID_OPTION', message),
    )
  })
})
