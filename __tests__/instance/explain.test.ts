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
import { serverGroup } from '../support/server'
import {
  createSigningKey,
  emptyPlaces,
  mint,
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

describe('on a machine without credentials', () => {
  it('names every place it looked at, in order, and the command that gets a token', async () => {
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
      `login absent ${room('.netrc')}`,
      `login absent ${room('_netrc')}`,
      'certificate absent X509_USER_CERT',
      'certificate absent X509_USER_PROXY',
      `certificate absent ${proxyFile()}`,
      `certificate absent ${room('.globus/usercert.pem')}`,
    ])
    expect(explanation.attached).toEqual([])
    expect(explanation.problem).toBeUndefined()
    expect(explanation.fixes).toEqual([
      'htgettoken -a VAULT -i ISSUER --scopes=read:/frames --audience=https://x.example.org',
    ])
  })

  it('says what would stop the request, where something would', async () => {
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

  it('shows what a switch is set to only where that is a word of a switch, and no token in the wrong variable', async () => {
    const token = mint()
    process.env.IGWN_AUTH_UTILS_FIND_SCITOKEN = token
    process.env.IGWN_AUTH_UTILS_FIND_X509 = 'No'
    const explanation = await explain(URL_OF_X)
    expectNoSecret(explanation, [token, signatureOf(token)])
    const { message } = about(explanation, 'IGWN_AUTH_UTILS_FIND_SCITOKEN')
    expect(message).toBe('IGWN_AUTH_UTILS_FIND_SCITOKEN is set to a value that means nothing')
    const switchedOff = about(explanation, 'IGWN_AUTH_UTILS_FIND_X509').message
    expect(switchedOff).toBe('IGWN_AUTH_UTILS_FIND_X509 is set to "No"')
  })
})

describe('what would mend it', () => {
  it('begins with authorities that cannot be read, for they stop every request', async () => {
    process.env.REQUESTS_CA_BUNDLE = room('none')
    expect((await explain(URL_OF_X)).fixes[0]).toBe('unset REQUESTS_CA_BUNDLE')
  })

  it('leaves no issuer open where one of the tokens names it', async () => {
    process.env.BEARER_TOKEN = mint({ exp: 1 })
    put(runtimeFile(), mint({ iss: 'https://cilogon.org/igwn', exp: 1 }))
    expect((await explain(URL_OF_X)).fixes).toEqual([
      'htgettoken -a vault.ligo.org -i igwn --audience=https://x.example.org',
    ])
    delete process.env.BEARER_TOKEN
  })
})

describe('tokens', () => {
  it('shows each with what it says, the one that would be attached, and those that are not needed', async () => {
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
      `attached ${runtimeFile()}`,
      `usable ${temporaryFile()}`,
    ])
    expect(explanation.attached).toEqual([
      { kind: 'token', source: runtimeFile(), expiresAt: Date.now() / 1000 + 3600 },
    ])
    expect(about(explanation, 'SCITOKEN')).toMatchObject({ code: 'malformed', mend: 'unset SCITOKEN' })
    expect(about(explanation, inFolder('a.use'))).toMatchObject({
      code: 'audience',
      claim: 'aud',
      expected: ['https://x.example.org'],
      actual: ['https://y.example.org'],
      permissions: '0600',
      mend: 'htgettoken -a VAULT -i ISSUER --scopes=read:/frames/O4 --audience=https://x.example.org',
    })
    expect(about(explanation, inFolder('b.use'))).toMatchObject({ code: 'scope', actual: ['read:/other'] })
    expect(about(explanation, runtimeFile())).toMatchObject({
      message: `${runtimeFile()} has 60 minutes left`,
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
      mend: `chmod 600 ${temporaryFile()}`,
    })
    // What is broken comes before what is only untidy.
    expect(explanation.fixes.at(-1)).toBe(`chmod 600 ${temporaryFile()}`)
  })

  it("names IGWN's own server where the token that was found is IGWN's", async () => {
    put(runtimeFile(), mint({ iss: 'https://cilogon.org/igwn', exp: 1 }))
    expect((await explain(URL_OF_X)).fixes).toEqual([
      'htgettoken -a vault.ligo.org -i igwn --audience=https://x.example.org',
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
      'htgettoken -a VAULT -i ISSUER --audience=https://x.example.org',
    ],
    [
      'is not valid yet',
      () => put(runtimeFile(), mint({ nbf: 2 ** 32, exp: 2 ** 33 })),
      "wait, or set this machine's clock",
    ],
  ])('says what to do where one %s', async (_, prepare, mend) => {
    prepare()
    expect((await explain(URL_OF_X)).fixes).toContain(mend.replace('RUNTIME', runtimeFile()))
  })

  it('sees the time pass', async () => {
    stopClock()
    put(runtimeFile(), mint())
    expect(verdicts(await explain(URL_OF_X))).toContain(`attached ${runtimeFile()}`)
    passTime(3590)
    expect(about(await explain(URL_OF_X), runtimeFile())).toMatchObject({
      verdict: 'skipped',
      code: 'expired',
      message: `${runtimeFile()} has 10 seconds left, and 60 seconds are wanted`,
    })
  })

  it('says of one that is given that it is sent as it is, and what speaks against it', async () => {
    const explanation = await explain(URL_OF_X, { token: mint({ exp: 1 }) })
    const [finding] = explanation.findings
    expect(finding).toMatchObject({
      source: 'the token option',
      verdict: 'selected',
      message: 'the token option is sent as it is',
      mend: 'htgettoken -a VAULT -i ISSUER --audience=https://x.example.org',
    })
    expect(finding?.warning).toMatch(/^the token option expired \d+ days ago$/)
    const opaque = await explain(URL_OF_X, { token: 'abc' })
    expect(opaque.findings[0]?.message).toBe('the token option is no JWT, and sent as it is')
    expect(opaque.attached).toEqual([{ kind: 'token', source: 'the token option' }])
  })

  it('asks no source, for that may use the network, unless verify says so', async () => {
    let asked = 0
    const token = () => ((asked += 1), mint())
    const explanation = await explain(URL_OF_X, { token })
    expect(asked).toBe(0)
    expect(verdicts(explanation)).toEqual(['asked the token source'])
    expect(explanation.attached).toEqual([{ kind: 'token', source: 'the token source' }])
    expect((await explain(URL_OF_X, { token, verify: true })).attached).toMatchObject([{ kind: 'token' }])
    expect(asked).toBe(1)
  })

  it('looks into sources that can be explained', async () => {
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
      'asked source 2 of 2',
    ])
  })

  it('goes to the issuer with verify, and says what came of it', async () => {
    const issuer = 'https://127.0.0.1:1'
    put(runtimeFile(), mint({ iss: issuer }))
    expect(about(await explain(URL_OF_X), runtimeFile()).verdict).toBe('attached')
    const explanation = await explain(URL_OF_X, { verify: true })
    expect(about(explanation, runtimeFile())).toMatchObject({ verdict: 'skipped', code: 'not-verified' })
    expect(explanation.attached).toEqual([])
  })
})

