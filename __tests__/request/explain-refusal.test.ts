/** What is known of a refusal, without a server. How it reads is tested with requests in `explain/refusal.test.ts`. */
import { AxiosHeaders, type AxiosResponse, type InternalAxiosRequestConfig } from 'axios'
import { IgwnAuthError, type Reason } from '../../lib/errors'
import { resolveOptions, type IgwnAuthOptions } from '../../lib/options'
import { attacher, type Attacher } from '../../lib/request/attach'
import { newContext, type RequestContext } from '../../lib/request/context'
import { explainUnsent, isRefusal, refusalOf } from '../../lib/request/explain-refusal'
import type { Credentials } from '../../lib/schemes/credentials'
import { staticToken } from '../../lib/tokens/static-token'
import type { ObjectTarget } from '../../lib/request/object-requests'
import type { TokenSource } from '../../lib/tokens/token'
import { emptyPlaces, mint, now, put, room, runtimeFile } from '../support/tokens'

const HTTPS = 'https://x.example.org/frames/f?secret=1'
const PROXY = { host: 'proxy.example.org', port: 3128 }
const NOTHING: Credentials = { reasons: [{ code: 'absent', source: 'A', message: 'A is not set' }] }

beforeEach(emptyPlaces)
afterEach(() => {
  delete process.env.BEARER_TOKEN
  delete process.env.IGWN_AUTH_UTILS_FIND_SCITOKEN
})

/** A request that is not sent. */
function contextOf(
  url = HTTPS,
  options: IgwnAuthOptions = {},
  config: Partial<InternalAxiosRequestConfig> = {},
): RequestContext {
  const request = { url, headers: new AxiosHeaders(), ...config }
  return newContext(
    request,
    undefined,
    new URL(new URL(url).origin),
    resolveOptions(options, 'options'),
    false,
  )
}

interface Refused {
  readonly context?: RequestContext
  readonly credentials?: Credentials
  readonly failure?: unknown
}

const refusal = (
  response: Partial<AxiosResponse> | undefined,
  { context = contextOf(), credentials = NOTHING, failure }: Refused = {},
) => refusalOf(context, credentials, response as AxiosResponse, failure, attacher())

const challenged = (challenge?: string, status = 401): Partial<AxiosResponse> => ({
  status,
  headers: challenge === undefined ? {} : { 'www-authenticate': challenge },
})

describe('a response', () => {
  it.each([
    [401, true],
    [403, true],
    [400, false],
    [407, false],
    [200, false],
  ])('with status %i is a refusal: %s', (status, expected) => {
    expect(isRefusal({ status })).toBe(expected)
    expect(refusal({ status, headers: {} }) !== undefined).toBe(expected)
  })

  it('that is missing is none', () => {
    expect(isRefusal(undefined)).toBe(false)
    expect(refusal(undefined, { failure: new Error('reset') })).toBeUndefined()
  })

  it('with a challenge has its scope in the requirements, and an explanation that is not printed', () => {
    const found = refusal(challenged('Bearer scope="a b"'))
    expect(Object.keys(found ?? {})).toEqual(['summary', 'reasons'])
    expect(found?.summary).toBe('the server requires a b; no token was sent: none was found')
    expect(found?.reasons).toBe(NOTHING.reasons)
    expect(found?.explanation.requirements.challengeScope).toEqual(['a', 'b'])
    const withoutReasons = refusal(challenged('Bearer scope="a b"'), { credentials: { reasons: [] } })
    expect(withoutReasons?.summary).toBe(found?.summary)
    for (const challenge of ['Basic', 'Bearer', undefined])
      expect(refusal(challenged(challenge))?.explanation.requirements).not.toHaveProperty('challengeScope')
  })

  it('has the reasons why it was not retried in place of those of the search', () => {
    const notRetried: Reason[] = [{ code: 'not-needed', source: 'token', message: 'it is too late' }]
    const context = Object.assign(contextOf(), { notRetried })
    const found = refusal(challenged('Bearer'), { context, credentials: { reasons: [] } })
    expect(found?.reasons).toBe(notRetried)
    expect(found?.summary).toContain('no token was sent: it is too late')
  })

  it.each<[what: string, credentials: Partial<Credentials>, sent: string]>([
    ['is asked for the cause', { changes: {} }, 'S was applied: 401 of Bearer for 0 fields'],
    ['is not asked where it changed nothing', {}, 'S was applied'],
    ['may have no answer', { scheme: { name: 'S', authorize: () => ({}) }, changes: {} }, 'S was applied'],
  ])('to a scheme: it %s', (_, credentials, sent) => {
    const scheme: Credentials['scheme'] = {
      name: 'S',
      authorize: () => ({}),
      describeRefusal: ({ status, header }, changes) =>
        `${status} of ${header('WWW-Authenticate')} for ${Object.keys(changes).length} fields`,
    }
    const found = refusal(challenged('Bearer'), { credentials: { scheme, reasons: [], ...credentials } })
    expect(found?.summary).toBe(`the server requires a token; ${sent}`)
  })

  it('for an object of a federation compares scopes with the path that they have', () => {
    const token = mint({ scope: 'read:/other' })
    const object = {
      object: { url: 'pelican://f.example.org/igwn/frames/f' },
      scopePath: '/frames/f',
      requirements: { audience: [], scope: [], issuer: [], minTimeLeft: 60, object: {} },
    } as unknown as ObjectTarget
    const credentials = { token, source: 'A', reasons: [] }
    const context = { ...contextOf('https://x.example.org/igwn/frames/f'), object }
    const found = refusal({ status: 403, headers: {} }, { context, credentials })
    expect(found?.summary).toMatch(/and none of its scopes covers \/frames\/f$/)
    expect(found?.explanation.url).toBe('pelican://f.example.org/igwn/frames/f')
    const other = refusal({ status: 403, headers: {} }, { credentials })
    expect(other?.summary).toMatch(/covers \/frames\/f$/)
    expect(other?.explanation.url).toBe('https://x.example.org/frames/f')
  })
})

