/** `error.igwnAuth` of a refusal by the server: a summary, the reasons, and the explanation. */
import path from 'node:path'
import { inspect } from 'node:util'
import axios, { type AxiosInstance } from 'axios'
import {
  applyIgwnAuth,
  HTTPSciTokenAuth,
  type IgwnAuthOptions,
  type IgwnAxiosError,
  type Refusal,
} from '../../lib/index'
import { oauth1 } from '../../lib/oauth1/index'
import { expectNoSecret } from '../support/expect-no-secret'
import { createAuthority } from '../support/pki'
import { serve, type Answer } from '../support/server'
import { emptyPlaces, mint, now, put, room, runtimeFile, stopClock } from '../support/tokens'

beforeEach(emptyPlaces)
afterEach(() => {
  jest.useRealTimers()
  delete process.env.X509_USER_PROXY
})

function bearer(status: number, parameters?: string): Answer {
  return { status, headers: { 'WWW-Authenticate': `Bearer${parameters ? ` ${parameters}` : ''}` } }
}

/** The `igwnAuth` of the error of a request. */
async function refused(
  answer: Answer,
  {
    path = '/',
    options,
    instance,
  }: { path?: string; options?: IgwnAuthOptions; instance?: AxiosInstance } = {},
): Promise<Refusal> {
  const { origin } = await serve(() => answer)
  const error = (await applyIgwnAuth(instance ?? axios.create(), options)
    .get(origin + path)
    .catch((one: unknown) => one)) as IgwnAxiosError
  expect(error.response?.status).toBe(answer.status)
  if (!error.igwnAuth) throw new Error('the error has no igwnAuth')
  return error.igwnAuth
}

const audience = { aud: 'ANY' }

it('names what the server requires and what the token has', async () => {
  stopClock()
  put(runtimeFile(), mint({ ...audience, scope: 'gracedb.read', exp: now() + 720 }))
  const { summary, reasons, explanation } = await refused(
    bearer(403, 'error="insufficient_scope", scope="gracedb.write"'),
  )
  expect(summary).toBe(
    `the server requires gracedb.write; the token from ${runtimeFile()} has gracedb.read and expires in 12 minutes`,
  )
  expect(reasons.map(({ code }) => code)).toContain('absent')
  expect(explanation.findings.find(({ source }) => source === runtimeFile())).toMatchObject({
    verdict: 'selected',
    token: { scopes: ['gracedb.read'] },
    warning: `${runtimeFile()} has scope gracedb.read, not gracedb.write`,
  })
  expect(explanation.fixes[0]).toMatch(/^igwn-auth login .* --scope=gracedb\.write --audience=/)
})

it('names the scope of the challenge in its requirements and fixes when there is no token', async () => {
  const { explanation } = await refused(bearer(401, 'scope="gracedb.read"'))
  expect(explanation.requirements).toMatchObject({ scope: [], challengeScope: ['gracedb.read'] })
  expect(explanation.fixes[0]).toMatch(/^igwn-auth login .* --scope=gracedb\.read --audience=/)
})

it('names after a 403 without a reason, as XRootD sends it, the scopes of the token and whether they cover the path', async () => {
  stopClock()
  put(runtimeFile(), mint({ ...audience, scope: 'read:/frames write:/scratch' }))
  expect((await refused({ status: 403 }, { path: '/data/f.txt?authz=1' })).summary).toBe(
    'the server refused with 403 and gave no reason; ' +
      `the token from ${runtimeFile()} has read:/frames write:/scratch and expires in 60 minutes, for audience ANY, ` +
      'and none of its scopes covers /data/f.txt',
  )
  expect((await refused({ status: 403 }, { path: '/frames/f.txt' })).summary).toMatch(/for audience ANY$/)
})

it.each<[string, Answer, string]>([
  ['a token, by a challenge', bearer(401), 'the server requires a token'],
  [
    'a token, by the challenge of Apache',
    bearer(401, 'error="invalid_request", error_description="No bearer token"'),
    'the server requires a token',
  ],
  ['a scope', bearer(401, 'scope="gracedb.read"'), 'the server requires gracedb.read'],
  ['nothing by name', { status: 401 }, 'the server refused with 401 and gave no reason'],
])('reports that the server requires %s, and that no token was found', async (_, answer, required) => {
  expect((await refused(answer)).summary).toBe(`${required}; no token was sent: none was found`)
})