describe('certificates', () => {
  it('shows each with its subject and its life, and what mends it', async () => {
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
      `attached ${proxyFile()}`,
      `absent ${room('.globus/usercert.pem')}`,
    ])
    expect(explanation.attached).toMatchObject([{ kind: 'certificate', source: proxyFile() }])
    expect(about(explanation, `${room('expired')} (X509_USER_PROXY)`)).toMatchObject({
      code: 'expired',
      mend: 'grid-proxy-init, or voms-proxy-init -rfc',
    })
    expect(about(explanation, proxyFile())).toMatchObject({
      certificates: [
        { subject: expect.stringMatching(/^\/DC=org\/DC=example\/CN=Alice Adams\/CN=\d+$/) },
        { subject: '/DC=org/DC=example/CN=Alice Adams' },
      ],
      permissions: '0644',
      mend: `chmod 600 ${proxyFile()}`,
    })
  })

  it('shows the one that is named, and why it will not do', async () => {
    const bob = await authority.issueUser('Bob')
    const cert = [put(room('c.pem'), alice.certificate), put(room('k.pem'), bob.key)] as const
    const explanation = await explain(URL_OF_X, { cert })
    expect(explanation.problem?.code).toBe('ERR_IGWN_CERT_UNUSABLE')
    expect(explanation.findings.find(({ kind }) => kind === 'certificate')).toMatchObject({
      code: 'key-mismatch',
      verdict: 'skipped',
      mend: 'give a certificate and the key that belongs to it',
    })
  })

  it('says that fetch cannot present one', async () => {
    put(proxyFile(), alice.bundle)
    const explanation = await explain(URL_OF_X, applyIgwnAuth(axios.create({ adapter: 'fetch' })))
    expect(about(explanation, proxyFile())).toMatchObject({ verdict: 'skipped', code: 'unsupported' })
    expect(explanation.attached).toEqual([])
  })
})