describe('a network proxy', () => {
  const plain = { socket: { encrypted: undefined } }
  const proxied = (url: string) => contextOf(url, {}, { proxy: PROXY })

  it.each([401, 403, 407])('that makes no tunnel refuses with %i', (status) => {
    const found = refusal({ status, headers: {}, request: plain }, { context: proxied(HTTPS) })
    const summary = `the network proxy answered with ${status}; the request did not reach x.example.org`
    expect(found).toEqual({
      summary,
      reasons: [{ code: 'refused', source: 'the network proxy', message: summary }],
    })
    expect(found?.explanation.requirements).not.toHaveProperty('challengeScope')
    expect(found?.explanation.fixes).toEqual([
      expect.stringMatching(/^put the username .* or name x\.example\.org in/),
    ])
  })

  it('that makes no tunnel for another reason does not refuse', () => {
    const context = proxied(HTTPS)
    expect(refusal({ status: 502, headers: {}, request: plain }, { context })).toBeUndefined()
  })

  it('refuses a plain request with 407 only: another status is of the server', () => {
    const context = proxied('http://x.example.org/')
    expect(refusal({ status: 407, headers: {} }, { context })?.summary).toMatch(
      /^the network proxy answered with 407;/,
    )
    expect(refusal(challenged('Bearer'), { context })?.summary).toMatch(/^the server requires a token;/)
    expect(
      refusal({ status: 407, headers: {} }, { context: contextOf('http://x.example.org/') }),
    ).toBeUndefined()
  })
})

describe('a TLS connection', () => {
  const alert = Object.assign(new Error('SSL alert number 45'), { code: 'EPROTO' })
  const skipped: Reason = { code: 'expired', source: 'P', message: 'P expired' }

  it('that the server ended because of the certificate is a refusal of it, with the certificates that were skipped', () => {
    const found = refusal(undefined, {
      failure: alert,
      credentials: { reasons: [], tls: { reasons: [skipped] } },
    })
    expect(found?.summary).toMatch(
      /^The server refused the connection with the TLS alert certificate_expired: .* P expired\.$/,
    )
    expect(found?.reasons).toEqual([
      { code: 'refused', source: 'certificate', message: found?.summary },
      skipped,
    ])
    expect(found?.explanation.requirements).not.toHaveProperty('challengeScope')
    expect(found?.explanation.fixes).toEqual(['grid-proxy-init, or voms-proxy-init -rfc'])
    expect(refusal(undefined, { failure: alert, credentials: { reasons: [] } })?.reasons).toHaveLength(1)
  })

  it('whose server then refuses by a page is a refusal of the certificate', () => {
    const data = 'Cannot perform Post-Handshake Authentication.'
    expect(refusal({ status: 403, headers: {}, data })?.summary).toMatch(
      /^The server requests a certificate for this path/,
    )
    const page = { status: 400, data: 'No required SSL certificate was sent' }
    expect(refusal({ ...page, headers: {} }, { failure: { response: page } })?.summary).toMatch(
      /requires a certificate/,
    )
  })

  it('to a server that is not trusted is a refusal of its certificate', () => {
    const failure = Object.assign(new Error('no'), { code: 'SELF_SIGNED_CERT_IN_CHAIN' })
    const found = refusal(undefined, { failure })
    expect(found?.summary).toMatch(
      /^the certificate of x\.example\.org is not trusted \(SELF_SIGNED_CERT_IN_CHAIN\)/,
    )
    expect(found?.reasons).toEqual([
      { code: 'not-verified', source: 'certificate of the server', message: found?.summary },
    ])
    expect(found?.explanation.requirements).not.toHaveProperty('challengeScope')
    expect(found?.explanation.fixes).toEqual([])
    const tls = { reasons: [], tlsOf: 'httpsAgent' } as const
    expect(refusal(undefined, { failure, credentials: { reasons: [], tls } })?.summary).toContain(
      'own httpsAgent',
    )
  })
})

