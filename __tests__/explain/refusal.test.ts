/** What a refusal by the server carries: one sentence, the reasons, and the whole explanation. */
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
import { serverGroup, type Answer } from '../support/server'
import { emptyPlaces, mint, now, put, room, runtimeFile, stopClock } from '../support/tokens'

const servers = serverGroup()
beforeEach(emptyPlaces)
afterEach(async () => {
  jest.useRealTimers()
  delete process.env.X509_USER_PROXY
  await servers.close()
})

function bearer(status: number, parameters?: string): Answer {
  return { status, headers: { 'WWW-Authenticate': `Bearer${parameters ? ` ${parameters}` : ''}` } }
}

/** The refusal that a request ends with. */
async function refused(
  answer: Answer,
  {
    path = '/',
    options,
    instance,
  }: { path?: string; options?: IgwnAuthOptions; instance?: AxiosInstance } = {},
): Promise<Refusal> {
  const { origin } = await servers.serve(() => answer)
  const error = (await applyIgwnAuth(instance ?? axios.create(), options)
    .get(origin + path)
    .catch((one: unknown) => one)) as IgwnAxiosError
  expect(error.response?.status).toBe(answer.status)
  if (!error.igwnAuth) throw new Error('the error carries nothing')
  return error.igwnAuth
}

const audience = { aud: 'ANY' }

it('says what the server wants and what the token has', async () => {
  stopClock()
  put(runtimeFile(), mint({ ...audience, scope: 'gracedb.read', exp: now() + 720 }))
  const { summary, reasons, explanation } = await refused(
    bearer(403, 'error="insufficient_scope", scope="gracedb.write"'),
  )
  expect(summary).toBe(
    `the server wants gracedb.write; the token from ${runtimeFile()} has gracedb.read and 12 minutes left`,
  )
  expect(reasons.map(({ code }) => code)).toContain('absent')
  expect(explanation.findings.find(({ source }) => source === runtimeFile())).toMatchObject({
    verdict: 'selected',
    token: { scopes: ['gracedb.read'] },
    warning: `${runtimeFile()} gives gracedb.read, not gracedb.write`,
  })
  expect(explanation.fixes[0]).toMatch(/^htgettoken .* --scopes=gracedb\.write --audience=/)
})

it('asks for what the server wants where there is no token', async () => {
  const { explanation } = await refused(bearer(401, 'scope="gracedb.read"'))
  expect(explanation.requirements.scope).toEqual(['gracedb.read'])
  expect(explanation.fixes[0]).toMatch(/^htgettoken .* --scopes=gracedb\.read --audience=/)
})

it('says of a bare 403, as of XRootD, what the token gives and whether that covers the path', async () => {
  stopClock()
  put(runtimeFile(), mint({ ...audience, scope: 'read:/frames write:/scratch' }))
  expect((await refused({ status: 403 }, { path: '/data/f.txt?authz=1' })).summary).toBe(
    'the server refuses with 403 and does not say why; ' +
      `the token from ${runtimeFile()} has read:/frames write:/scratch and 60 minutes left, for audience ANY, ` +
      'and no scope of it covers /data/f.txt',
  )
  expect((await refused({ status: 403 }, { path: '/frames/f.txt' })).summary).toMatch(/for audience ANY$/)
})

it.each<[string, Answer, string]>([
  ['a token, by a challenge', bearer(401), 'the server wants a token'],
  [
    'a token, as Apache says it',
    bearer(401, 'error="invalid_request", error_description="No bearer token"'),
    'the server wants a token',
  ],
  ['a scope', bearer(401, 'scope="gracedb.read"'), 'the server wants gracedb.read'],
  [
    'something else',
    { status: 401, headers: { 'WWW-Authenticate': ['Negotiate', 'Basic realm="a, b"'] } },
    'the server wants Negotiate or Basic authentication',
  ],
  ['nothing that it names', { status: 401 }, 'the server refuses with 401 and does not say why'],
])('says that the server wants %s, and that there is no token', async (_, answer, wants) => {
  expect((await refused(answer)).summary).toBe(`${wants}; no token was sent: there is none on this machine`)
})