describe('logins', () => {
  const netrc = 'machine x.example.org login albert password sosecretword'

  it('shows for whom there is one, and never the password', async () => {
    put(room('.netrc'), netrc)
    const explanation = await explain(URL_OF_X)
    expect(about(explanation, room('.netrc'))).toMatchObject({
      kind: 'basic',
      verdict: 'selected',
      message: `${room('.netrc')} has an entry for x.example.org`,
      login: { username: 'albert' },
    })
    expect(explanation.attached).toEqual([{ kind: 'basic', source: room('.netrc') }])
    expectNoSecret(explanation, ['sosecretword'])
  })

  it('says that one is not needed where there is a token, and how to close a file that is open', async () => {
    put(runtimeFile(), mint())
    put(room('.netrc'), netrc)
    expect(about(await explain(URL_OF_X), room('.netrc')).verdict).toBe('usable')
    put(room('.netrc'), netrc, 0o644)
    expect(about(await explain(URL_OF_X), room('.netrc'))).toMatchObject({
      code: 'open-permissions',
      mend: `chmod 600 ${room('.netrc')}`,
    })
  })
})

describe('what the request says', () => {
  it('is clear text: nothing is attached, and why', async () => {
    put(runtimeFile(), mint({ aud: 'http://x.example.org' }))
    const explanation = await explain('http://x.example.org/')
    expect(explanation.attached).toEqual([])
    expect(explanation.findings[0]).toMatchObject({
      kind: 'request',
      code: 'insecure-transport',
      message:
        'x.example.org is reached over clear-text http, where everybody on the way can read a token or a password',
    })
    expect(explanation.fixes).toEqual(['use https'])
    expect(verdicts(explanation)).toContain(`skipped ${runtimeFile()}`)
  })

  it.each<[string, IgwnAuthOptions, string]>([
    ['forceNoAuth', { forceNoAuth: true }, 'forceNoAuth says to attach nothing'],
    ['withholdToken', { withholdToken: true }, 'withholdToken keeps the token off this request'],
    ['token: false', { token: false }, 'tokens are switched off'],
  ])('is %s', async (_, options, message) => {
    put(runtimeFile(), mint())
    const explanation = await explain(URL_OF_X, options)
    expect(explanation.findings.map((one) => one.message)).toContain(message)
    expect(explanation.attached).toEqual([])
    expect(verdicts(explanation)).not.toContain(`attached ${runtimeFile()}`)
  })

  it('is explained for an instance as that is set up', async () => {
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
      'the request brings an Authorization, auth or a login in its URL: no header is added',
    )
    expectNoSecret(authenticated, ['sosecret'])
    expect((await explain(URL_OF_X, axios.create())).attached).toEqual([])
  })

  it('is a scheme', async () => {
    const scheme = { name: 'OAuth 1.0', allowOverHttp: true, authorize: () => ({}) }
    const explanation = await explain(URL_OF_X, { scheme })
    expect(explanation.attached).toEqual([{ kind: 'scheme', source: 'OAuth 1.0' }])
    expect(about(explanation, 'OAuth 1.0').verdict).toBe('attached')
  })

  it.each(['not a URL', '/relative', 'ftp://x.example.org/', 'data:,x'])(
    'is no URL of http: %s',
    async (url) => {
      await expect(explain(url)).rejects.toThrow(
        ours(
          'ERR_IGWN_INVALID_URL',
          'The URL is no absolute one of http or https; give one, as https://host.example.org/path.',
        ),
      )
    },
  )

  it('is an option that there is not', async () => {
    await expect(explain(URL_OF_X, { tokenScopes: 'a' } as object)).rejects.toMatchObject({
      code: 'ERR_IGWN_INVALID_OPTION',
    })
  })
})