describe('the fixes are for what the server requires', () => {
  const requires = (...challenges: string[]): Answer => ({
    status: 401,
    headers: { 'WWW-Authenticate': challenges },
  })
  const netrc = () => path.join(String(process.env.HOME), '.netrc')
  const addLine = () =>
    `add the line "machine 127.0.0.1 login USERNAME password PASSWORD" to ${netrc()}, of mode 0600`
  const writeAScheme = (what: string) =>
    `write a scheme for ${what}, which is not built in: docs/write-a-scheme.md in https://www.npmjs.com/package/axios-igwn-auth`

  it('Basic: an entry in netrc', async () => {
    const { summary, explanation } = await refused(requires('Basic realm="a, b"'))
    expect(summary).toBe(
      'the server requires Basic authentication; no credentials were sent: none were found',
    )
    expect(explanation.fixes).toEqual([addLine()])
  })

  it('Basic, with a wrong password: the entry', async () => {
    put(netrc(), 'machine 127.0.0.1 login albert password rainbow')
    const { explanation } = await refused(requires('Basic'))
    expect(explanation.fixes).toEqual([`correct the username or the password for 127.0.0.1 in ${netrc()}`])
  })

  it('Basic, with a token that is sent instead: no token', async () => {
    put(netrc(), 'machine 127.0.0.1 login albert password rainbow')
    put(runtimeFile(), mint(audience))
    const { explanation } = await refused(requires('Basic'))
    expect(explanation.fixes).toEqual([
      `send no token (token: false, --no-token): then the username and password of ${netrc()} are sent`,
    ])
  })

  it('Negotiate, or another scheme that is not built in: a scheme', async () => {
    expect((await refused(requires('Negotiate'))).explanation.fixes).toEqual([
      writeAScheme('Negotiate (Kerberos)'),
    ])
    const { summary, explanation } = await refused(requires('Digest realm="x"', 'Basic'))
    expect(summary).toMatch(/^the server requires Digest or Basic authentication; no credentials were sent/)
    expect(explanation.fixes).toEqual([addLine(), writeAScheme('Digest')])
    const scheme = `X${'-long'.repeat(100)}`
    expect((await refused(requires(scheme))).explanation.fixes[0]?.length).toBeLessThan(500)
  })

  it('Bearer: a token, whatever else is accepted', async () => {
    const { explanation } = await refused(requires('Negotiate', 'Bearer'))
    expect(explanation.fixes).toEqual([expect.stringMatching(/^igwn-auth login /)])
  })

  it('OAuth and DPoP, which are built in: none', async () => {
    expect((await refused(requires('OAuth realm="x"', 'DPoP'))).explanation.fixes).toEqual([])
  })
})

it('lists why the tokens that exist were not sent', async () => {
  put(runtimeFile(), mint({ aud: 'https://y.example.org' }))
  process.env.BEARER_TOKEN = 'garbage'
  const { summary } = await refused(bearer(401))
  expect(summary).toMatch(
    /^the server requires a token; no token was sent: BEARER_TOKEN contains no SciToken \(not a JWT\); .* is for audience https:\/\/y\.example\.org, not http:\/\/127\.0\.0\.1 or http:\/\/127\.0\.0\.1:\d+$/,
  )
})

it('repeats the error of the server without control characters', async () => {
  put(runtimeFile(), mint(audience))
  const { summary } = await refused(
    bearer(401, 'error="invalid_token", error_description="a\u009bb expired"'),
  )
  expect(summary).toMatch(/^the server says a\?b expired; the token from .* has read:\/frames and/)
  expect((await refused(bearer(401, 'error="odd"'))).summary).toMatch(/^the server says odd; /)
})

it('does not repeat a token that the server repeats, and has its error beside its scopes', async () => {
  const token = mint(audience)
  put(runtimeFile(), token)
  const refusal = await refused(
    bearer(
      401,
      `error="invalid_token", scope="read:/frames", error_description="${token} has a bad signature"`,
    ),
  )
  expect(refusal.summary).toMatch(
    /^the server requires read:\/frames and says \[hidden\] has a bad signature; the token/,
  )
  expectNoSecret(refusal, [token])
  expectNoSecret(refusal.explanation, [token])
})

it.each<[string, IgwnAuthOptions, string]>([
  ['a given token', { token: 'abc' }, 'a token from the token option that is not a JWT was sent'],
  ['one of a source', { token: () => 'abc' }, 'a token from the token source that is not a JWT was sent'],
  ['a scheme', { scheme: { name: 'OAuth 1.0', authorize: () => ({}) } }, 'OAuth 1.0 was applied'],
  ['nothing', { token: false }, 'no token was sent: tokens are switched off for this request'],
])('names what was sent: %s', async (_, options, sent) => {
  expect((await refused({ status: 403 }, { options })).summary).toBe(
    `the server refused with 403 and gave no reason; ${sent}`,
  )
})

it('has what the scheme says about the refusal', async () => {
  const scheme = oauth1({ clientId: 'me', clientSecret: 'sosecret' })
  const header = 'OAuth oauth_problem="timestamp_refused", oauth_acceptable_timestamps="1-2"'
  const { summary } = await refused(
    { status: 401, headers: { 'WWW-Authenticate': header } },
    { options: { scheme } },
  )
  expect(summary).toBe(
    'the server requires OAuth authentication; OAuth 1.0 was applied: timestamp_refused. Set the clock of this host',
  )
})