it('says why those that there are were not sent', async () => {
  put(runtimeFile(), mint({ aud: 'https://y.example.org' }))
  process.env.BEARER_TOKEN = 'garbage'
  const { summary } = await refused(bearer(401))
  expect(summary).toMatch(
    /^the server wants a token; no token was sent: BEARER_TOKEN holds no SciToken \(not a JWT\); .* is for audience https:\/\/y\.example\.org, not http:\/\/127\.0\.0\.1 or http:\/\/127\.0\.0\.1:\d+$/,
  )
})

it('repeats what the server says of a token, made fit to print', async () => {
  put(runtimeFile(), mint(audience))
  const { summary } = await refused(
    bearer(401, 'error="invalid_token", error_description="a\u009bb expired"'),
  )
  expect(summary).toMatch(/^the server says a\?b expired; the token from .* has read:\/frames and/)
  expect((await refused(bearer(401, 'error="odd"'))).summary).toMatch(/^the server says odd; /)
})

it('repeats no token that the server repeats, and says what is wrong beside what is wanted', async () => {
  const token = mint(audience)
  put(runtimeFile(), token)
  const refusal = await refused(
    bearer(
      401,
      `error="invalid_token", scope="read:/frames", error_description="${token} has a bad signature"`,
    ),
  )
  expect(refusal.summary).toMatch(
    /^the server wants read:\/frames and says \[hidden\] has a bad signature; the token/,
  )
  expectNoSecret(refusal, [token])
  expectNoSecret(refusal.explanation, [token])
})

it.each<[string, IgwnAuthOptions, string]>([
  ['given', { token: 'abc' }, 'a token from the token option that is no JWT was sent'],
  ['of a source', { token: () => 'abc' }, 'a token from the token source that is no JWT was sent'],
  ['a scheme', { scheme: { name: 'OAuth 1.0', authorize: () => ({}) } }, 'OAuth 1.0 was on the request'],
  ['switched off', { token: false }, 'no token was sent: Tokens are switched off for this request'],
])('says what was sent: %s', async (_, options, sent) => {
  expect((await refused({ status: 403 }, { options })).summary).toBe(
    `the server refuses with 403 and does not say why; ${sent}`,
  )
})

it('says what the server says to a scheme, in the words of that', async () => {
  const scheme = oauth1({ clientId: 'me', clientSecret: 'sosecret' })
  const header = 'OAuth oauth_problem="timestamp_refused", oauth_acceptable_timestamps="1-2"'
  const { summary } = await refused(
    { status: 401, headers: { 'WWW-Authenticate': header } },
    { options: { scheme } },
  )
  expect(summary).toBe(
    'the server wants OAuth authentication; OAuth 1.0 was on the request: timestamp_refused. Set the clock of this machine',
  )
})

it('says that a login was sent, and of which file', async () => {
  put(room('.netrc'), 'machine 127.0.0.1 login albert password sosecretword')
  const { summary } = await refused({ status: 401, headers: { 'WWW-Authenticate': 'Basic realm="x"' } })
  expect(summary).toBe(`the server wants Basic authentication; the login of ${room('.netrc')} was sent`)
})

it('says besides why no token was, where the server wants one', async () => {
  put(room('.netrc'), 'machine 127.0.0.1 login albert password sosecretword')
  const login = `the server wants gracedb.read; the login of ${room('.netrc')} was sent`
  expect((await refused(bearer(401, 'scope="gracedb.read"'))).summary).toBe(login)
  put(runtimeFile(), mint({ aud: 'https://y.example.org' }))
  const { summary } = await refused(bearer(401, 'scope="gracedb.read"'))
  expect(summary).toContain(
    `${login}, and no token: ${runtimeFile()} is for audience https://y.example.org, not`,
  )
})