describe('a request that is not sent', () => {
  const explained = (options: IgwnAuthOptions = {}, more: Parameters<typeof explainUnsent>[2] = {}) =>
    explainUnsent(contextOf(HTTPS, options), attacher(), more)
  const sources = (options: IgwnAuthOptions) =>
    explained(options).then(({ attached }) => attached.map(({ kind, source }) => `${kind} ${source}`))
  const netrc = () => put(room('.netrc'), 'machine x.example.org login albert password sosecretword')

  it('asks no token source, and has no password in its place', async () => {
    netrc()
    const getToken = jest.fn(() => 'abc')
    for (const token of [getToken, { getToken }])
      for (const options of [{ token }, { token, netrc: true }])
        expect(await sources(options)).toEqual(['token the token source'])
    put(runtimeFile(), mint())
    expect(await sources({ token: getToken })).toEqual(['token the token source'])
    expect(getToken).not.toHaveBeenCalled()
    expect(await sources({ token: getToken, verify: true })).toEqual(['token the token source'])
    expect(getToken).toHaveBeenCalled()
    expect(await sources({ token: () => undefined, verify: true, netrc: true })).toEqual([
      `basic ${room('.netrc')}`,
    ])
  })

  it.each<[what: string, options: IgwnAuthOptions, attached: string[]]>([
    ['forceNoAuth', { forceNoAuth: true }, []],
    ['withholdToken', { withholdToken: true }, []],
    ['a scheme', { scheme: { name: 'S', authorize: () => ({}) } }, ['scheme S']],
    ['a URL for another host', { url: 'https://y.example.org' }, []],
    ['failIfNoAuth', { failIfNoAuth: true }, ['token the token source']],
  ])('has what a token source leads to with %s', async (_, options, attached) => {
    const getToken = jest.fn(() => 'abc')
    expect(await sources({ ...options, token: getToken })).toEqual(attached)
    expect((await explained({ ...options, token: getToken })).problem).toBeUndefined()
    expect(getToken).not.toHaveBeenCalled()
    expect(await sources({ ...options, token: getToken, verify: true })).toEqual(attached)
  })

  it('has the problem of a token source over plain HTTP, and nothing in place of own credentials', async () => {
    const options = { token: () => 'abc' }
    const insecure = await explainUnsent(contextOf('http://x.example.org/', options), attacher(), {})
    expect([insecure.problem?.code, insecure.attached]).toEqual(['ERR_IGWN_INSECURE_TRANSPORT', []])
    const own = { ...contextOf(HTTPS, options), authenticated: true }
    expect((await explainUnsent(own, attacher(), {})).attached).toEqual([])
  })

  it('has a token that is given, found or switched off, and else the password', async () => {
    const file = netrc()
    expect(await sources({ token: 'abc' })).toEqual(['token the token option'])
    expect(await sources({ token: staticToken('abc') })).toEqual(['token the token option'])
    expect(await sources({})).toEqual([`basic ${file}`])
    expect(await sources({ token: false })).toEqual([`basic ${file}`])
    put(runtimeFile(), mint())
    expect(await sources({})).toEqual([`token ${runtimeFile()}`])
  })

  it('does not say that tokens are switched off where a source is not asked', async () => {
    const disabled = async (token: NonNullable<IgwnAuthOptions['token']>) =>
      (await explained({ token })).findings.filter(({ code }) => code === 'disabled').length
    expect([await disabled(() => 'abc'), await disabled(false)]).toEqual([0, 1])
    const options = { token: () => 'abc', allowInsecureHttp: true, cert: true }
    const { findings } = await explainUnsent(contextOf('http://x.example.org/', options), attacher(), {})
    expect(findings).toContainEqual(expect.objectContaining({ source: 'cert', code: 'unsupported' }))
  })

  it('asks a source to explain itself, also where that takes time', async () => {
    const finding = { kind: 'token', source: 'mine', verdict: 'usable', message: 'mine is there' } as const
    const explainAsync = jest.fn(() => Promise.resolve([finding]))
    const token: TokenSource = { getToken: () => 'abc', explainAsync }
    const { findings } = await explained({ token, tokenScope: 'a' })
    expect(findings).toContainEqual(finding)
    expect(explainAsync).toHaveBeenCalledWith(expect.objectContaining({ scope: ['a'] }))
  })

  it('has the problem that is known already, and searches for nothing else', async () => {
    const attach = jest.fn()
    const attaching: Attacher = { ...attacher(), attach }
    const problem = new IgwnAuthError('ERR_IGWN_FEDERATION', 'no server')
    const explanation = await explainUnsent(contextOf(), attaching, { problem, transfer: { bytes: 1 } })
    expect(explanation.problem).toEqual({ code: 'ERR_IGWN_FEDERATION', message: 'no server' })
    expect([explanation.lifetime, explanation.attached]).toEqual([undefined, []])
    const sources = explanation.findings.map(({ source }) => source)
    expect(sources).toContain('BEARER_TOKEN')
    expect(sources).not.toContain(undefined)
    expect(attach).not.toHaveBeenCalled()
  })

  it('has the problem of the search; another failure is thrown', async () => {
    const explanation = await explained({ token: true }, { transfer: { bytes: 1 } })
    expect(explanation.problem?.code).toBe('ERR_IGWN_TOKEN_NOT_FOUND')
    expect(explanation.lifetime).toBeUndefined()
    process.env.IGWN_AUTH_UTILS_FIND_SCITOKEN = 'perhaps'
    expect((await explained()).problem?.code).toBe('ERR_IGWN_INVALID_ENVIRONMENT')
    const failure = new Error('a fault')
    const attaching: Attacher = { ...attacher(), attach: () => Promise.reject(failure) }
    await expect(explainUnsent(contextOf(), attaching, {})).rejects.toBe(failure)
    await expect(explained({ token: () => Promise.reject(failure), verify: true })).rejects.toThrow('a fault')
  })

  it('over plain HTTP is insecure unless the option allows that', async () => {
    const insecure = async (url: string, options: IgwnAuthOptions) => {
      const { findings } = await explainUnsent(contextOf(url, options), attacher(), {})
      return findings.some(({ code, source }) => code === 'insecure-transport' && source === 'the URL')
    }
    expect(await insecure('http://x.example.org/', {})).toBe(true)
    expect(await insecure('http://x.example.org/', { allowInsecureHttp: true })).toBe(false)
    expect(await insecure(HTTPS, {})).toBe(false)
  })

  it.each<[what: string, options: () => IgwnAuthOptions, lifetime: object | undefined]>([
    ['that is found', () => (put(runtimeFile(), mint()), {}), { isEnough: true, timeLeft: 3600 }],
    ['that is given', () => ({ token: mint({ exp: now() + 50 }) }), { isEnough: false, renewer: undefined }],
    [
      'that is no JWT',
      () => ({ token: 'abc' }),
      { isEnough: undefined, timeLeft: undefined, renewer: undefined },
    ],
    [
      'of a source that is not asked',
      () => ({ token: () => 'abc' }),
      { timeLeft: undefined, renewer: 'source' },
    ],
    [
      'of a source that is asked',
      () => ({ token: () => mint({ exp: now() + 50 }), verify: true }),
      { isEnough: true, renewer: 'source' },
    ],
    ['that is missing', () => ({}), undefined],
    ['that is switched off', () => ({ token: false }), undefined],
  ])('compares a transfer with the lifetime of a token %s', async (_, options, lifetime) => {
    jest.useFakeTimers({
      now: now() * 1000,
      doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'setTimeout'],
    })
    try {
      const found = (await explained(options(), { transfer: { bytes: 1000, rate: 10 } })).lifetime
      if (lifetime) expect(found).toMatchObject({ expected: 100, ...lifetime })
      else expect(found).toBeUndefined()
      expect((await explained(options())).lifetime).toBeUndefined()
    } finally {
      jest.useRealTimers()
    }
  })
})