it('names the netrc file whose username and password were sent', async () => {
  put(room('.netrc'), 'machine 127.0.0.1 login albert password sosecretword')
  const { summary } = await refused({ status: 401, headers: { 'WWW-Authenticate': 'Basic realm="x"' } })
  expect(summary).toBe(
    `the server requires Basic authentication; username and password from ${room('.netrc')} were sent`,
  )
})

it('adds why no token was sent, when the server requires one', async () => {
  put(room('.netrc'), 'machine 127.0.0.1 login albert password sosecretword')
  const basic = `the server requires gracedb.read; username and password from ${room('.netrc')} were sent`
  expect((await refused(bearer(401, 'scope="gracedb.read"'))).summary).toBe(basic)
  put(runtimeFile(), mint({ aud: 'https://y.example.org' }))
  const { summary } = await refused(bearer(401, 'scope="gracedb.read"'))
  expect(summary).toContain(
    `${basic}, and no token: ${runtimeFile()} is for audience https://y.example.org, not`,
  )
})

it('lists why no token was sent also when none is searched before a challenge', async () => {
  put(runtimeFile(), mint({ aud: 'https://y.example.org' }))
  const { origin } = await serve(() => bearer(401, 'scope="gracedb.read"'))
  const error = (await new HTTPSciTokenAuth()
    .apply(axios.create())
    .get(origin)
    .catch((one: unknown) => one)) as IgwnAxiosError
  expect(error.igwnAuth?.summary).toContain(
    `the server requires gracedb.read; no token was sent: ${runtimeFile()} is for audience https://y.example.org, not`,
  )
})

it('reports that the request had its own credentials', async () => {
  const instance = axios.create({ headers: { Authorization: 'Mine sosecret' } })
  const { summary, explanation } = await refused({ status: 403 }, { instance })
  expect(summary).toBe('the server refused with 403 and gave no reason; the request had its own credentials')
  expectNoSecret(explanation, ['sosecret'])
})

it('names the certificate that was presented, also when the handshake failed because of it', async () => {
  const authority = await createAuthority()
  const { certificate, key } = await authority.issueServer()
  const alice = await authority.issueUser('Alice Adams')
  process.env.X509_USER_PROXY = put(room('x509up'), alice.bundle)
  process.env.REQUESTS_CA_BUNDLE = put(room('ca.pem'), authority.certificate)
  const ask = { cert: certificate, key, requestCert: true }
  const lenient = await serve(() => ({ status: 403 }), {
    host: 'localhost',
    tls: { ...ask, ca: authority.certificate },
  })
  const strict = await serve(() => ({}), {
    host: 'localhost',
    tls: { ...ask, ca: (await createAuthority('Other CA')).certificate },
  })
  const instance = applyIgwnAuth(axios.create())
  try {
    const [bare, ended] = (await Promise.all(
      [lenient, strict].map(({ origin }) => instance.get(origin).catch((one: unknown) => one)),
    )) as [IgwnAxiosError, IgwnAxiosError]
    expect(bare.igwnAuth?.summary).toBe(
      'the server refused with 403 and gave no reason; no token was sent: none was found; ' +
        `the certificate /DC=org/DC=example/CN=Alice Adams from ${room('x509up')} (X509_USER_PROXY) expires in 11 hours`,
    )
    expect(ended.response).toBeUndefined()
    expect(ended.igwnAuth?.summary).toMatch(
      /^The server (?:refused|closed) the connection .* The certificate presented was \/DC=org\/DC=example\/CN=Alice Adams/,
    )
    expect(ended.igwnAuth?.reasons[0]).toMatchObject({ code: 'refused', source: 'certificate' })
    expect(ended.igwnAuth?.explanation.attached).toMatchObject([{ kind: 'certificate' }])
  } finally {
    delete process.env.REQUESTS_CA_BUNDLE
  }
})

it('is printed with summary and reasons, without the explanation and without a secret', async () => {
  const token = mint(audience)
  put(runtimeFile(), token)
  const { origin } = await serve(() => ({ status: 403 }))
  const error = (await applyIgwnAuth(axios.create())
    .get(origin)
    .catch((one: unknown) => one)) as IgwnAxiosError
  const printed = inspect(error, { depth: null })
  expect(printed).toContain('summary: ')
  expect(printed).not.toContain('explanation')
  expectNoSecret(error, [token])
  expectNoSecret(error.igwnAuth?.explanation, [token])
})

it('is not added to other errors', async () => {
  const { origin } = await serve(() => ({ status: 404 }))
  const error = (await applyIgwnAuth(axios.create())
    .get(origin)
    .catch((one: unknown) => one)) as IgwnAxiosError
  expect(error.igwnAuth).toBeUndefined()
})