it('says why none was sent also where none is looked for before the server asks', async () => {
  put(runtimeFile(), mint({ aud: 'https://y.example.org' }))
  const { origin } = await servers.serve(() => bearer(401, 'scope="gracedb.read"'))
  const error = (await new HTTPSciTokenAuth()
    .apply(axios.create())
    .get(origin)
    .catch((one: unknown) => one)) as IgwnAxiosError
  expect(error.igwnAuth?.summary).toContain(
    `the server wants gracedb.read; no token was sent: ${runtimeFile()} is for audience https://y.example.org, not`,
  )
})

it("says that the credentials were the caller's own", async () => {
  const instance = axios.create({ headers: { Authorization: 'Mine sosecret' } })
  const { summary, explanation } = await refused({ status: 403 }, { instance })
  expect(summary).toBe(
    'the server refuses with 403 and does not say why; the credentials were those that the request brought itself',
  )
  expectNoSecret(explanation, ['sosecret'])
})

it('names the certificate that was presented, and explains a handshake that ended over it', async () => {
  const authority = await createAuthority()
  const { certificate, key } = await authority.issueServer()
  const alice = await authority.issueUser('Alice Adams')
  process.env.X509_USER_PROXY = put(room('x509up'), alice.bundle)
  process.env.REQUESTS_CA_BUNDLE = put(room('ca.pem'), authority.certificate)
  const ask = { cert: certificate, key, requestCert: true }
  const lenient = await servers.serve(() => ({ status: 403 }), {
    host: 'localhost',
    tls: { ...ask, ca: authority.certificate },
  })
  const strict = await servers.serve(() => ({}), {
    host: 'localhost',
    tls: { ...ask, ca: (await createAuthority('Other CA')).certificate },
  })
  const instance = applyIgwnAuth(axios.create())
  try {
    const [bare, ended] = (await Promise.all(
      [lenient, strict].map(({ origin }) => instance.get(origin).catch((one: unknown) => one)),
    )) as [IgwnAxiosError, IgwnAxiosError]
    expect(bare.igwnAuth?.summary).toBe(
      'the server refuses with 403 and does not say why; no token was sent: there is none on this machine; ' +
        `the certificate /DC=org/DC=example/CN=Alice Adams from ${room('x509up')} (X509_USER_PROXY) expires in 11 hours`,
    )
    expect(ended.response).toBeUndefined()
    expect(ended.igwnAuth?.summary).toMatch(
      /^The server refused the connection .* The certificate presented was \/DC=org\/DC=example\/CN=Alice Adams/,
    )
    expect(ended.igwnAuth?.reasons[0]).toMatchObject({ code: 'refused', source: 'certificate' })
    expect(ended.igwnAuth?.explanation.attached).toMatchObject([{ kind: 'certificate' }])
  } finally {
    delete process.env.REQUESTS_CA_BUNDLE
  }
})

it('prints sentence and reasons with the error, and neither the explanation nor a secret', async () => {
  const token = mint(audience)
  put(runtimeFile(), token)
  const { origin } = await servers.serve(() => ({ status: 403 }))
  const error = (await applyIgwnAuth(axios.create())
    .get(origin)
    .catch((one: unknown) => one)) as IgwnAxiosError
  const printed = inspect(error, { depth: null })
  expect(printed).toContain('summary: ')
  expect(printed).not.toContain('explanation')
  expectNoSecret(error, [token])
  expectNoSecret(error.igwnAuth?.explanation, [token])
})

it('is on no other error', async () => {
  const { origin } = await servers.serve(() => ({ status: 404 }))
  const error = (await applyIgwnAuth(axios.create())
    .get(origin)
    .catch((one: unknown) => one)) as IgwnAxiosError
  expect(error.igwnAuth).toBeUndefined()
})