describe('ca', () => {
  it('are named where the environment names some, and what is wrong with them', async () => {
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
  it('is a line for each thing, and says what would happen and what to do', async () => {
    stopClock()
    put(runtimeFile(), mint({ scope: 'gracedb.read' }))
    const text = String(await explain(URL_OF_X, { tokenScope: 'gracedb.write', cert: false, netrc: false }))
    expect(text.split('\n')).toEqual([
      'https://x.example.org/frames/O4: no credential would be attached',
      '  a token must have audience https://x.example.org, scope gracedb.write',
      '  absent: SCITOKEN is not set',
      '  absent: SCITOKEN_FILE is not set',
      '  absent: _CONDOR_CREDS is not set',
      '  absent: BEARER_TOKEN is not set',
      '  absent: BEARER_TOKEN_FILE is not set',
      `  passed-over: ${runtimeFile()} gives gracedb.read, not gracedb.write`,
      `  absent: ${temporaryFile()} does not exist`,
      '  to mend it: htgettoken -a VAULT -i ISSUER --scopes=gracedb.write --audience=https://x.example.org',
    ])
    const good = String(await explain(URL_OF_X, { cert: false, netrc: false }))
    expect(good.split('\n')[0]).toBe(
      `https://x.example.org/frames/O4: the token of ${runtimeFile()} would be attached`,
    )
  })

  it('holds no secret, in any form, whatever there is on the machine', async () => {
    const key = createSigningKey()
    const tokens = Array.from({ length: 4 }, () => mint({}, key))
    process.env.SCITOKEN = tokens[0]
    process.env.BEARER_TOKEN_FILE = tokens[1]
    put(runtimeFile(), tokens[2] ?? '')
    put(proxyFile(), alice.bundle)
    put(room('.netrc'), 'machine x.example.org login albert password sosecretword')
    const lines = alice.key.split('\n').filter((line) => line.length > 20 && !line.startsWith('-'))
    const secrets = [...tokens, ...tokens.map(signatureOf), 'sosecretword', 'parameter', ...lines]
    for (const options of [{}, { token: tokens[3] }, { forceNoAuth: true }, { tokenScope: 'x' }]) {
      const explanation = await explain('https://me:sosecretpw@x.example.org/?secret=parameter', options)
      expectNoSecret(explanation, [...secrets, 'sosecretpw'])
      expectNoSecret(JSON.stringify(explanation), [...secrets, 'sosecretpw'])
    }
  })
})

it('sends nothing, and asks no server', async () => {
  const servers = serverGroup()
  const { origin, connections } = await servers.serve(() => ({}))
  put(runtimeFile(), mint({ aud: 'ANY' }))
  const explanation = await explain(`${origin}/a`)
  expect(explanation.attached).toMatchObject([{ kind: 'token' }])
  expect(connections()).toBe(0)
  await servers.close()
})
