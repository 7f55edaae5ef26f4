import fs from 'node:fs'
import path from 'node:path'
import http from 'node:http'
import https from 'node:https'
import axios, { AxiosHeaders, type AxiosAdapter, type InternalAxiosRequestConfig } from 'axios'
import { processEnvironment } from '../../lib/environment'
import { attacher, isOtherService } from '../../lib/request/attach'
import { newContext, type RequestContext } from '../../lib/request/context'
import type { ObjectTarget } from '../../lib/request/object-requests'
import type { AuthScheme } from '../../lib/schemes/auth-scheme'
import type { Credentials } from '../../lib/schemes/credentials'
import { requirementsOf } from '../../lib/tokens/validate-claims'
import {
  applyIgwnAuth,
  igwnAxios,
  noHostCredentials,
  removeIgwnAuth,
  get,
  post,
  del,
  SciToken,
  staticToken,
  IgwnAuthError,
} from '../support/all'
import { listen } from '../support/listen'
import { serve, type TestServer } from '../support/server'
import { mint } from '../support/tokens'

let server: TestServer
const seen = () => server.authorizations.at(-1)

beforeAll(async () => {
  server = await serve(() => ({}))
})
beforeEach(() => {
  server.seen.length = server.authorizations.length = 0
  for (const name of ['BEARER_TOKEN', 'BEARER_TOKEN_FILE', 'IGWN_AUTH_UTILS_FIND_SCITOKEN'])
    delete process.env[name]
})

/** The error of ours that a request fails with before anything is sent. */
const refused = async (request: Promise<unknown>) => {
  const error: unknown = await request.then(
    () => undefined,
    (failure: unknown) => failure,
  )
  expect(error).toBeInstanceOf(IgwnAuthError)
  expect(server.seen).toHaveLength(0)
  return error as IgwnAuthError
}

describe('a discovered token', () => {
  it('is attached by igwnAxios', async () => {
    const token = (process.env.BEARER_TOKEN = mint({ aud: 'ANY' }))
    const { status } = await igwnAxios.get(server.origin)
    expect(status).toBe(200)
    expect(seen()).toBe(`Bearer ${token}`)
  })

  it('is attached by the exported functions', async () => {
    const token = (process.env.BEARER_TOKEN = mint({ aud: 'ANY' }))
    await get(server.origin)
    await post(server.origin, { a: 1 })
    await del(server.origin)
    expect(server.authorizations).toEqual(Array(3).fill(`Bearer ${token}`))
    expect(server.seen.map(({ method }) => method)).toEqual(['GET', 'POST', 'DELETE'])
    expect(server.seen[1]).toMatchObject({ body: '{"a":1}', headers: { 'content-type': 'application/json' } })
  })

  it('is attached by instances that igwnAxios creates, with their own options', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY', scope: 'gracedb.read' })
    const instance = igwnAxios.create({
      baseURL: server.origin,
      igwnAuth: { tokenScope: 'gracedb.write', token: true },
    })
    const error = await refused(instance.get('/a'))
    expect(error.code).toBe('ERR_IGWN_TOKEN_NOT_FOUND')
    expect(error.message).toContain('BEARER_TOKEN has scope gracedb.read, not gracedb.write.')
    expect(error.reasons.find(({ code }) => code === 'scope')).toMatchObject({
      source: 'BEARER_TOKEN',
      claim: 'scope',
      expected: ['gracedb.write'],
      actual: ['gracedb.read'],
    })
  })

  it('is attached to requests with a baseURL, params and a relative URL', async () => {
    process.env.BEARER_TOKEN = mint({ aud: server.origin })
    const instance = applyIgwnAuth(axios.create({ baseURL: `${server.origin}/api` }))
    await instance.get('things', { params: { a: 'b c' } })
    expect(server.seen[0]).toMatchObject({ url: '/api/things?a=b+c' })
    expect(seen()).toMatch(/^Bearer /)
  })

  it('is left out, and the request is sent, when none is suitable', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'https://elsewhere.example.org' })
    await igwnAxios.get(server.origin)
    expect(server.authorizations).toEqual([undefined])
  })

  it('is read again: a token renewed by rename is sent with the next request', async () => {
    const file = (process.env.BEARER_TOKEN_FILE = path.join(process.env.HOME!, 'token'))
    const [first, second] = [mint({ aud: 'ANY', jti: '1' }), mint({ aud: 'ANY', jti: '2' })]
    fs.writeFileSync(file, first)
    await igwnAxios.get(server.origin)
    await igwnAxios.get(server.origin)
    fs.writeFileSync(`${file}.new`, second)
    fs.renameSync(`${file}.new`, file)
    await igwnAxios.get(server.origin)
    expect(server.authorizations).toEqual([first, first, second].map((token) => `Bearer ${token}`))
  })
})

describe('the token option', () => {
  it.each([
    ['a string', () => 'abc.def'],
    ['bytes', () => Buffer.from('abc.def')],
    ['a function', () => () => 'abc.def'],
    ['an asynchronous function', () => async () => Promise.resolve('abc.def')],
    ['a token source', () => staticToken('abc.def')],
    ['an asynchronous source', () => ({ getToken: async () => Promise.resolve(Buffer.from('abc.def')) })],
  ])('may be %s', async (_, token) => {
    await applyIgwnAuth(axios.create(), { token: token() }).get(server.origin)
    expect(seen()).toBe('Bearer abc.def')
  })

  it('may be a SciToken, also an expired one: the claims of a given token are not checked', async () => {
    const text = mint({ aud: 'ANY', exp: 1 })
    await applyIgwnAuth(axios.create(), { token: SciToken.deserialize(text) }).get(server.origin)
    expect(seen()).toBe(`Bearer ${text}`)
  })

  it('calls a function with the requirements', async () => {
    const queries: unknown[] = []
    const token = (query: unknown) => {
      queries.push(query)
      return 'abc'
    }
    await applyIgwnAuth(axios.create(), {
      token,
      tokenScope: 'a b',
      tokenIssuer: 'https://i',
      tokenMinTimeLeft: 5,
    }).get(server.origin)
    expect(queries).toEqual([
      {
        audience: ['http://127.0.0.1', server.origin],
        scope: ['a', 'b'],
        issuer: ['https://i'],
        minTimeLeft: 5,
      },
    ])
  })

  it('false attaches nothing', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    await applyIgwnAuth(axios.create(), { token: false }).get(server.origin)
    expect(server.authorizations).toEqual([undefined])
  })

  it('true sends nothing without a token, and the error lists where it searched', async () => {
    const error = await refused(applyIgwnAuth(axios.create(), { token: true }).get(server.origin))
    expect(error.code).toBe('ERR_IGWN_TOKEN_NOT_FOUND')
    expect(error.message).toContain(
      'Nothing in SCITOKEN, SCITOKEN_FILE, _CONDOR_CREDS, BEARER_TOKEN, BEARER_TOKEN_FILE',
    )
  })

  it('a password of a netrc file that an option names is not sent over plain HTTP: an error, and nothing is sent', async () => {
    const netrc = path.join(process.env.HOME!, 'named.netrc')
    fs.writeFileSync(netrc, 'machine x.example.org login albert password sosecret', { mode: 0o600 })
    try {
      const adapter = jest.fn<ReturnType<AxiosAdapter>, Parameters<AxiosAdapter>>()
      const instance = applyIgwnAuth(axios.create({ adapter }), { token: false, netrc })
      await expect(instance.get('http://x.example.org/')).rejects.toMatchObject({
        code: 'ERR_IGWN_INSECURE_TRANSPORT',
        message: expect.stringContaining('x.example.org'),
      })
      expect(adapter).not.toHaveBeenCalled()
    } finally {
      fs.rmSync(netrc)
    }
  })

  it('a function that returns undefined sends the request without a header, also with a netrc entry', async () => {
    const netrc = path.join(process.env.HOME!, '.netrc')
    fs.writeFileSync(netrc, 'machine 127.0.0.1 login albert password sosecret', { mode: 0o600 })
    try {
      await applyIgwnAuth(axios.create(), { token: () => undefined }).get(server.origin)
      await applyIgwnAuth(axios.create(), { token: () => undefined, netrc: true }).get(server.origin)
      expect(server.authorizations).toEqual([undefined, expect.stringMatching(/^Basic /)])
      server.seen.length = 0
      const required = applyIgwnAuth(axios.create(), { token: () => undefined, failIfNoAuth: true })
      expect((await refused(required.get(server.origin))).code).toBe('ERR_IGWN_NO_CREDENTIAL')
    } finally {
      fs.rmSync(netrc)
    }
  })

  it('an error of a function is the error of the request, unchanged', async () => {
    const failure = new Error('no vault today')
    const instance = applyIgwnAuth(axios.create(), {
      token: () => {
        throw failure
      },
    })
    await expect(instance.get(server.origin)).rejects.toBe(failure)
    expect(server.seen).toHaveLength(0)
  })

  it('a function that fails once is called again for the next request', async () => {
    let calls = 0
    const instance = applyIgwnAuth(axios.create(), {
      token: async () => {
        calls += 1
        if (calls === 1) throw new Error('not yet')
        return Promise.resolve('abc')
      },
    })
    await expect(instance.get(server.origin)).rejects.toThrow('not yet')
    await instance.get(server.origin)
    expect(seen()).toBe('Bearer abc')
  })

  it.each([
    ['a line feed', 'abc\ndef', 'character 4 of 7 is a line feed'],
    ['a carriage return', 'abc\r\nX-Evil: 1', 'character 4 of 14 is a carriage return'],
    ['a character outside Latin-1', 'abc€', 'character 4 of 4 is outside Latin-1'],
    ['the word Bearer', 'Bearer abc', 'character 7 of 10 is a space'],
  ])('with %s is an error and is never sent (trap 20)', async (_, token, says) => {
    const error = await refused(igwnAxios.get(server.origin, { igwnAuth: { token } }))
    expect(error.code).toBe('ERR_IGWN_TOKEN_MALFORMED')
    expect(error.message).toContain(says)
    expect(error.message).not.toContain('abc')
    const fromFunction = await refused(igwnAxios.get(server.origin, { igwnAuth: { token: () => token } }))
    expect(fromFunction.message).toContain(`what the token source returned is not a bearer token: ${says}`)
  })
})

describe('the environment switch', () => {
  it.each(['y', 'yes', 'TRUE', '1'])('%s requires a token', async (value) => {
    process.env.IGWN_AUTH_UTILS_FIND_SCITOKEN = value
    expect((await refused(igwnAxios.get(server.origin))).code).toBe('ERR_IGWN_TOKEN_NOT_FOUND')
  })

  it.each(['n', 'No', 'false', '0'])('%s disables the search', async (value) => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    process.env.IGWN_AUTH_UTILS_FIND_SCITOKEN = value
    await igwnAxios.get(server.origin)
    expect(server.authorizations).toEqual([undefined])
  })

  it('is overridden by the option', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    process.env.IGWN_AUTH_UTILS_FIND_SCITOKEN = 'no'
    await igwnAxios.get(server.origin, { igwnAuth: { token: true } })
    expect(seen()).toMatch(/^Bearer /)
  })

  it('with any other value is an error that names the variable and its values', async () => {
    process.env.IGWN_AUTH_UTILS_FIND_SCITOKEN = 'on'
    const error = await refused(igwnAxios.get(server.origin))
    expect(error.code).toBe('ERR_IGWN_INVALID_ENVIRONMENT')
    expect(error.message).toBe(
      'IGWN_AUTH_UTILS_FIND_SCITOKEN has the invalid value "on". Use one of y, yes, true, 1 to require, one of n, no, false, 0 to disable, or unset it.',
    )
  })
})

describe('forceNoAuth and failIfNoAuth', () => {
  it('forceNoAuth attaches nothing', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    await igwnAxios.get(server.origin, { igwnAuth: { forceNoAuth: true } })
    expect(server.authorizations).toEqual([undefined])
  })

  it('withholdToken sends neither a given token nor one that is found', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    for (const token of ['abc', undefined])
      await igwnAxios.get(server.origin, { igwnAuth: { withholdToken: true, ...(token && { token }) } })
    expect(server.authorizations).toEqual([undefined, undefined])
  })

  it('noHostCredentials sends nothing that is found on this host, whatever the environment switches', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    process.env.IGWN_AUTH_UTILS_FIND_SCITOKEN = 'yes'
    await applyIgwnAuth(axios.create(), noHostCredentials).get(server.origin)
    await applyIgwnAuth(axios.create(), { ...noHostCredentials, token: 'abc' }).get(server.origin)
    expect(server.authorizations).toEqual([undefined, 'Bearer abc'])
  })

  it('failIfNoAuth sends nothing without a credential, and the error lists the reasons', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY', exp: 1000 })
    const error = await refused(igwnAxios.get(server.origin, { igwnAuth: { failIfNoAuth: true } }))
    expect(error.code).toBe('ERR_IGWN_NO_CREDENTIAL')
    expect(error.message).toMatch(
      /^No credential for http:\/\/127\.0\.0\.1:\d+, .*BEARER_TOKEN expired \d+ days ago\./,
    )
  })

  it('failIfNoAuth sends nothing the second time either', async () => {
    const instance = applyIgwnAuth(axios.create(), { failIfNoAuth: true, cert: false, netrc: false })
    for (let time = 0; time < 2; time += 1)
      expect((await refused(instance.get(server.origin))).code).toBe('ERR_IGWN_NO_CREDENTIAL')
  })

  it('failIfNoAuth says that a certificate that was named is not presented over plain HTTP', async () => {
    const cert = '/nonexistent.pem'
    const error = await refused(igwnAxios.get(server.origin, { igwnAuth: { failIfNoAuth: true, cert } }))
    expect(error.message).toContain(
      ' the certificate is not presented: the URL is http:, and certificates are presented over https: only.',
    )
    await igwnAxios.get(server.origin, { igwnAuth: { cert, token: 'abc' } })
    expect(seen()).toBe('Bearer abc')
  })

  it("failIfNoAuth accepts the caller's own header", async () => {
    await igwnAxios.get(server.origin, {
      headers: { Authorization: 'Own x' },
      igwnAuth: { failIfNoAuth: true },
    })
    expect(seen()).toBe('Own x')
  })

  it('together are an error at once', async () => {
    const says = /^forceNoAuth and failIfNoAuth exclude each other/
    expect(() => applyIgwnAuth(axios.create(), { forceNoAuth: true, failIfNoAuth: true })).toThrow(says)
    const instance = applyIgwnAuth(axios.create(), { forceNoAuth: true })
    const error = await refused(instance.get(server.origin, { igwnAuth: { failIfNoAuth: true } }))
    expect(error.code).toBe('ERR_IGWN_INVALID_OPTION')
    expect(error.message).toMatch(says)
  })
})

describe('options', () => {
  it('of a request win over those of the instance, key by key', async () => {
    process.env.BEARER_TOKEN = mint({ scope: 'a b', aud: 'https://other' })
    const instance = applyIgwnAuth(axios.create(), {
      token: true,
      tokenScope: 'c',
      tokenAudience: 'https://other',
    })
    await instance.get(server.origin, { igwnAuth: { tokenScope: 'a' } })
    expect(seen()).toMatch(/^Bearer /)
  })

  it('igwnAuth: false applies also when an interceptor that runs after ours sets it', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    const instance = axios.create()
    instance.interceptors.request.use((config) => ({ ...config, igwnAuth: false }))
    await applyIgwnAuth(instance).get(server.origin)
    expect(server.authorizations).toEqual([undefined])
  })

  it('and defaults of an igwnAxios are inherited by the instances it creates', async () => {
    const first = igwnAxios.create({ baseURL: server.origin, igwnAuth: { token: 'abc' } })
    await first.create({ headers: { 'X-Own': '1' } }).get('/a')
    expect(server.seen[0]).toMatchObject({
      url: '/a',
      headers: { 'x-own': '1', authorization: 'Bearer abc' },
    })
  })

  it('apply also to a URL with a space before it', async () => {
    const error = await refused(igwnAxios.get(` ${server.origin}`, { igwnAuth: { failIfNoAuth: true } }))
    expect(error.code).toBe('ERR_IGWN_NO_CREDENTIAL')
  })

  it('igwnAuth: false sends as plain axios does', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    await igwnAxios.get(server.origin, { igwnAuth: false })
    expect(server.authorizations).toEqual([undefined])
  })

  it.each([
    [{ token: 5 }, 'igwnAuth.token must be a token, a token source, a function or a boolean, not a number'],
    [{ token: null }, 'igwnAuth.token must be a token, a token source, a function or a boolean, not null'],
    [
      { tokenScope: 5 },
      'igwnAuth.tokenScope must be a string or a list of strings, none empty, not a number',
    ],
    [
      { tokenAudience: [''] },
      'igwnAuth.tokenAudience must be a string or a list of strings, none empty, not a list with something else',
    ],
    [{ tokenMinTimeLeft: -1 }, 'igwnAuth.tokenMinTimeLeft must be a number of seconds, 0 or more, not -1'],
    [{ failIfNoAuth: 'yes' }, 'igwnAuth.failIfNoAuth must be true or false, not a string'],
    [{ tokenscope: 'a' }, 'igwnAuth has no option "tokenscope"; there are token,'],
    ['token', 'igwnAuth must be an object, not a string'],
  ])('of the wrong type are an error that names them: %j', async (igwnAuth, says) => {
    const error = await refused(igwnAxios.get(server.origin, { igwnAuth } as never))
    expect(error.code).toBe('ERR_IGWN_INVALID_OPTION')
    expect(error.message).toContain(says)
  })

  it('of the wrong type are an error at once when they are given to an instance', () => {
    expect(() => applyIgwnAuth(axios.create(), { strict: 1 } as never)).toThrow(
      'options.strict must be true or false',
    )
    expect(() => igwnAxios.create({ igwnAuth: { strict: 1 } as never })).toThrow(
      'igwnAuth.strict must be true or false',
    )
  })

  it('url sets the audience for its host and port, and a given token is sent to no other host', async () => {
    const other = await serve(() => ({}))
    // The public URL of the service; the test server has no TLS.
    const service = server.origin.replace('http:', 'https:')
    process.env.BEARER_TOKEN = mint({ aud: service })
    const instance = applyIgwnAuth(axios.create(), { url: service })
    await instance.get(server.origin)
    await instance.get(other.origin)
    expect(seen()).toMatch(/^Bearer /)
    expect(other.authorizations).toEqual([undefined])

    const given = applyIgwnAuth(axios.create(), { url: server.origin, token: 'abc' })
    await given.get(server.origin)
    await given.get(other.origin)
    expect(seen()).toBe('Bearer abc')
    expect(other.authorizations).toEqual([undefined, undefined])
  })

  it('url names a port, also where it is the default of the scheme', async () => {
    const sent: unknown[] = []
    const adapter = (config: InternalAxiosRequestConfig) => {
      sent.push(config.headers.Authorization)
      return Promise.resolve({ data: '', status: 200, statusText: 'OK', headers: {}, config })
    }
    const instance = applyIgwnAuth(axios.create({ adapter }), { url: 'https://localhost/api', token: 'abc' })
    for (const url of [
      'http://localhost/',
      'https://localhost/',
      'https://localhost:443/',
      'http://localhost:443/',
    ])
      await instance.get(url)
    expect(sent).toEqual([undefined, 'Bearer abc', 'Bearer abc', 'Bearer abc'])
  })
})

describe("the caller's own credentials win, untouched (trap 8)", () => {
  beforeEach(() => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
  })

  it.each(['Authorization', 'authorization', 'AUTHORIZATION'])('a header %s', async (name) => {
    await igwnAxios.get(server.origin, { headers: { [name]: 'Own x' } })
    expect(server.authorizations).toEqual(['Own x'])
  })

  it.each([[false], [null], ['']])('a header that is switched off: %j', async (value) => {
    await igwnAxios.get(server.origin, { headers: { Authorization: value } as never })
    expect(server.authorizations).toEqual([value === '' ? '' : undefined])
  })

  it('a header of the defaults', async () => {
    const instance = igwnAxios.create()
    instance.defaults.headers.common.Authorization = 'Own common'
    await instance.get(server.origin)
    expect(seen()).toBe('Own common')
  })

  it('a header that an interceptor sets, registered before or after ours', async () => {
    const instance = axios.create()
    instance.interceptors.request.use((config) => {
      config.headers.set('Authorization', 'Own early')
      return config
    })
    applyIgwnAuth(instance)
    await instance.get(server.origin)
    const later = applyIgwnAuth(axios.create())
    later.interceptors.request.use(async (config) => {
      config.headers.set('Authorization', 'Own late')
      return Promise.resolve({ ...config })
    })
    await later.get(server.origin)
    expect(server.authorizations).toEqual(['Own early', 'Own late'])
  })

  it('auth', async () => {
    await igwnAxios.get(server.origin, { auth: { username: 'a', password: 'b' } })
    expect(seen()).toBe(`Basic ${Buffer.from('a:b').toString('base64')}`)
  })

  it('userinfo in the URL', async () => {
    await igwnAxios.get(server.origin.replace('//', '//a:b@'))
    expect(seen()).toBe(`Basic ${Buffer.from('a:b').toString('base64')}`)
  })

  it('an undefined header counts as none', async () => {
    await igwnAxios.get(server.origin, { headers: { Authorization: undefined } as never })
    expect(seen()).toMatch(/^Bearer /)
  })
})

describe('plain HTTP', () => {
  // Resolves to loopback, so that the server would see a credential that must not be sent.
  const lookup = (_: string, __: object, done: (...args: unknown[]) => void) => {
    done(null, [{ address: '127.0.0.1', family: 4 }])
  }
  const far = () => ({ url: `http://far.example.org:${server.port}/`, lookup: lookup as never })

  it('a discovered token is not sent', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    await igwnAxios.request(far())
    expect(server.authorizations).toEqual([undefined])
  })

  it.each([
    ['given', { token: 'abc' }],
    ['required', { token: true as const }],
    ['from a source', { token: () => 'abc' }],
  ])('a token %s is an error before anything is sent', async (_, igwnAuth) => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    const error = await refused(igwnAxios.request({ ...far(), igwnAuth }))
    expect(error.code).toBe('ERR_IGWN_INSECURE_TRANSPORT')
    expect(error.message).toContain(
      `far.example.org:${server.port} is reached over plain HTTP, where others can read a token. Nothing was sent.`,
    )
  })

  it('a polluted Object.prototype.allowInsecureHttp has no effect', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    const polluted = Object.prototype as Record<string, unknown>
    polluted.allowInsecureHttp = true
    try {
      await igwnAxios.request(far())
    } finally {
      delete polluted.allowInsecureHttp
    }
    expect(server.authorizations).toEqual([undefined])
  })

  it('a polluted Object.prototype.igwnAuth has no effect where an interceptor copies the config', async () => {
    const instance = applyIgwnAuth(axios.create(), { token: false, netrc: false })
    instance.interceptors.request.use((config) => ({ ...config }))
    const polluted = Object.prototype as Record<string, unknown>
    polluted.igwnAuth = { token: 'of-an-attacker' }
    try {
      await instance.get(server.origin)
    } finally {
      delete polluted.igwnAuth
    }
    expect(server.authorizations).toEqual([undefined])
  })

  it('allowInsecureHttp sends it', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    await igwnAxios.request({ ...far(), igwnAuth: { allowInsecureHttp: true } })
    expect(seen()).toMatch(/^Bearer /)
  })

  it('a request to loopback through a network proxy gets no token', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    const proxy = { host: '127.0.0.1', port: server.port }
    await igwnAxios.get('http://localhost:9/', { proxy })
    expect(server.seen[0]).toMatchObject({ url: 'http://localhost:9/' })
    expect(server.authorizations).toEqual([undefined])
  })
})

describe('what was attached last is not attached to the next request', () => {
  const other = mint({ aud: 'ANY', sub: 'other' })

  it.each<
    [string, () => { headers?: object; auth?: object; igwnAuth?: object; url?: string }, string | undefined]
  >([
    ['when a variable has another token', () => ((process.env.BEARER_TOKEN = other), {}), `Bearer ${other}`],
    ['when an earlier variable is set', () => ((process.env.SCITOKEN = other), {}), `Bearer ${other}`],
    ['when the variable is gone', () => (delete process.env.BEARER_TOKEN, {}), undefined],
    [
      'when the search is switched off',
      () => ((process.env.IGWN_AUTH_UTILS_FIND_SCITOKEN = 'no'), {}),
      undefined,
    ],
    ['when the request names another token', () => ({ igwnAuth: { token: other } }), `Bearer ${other}`],
    ['when the request is sent without one', () => ({ igwnAuth: { token: false } }), undefined],
    ['when the caller has a header', () => ({ headers: { Authorization: 'mine' } }), 'mine'],
    ['when the caller has a password', () => ({ auth: { username: 'u', password: 'p' } }), 'Basic dTpw'],
    ['when the host is another', () => ({ url: `http://[::1]:${new URL(server.origin).port}/` }), undefined],
  ])('%s', async (_, change, expected) => {
    process.env.BEARER_TOKEN = mint({ aud: server.origin })
    const instance = applyIgwnAuth(axios.create({ validateStatus: null }), { cert: false, netrc: false })
    await instance.get(server.origin)
    await instance.get(`${server.origin}/again`)
    expect(server.authorizations).toEqual(Array(2).fill(`Bearer ${process.env.BEARER_TOKEN}`))
    const { url = server.origin, ...config } = change() as { url?: string } & object
    server.authorizations.length = 0
    await instance.get(url, { ...config, maxRedirects: 0 }).catch((error: unknown) => {
      // Nothing listens at another host.
      expect(error).toMatchObject({ code: 'ECONNREFUSED' })
    })
    expect(seen()).toBe(expected)
    delete process.env.SCITOKEN
  })

  it('when it has expired in between', async () => {
    const now = jest.spyOn(Date, 'now')
    const exp = Math.floor(Date.now() / 1000) + 100
    process.env.BEARER_TOKEN = mint({ aud: 'ANY', exp })
    const instance = applyIgwnAuth(axios.create(), { cert: false, netrc: false })
    await instance.get(server.origin)
    expect(seen()).toBe(`Bearer ${process.env.BEARER_TOKEN}`)
    now.mockReturnValue((exp - 59) * 1000)
    await instance.get(server.origin)
    expect(seen()).toBeUndefined()
    now.mockRestore()
  })

  it('when a certificate is required in between and there is none', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    const instance = applyIgwnAuth(axios.create(), { netrc: false })
    await instance.get('https://localhost:9').catch(() => undefined)
    process.env.IGWN_AUTH_UTILS_FIND_X509 = 'yes'
    await expect(instance.get('https://localhost:9')).rejects.toMatchObject({
      code: 'ERR_IGWN_CERT_NOT_FOUND',
    })
    delete process.env.IGWN_AUTH_UTILS_FIND_X509
  })
})

/** Makes contexts of requests to a URL; the URL and the options are the same objects for each of them, as in an instance. */
const requestTo = (target: string, options: RequestContext['options']) => {
  const url = new URL(target)
  return (config: object = {}, adapter?: string) => {
    const request = { url: target, method: 'get', headers: new AxiosHeaders(), ...config }
    return newContext(request, adapter, url, options, false)
  }
}

describe('what was attached last', () => {
  it('is attached to the same request again, and not where the connection or the origin of the request differs', () => {
    const { attach, close } = attacher()
    const target = 'https://x.example.org/'
    const options = { token: 'abc', cert: false } as const
    const request = requestTo(target, options)
    const first = attach(request())
    expect(attach(request({ url: `${target}other`, method: 'post', data: 'body' }))).toBe(first)
    for (const differing of [
      request({ httpsAgent: new https.Agent() }),
      request({ http2Options: {} }),
      request({ httpVersion: 2 }),
      request({}, 'fetch'),
      requestTo(target, options)(),
      { ...request(), options: { ...options } },
      { ...request(), crossOrigin: true },
      { ...request(), authenticated: true },
      { ...request(), withoutCredentials: true },
      { ...request(), carriedOver: { authorization: 'Bearer of-the-first-origin', reasons: [] } },
    ]) {
      const last = attach(request())
      expect(attach(differing)).not.toBe(last)
      expect(attach(request())).toMatchObject({ authorization: 'Bearer abc' })
    }
    const last = attach(request())
    expect(attach(request())).toBe(last)
    close()
    expect(attach(request())).not.toBe(last)
    close()
  })

  it('is not attached through a network proxy over plain HTTP, unless allowInsecureHttp is set', () => {
    const { attach, close } = attacher()
    const proxy = { host: 'proxy.example.org', port: 3128 }
    const request = requestTo('http://localhost/', { token: 'abc', cert: false })
    expect(attach(request())).toBe(attach(request()))
    expect(() => attach(request({ proxy }))).toThrow('over plain HTTP')
    const insecure = requestTo('http://localhost/', { token: 'abc', cert: false, allowInsecureHttp: true })
    expect(attach(insecure({ proxy }))).toBe(attach(insecure({ proxy })))
    close()
  })

  it('is not attached when the server has refused it, or when the variable of the trusted CAs changes', () => {
    const environment = { ...processEnvironment, env: { HOME: process.env.HOME } as Record<string, string> }
    const { attach, close } = attacher({}, environment)
    const request = requestTo('https://x.example.org/', { token: 'abc', cert: false })
    const first = attach(request())
    const credentials = first as Credentials
    expect(attach(request(), { credentials, challengeScope: [] })).toMatchObject({ authorization: undefined })
    expect(attach(request())).toBe(first)
    environment.env.REQUESTS_CA_BUNDLE = '/nonexistent/ca.pem'
    expect(() => attach(request())).toThrow('/nonexistent/ca.pem')
    close()
  })

  it('is attached again where a switch changes that an option overrides, and not otherwise', () => {
    const env: Record<string, string> = { HOME: process.env.HOME!, BEARER_TOKEN: mint({ aud: 'ANY' }) }
    const { attach, close } = attacher({}, { ...processEnvironment, env })
    const given = requestTo('https://x.example.org/', { token: 'abc', cert: false })
    const found = requestTo('https://y.example.org/', { cert: false })
    const search = requestTo('http://localhost/', { token: 'abc' })
    for (const [request, name, isSame] of [
      [given, 'IGWN_AUTH_UTILS_FIND_SCITOKEN', true],
      [given, 'IGWN_AUTH_UTILS_FIND_X509', true],
      [found, 'IGWN_AUTH_UTILS_FIND_SCITOKEN', false],
      [found, 'IGWN_AUTH_UTILS_FIND_X509', true],
      [search, 'IGWN_AUTH_UTILS_FIND_SCITOKEN', true],
      [search, 'IGWN_AUTH_UTILS_FIND_X509', false],
    ] as const) {
      const before = attach(request())
      expect(attach(request())).toBe(before)
      env[name] = 'no'
      expect(attach(request()) === before).toBe(isSame)
      Reflect.deleteProperty(env, name)
    }
    close()
  })
})

describe('the requirements for a token', () => {
  const service = 'https://service.example.org/api'
  const scopes = (...challengeScope: string[]) => ({ credentials: { reasons: [] }, challengeScope })

  it.each<[string, string, RequestContext['options'], string[]]>([
    [
      'the server',
      'https://x.example.org:8443/',
      {},
      ['https://x.example.org', 'https://x.example.org:8443'],
    ],
    [
      'the service at its port',
      'http://service.example.org:443/',
      { url: service },
      ['https://service.example.org'],
    ],
    [
      'the service at the port of plain HTTP',
      'https://service.example.org:80/',
      { url: 'http://service.example.org' },
      ['http://service.example.org'],
    ],
    [
      'the server at another port',
      'http://service.example.org/',
      { url: service },
      ['http://service.example.org'],
    ],
    ['tokenAudience', 'https://x.example.org/', { tokenAudience: ['a', 'b'] }, ['a', 'b']],
    ['tokenAudience at the service', service, { url: service, tokenAudience: 'a' }, ['a']],
    [
      'the server where tokenAudience is for another one',
      'https://x.example.org/',
      { url: service, tokenAudience: 'a' },
      ['https://x.example.org'],
    ],
  ])('name as audience %s', (_, target, options, audience) => {
    const context = requestTo(target, options)()
    expect(attacher().requirementsFor(context).audience).toEqual(audience)
  })

  it('are those of the options, without tokenAudience after a redirect to another origin', () => {
    const { requirementsFor } = attacher()
    const options = { tokenAudience: 'a', tokenScope: 'read', tokenIssuer: 'https://i', tokenMinTimeLeft: 5 }
    const context = requestTo('https://x.example.org/', options)()
    const expected = { audience: ['a'], scope: ['read'], issuer: ['https://i'], minTimeLeft: 5 }
    const elsewhere = { ...expected, audience: ['https://x.example.org'] }
    expect(requirementsFor(context)).toEqual(expected)
    expect(requirementsFor({ ...context, crossOrigin: true })).toEqual(elsewhere)
    expect(requirementsFor(context)).toEqual(expected)
    expect(attacher().requirementsFor({ ...context, crossOrigin: true })).toEqual(elsewhere)
  })

  it('are the same object for requests to the same target with the same options, and not with the scopes of a challenge', () => {
    const { requirementsFor } = attacher()
    const options = { tokenScope: 'read' }
    const request = requestTo(service, options)
    const first = requirementsFor(request())
    expect(requirementsFor(request(), scopes())).toBe(first)
    expect(requirementsFor(request(), scopes('write'))).toEqual({ ...first, challengeScope: ['write'] })
    expect(requirementsFor(request())).toBe(first)
    expect(requirementsFor({ ...request(), options: { tokenScope: 'other' } }).scope).toEqual(['other'])
    expect(requirementsFor({ ...request(), url: new URL('https://x.example.org') }).audience).toEqual([
      'https://x.example.org',
    ])
  })

  it('have the scopes of a challenge apart for a scheme, with the login that it requires', () => {
    const { attach } = attacher()
    const scheme: AuthScheme = { name: 'Signing', authorize: () => undefined }
    const request = requestTo(service, { scheme, tokenScope: 'read' })
    const query = { scope: ['read'], audience: ['https://service.example.org'], issuer: [], minTimeLeft: 60 }
    const stepUp = { maxAge: 60 }
    expect(attach(request())).toHaveProperty('query', query)
    expect(attach(request(), scopes('write'))).toHaveProperty('query', {
      ...query,
      challengeScope: ['write'],
      isRetry: true,
    })
    expect(attach(request(), { ...scopes(), stepUp })).toHaveProperty('query', {
      ...query,
      challengeScope: [],
      stepUp,
      isRetry: true,
    })
  })
})

describe('the requirements for the token of an object', () => {
  const ofDirector = {
    scope: ['read:/frames'],
    issuer: ['https://issuer.test'],
    audience: ['https://cache.test'],
  }
  const requirements = { ...requirementsOf({}), object: ofDirector }
  const object = {
    object: { federation: { host: 'federation.test' } },
    requirements,
    needsToken: true,
    scopePath: '/frames',
  } as unknown as ObjectTarget
  const context = (options: RequestContext['options']) => ({
    ...requestTo('https://cache.test:8443/', options)(),
    object,
  })
  const { requirementsFor } = attacher()

  it('are what the director says', () => {
    expect(requirementsFor(context({ strict: true }))).toBe(requirements)
  })

  it.each<[keyof typeof ofDirector | 'minTimeLeft', RequestContext['options'], unknown]>([
    ['audience', { tokenAudience: 'a' }, ['a']],
    ['scope', { tokenScope: 'read:/' }, ['read:/']],
    ['issuer', { tokenIssuer: 'https://i' }, ['https://i']],
    ['minTimeLeft', { tokenMinTimeLeft: 5 }, 5],
  ])('have the %s of an option in place of what the director says of it', (claim, options, expected) => {
    expect(requirementsFor(context(options))).toEqual({
      ...requirements,
      [claim]: expected,
      object: claim === 'minTimeLeft' ? ofDirector : { ...ofDirector, [claim]: [] },
    })
  })

  it('have the scopes of a challenge too', () => {
    const refused = { credentials: { reasons: [] }, challengeScope: ['write:/'] }
    expect(requirementsFor(context({}), refused)).toEqual({ ...requirements, challengeScope: ['write:/'] })
  })

  it.each([
    [undefined, false],
    ['https://federation.test/', false],
    ['https://cache.test:8443/', false],
    ['https://cache.test/', true],
  ])('the url %s: the object is of another service: %s', (url, isOther) => {
    expect(isOtherService(context(url === undefined ? {} : { url }))).toBe(isOther)
    expect(isOtherService({ ...context(url === undefined ? {} : { url }), crossOrigin: true })).toBe(true)
  })
})

describe('what a request carried at a trusted origin that redirected', () => {
  const { attach } = attacher()
  const reasons = [{ code: 'absent', source: 'SCITOKEN', message: 'SCITOKEN is not set' }] as const
  const carriedOver = { authorization: 'Bearer first', token: 'first', source: 'BEARER_TOKEN', reasons }
  const at = (target: string, options: RequestContext['options'] = {}, more: Partial<RequestContext> = {}) =>
    ({ ...requestTo(target, { cert: false, netrc: false, ...options })(), carriedOver, ...more }) as const
  const sent = (context: RequestContext, refused?: Parameters<typeof attach>[1]) =>
    (attach(context, refused) as Credentials).authorization

  it('is sent in place of what the options name and what is found', () => {
    const first = { ...carriedOver, reasons: [] }
    expect(attach(at('https://x.example.org/', { token: 'abc' }))).toMatchObject(first)
    const basic = { username: 'me', password: 'pw' }
    const password = { authorization: 'Basic bWU6cHc=', basic, source: 'netrc', reasons: [] }
    const context = at('https://x.example.org/', {}, { carriedOver: password })
    expect(attach(context)).toMatchObject(password)
  })

  it('is not sent after a refusal, and what was without a header leaves the choice to the options', () => {
    const context = at('https://x.example.org/', { token: 'abc' })
    expect(sent(context, { credentials: carriedOver, challengeScope: [] })).toBe('Bearer abc')
    expect(sent({ ...context, carriedOver: { reasons } })).toBe('Bearer abc')
  })

  it.each([
    ['http://localhost/', {}, 'Bearer first'],
    ['http://x.example.org/', {}, undefined],
    ['http://x.example.org/', { allowInsecureHttp: true }, 'Bearer first'],
  ])('is sent to %s with %j: %s', (target, options, expected) => {
    expect(sent(at(target, options))).toBe(expected)
  })
})

describe('after a redirect to another origin', () => {
  const { attach } = attacher()
  const reasonsOf = (context: RequestContext) =>
    (attach({ ...context, crossOrigin: true }) as Credentials).reasons.map(({ message }) => message)

  it('what the options name is not sent, with the advice to list both origins if they are one service', () => {
    const at = requestTo('https://x.example.org/', { token: 'abc', netrc: false })
    const message = 'the given token is for another server than x.example.org'
    expect(reasonsOf(at())).toEqual([
      `${message}; list both origins in trustedOrigins if they are one service`,
    ])
    const options = { token: 'abc', cert: false, netrc: false, url: 'https://y.example.org' } as const
    const elsewhere = requestTo('https://x.example.org/', options)
    expect(attach(elsewhere())).toMatchObject({ reasons: [{ code: 'not-needed', source: 'token', message }] })
  })

  it('and from HTTPS to HTTP or with forceNoAuth, no certificate is presented, also not one that is named', () => {
    const [cert, token] = ['/nonexistent/cert.pem', false] as const
    const context = requestTo('https://x.example.org/', { token, cert, netrc: false })()
    expect(() => attach(context)).toThrow('/nonexistent/cert.pem')
    for (const without of [
      { crossOrigin: true },
      { withoutCredentials: true },
      { options: { cert, forceNoAuth: true } },
    ])
      expect(attach({ ...context, ...without })).toMatchObject({ tls: { reasons: [] } })
  })

  it('over plain HTTP a certificate is not missed', () => {
    const [cert, token] = ['/nonexistent/cert.pem', false] as const
    const context = requestTo('http://x.example.org/', { token, cert, netrc: false })()
    const shown = (more: Partial<RequestContext> = {}) => (attach({ ...context, ...more }) as Credentials).tls
    expect(shown()?.reasons.map(({ code, source }) => [code, source])).toEqual([['unsupported', 'cert']])
    for (const without of [
      { crossOrigin: true },
      { withoutCredentials: true },
      { options: { cert, forceNoAuth: true } },
      { options: { token, cert: false, netrc: false } },
      { options: { token, netrc: false } },
    ] as const)
      expect(shown(without)).toEqual({ reasons: [] })
  })
})

describe('username and password of netrc', () => {
  const { attach } = attacher()
  const file = () => path.join(process.env.HOME!, 'with-default.netrc')
  beforeAll(() => {
    fs.writeFileSync(file(), 'machine x.example.org login me password pw\ndefault login any password pw', {
      mode: 0o600,
    })
  })
  afterAll(() => {
    fs.rmSync(file())
  })
  const sent = (
    target: string,
    options: RequestContext['options'] = {},
    more: Partial<RequestContext> = {},
  ) => {
    const context = { ...requestTo(target, { token: false, netrc: file(), ...options })(), ...more }
    const { authorization = '' } = attach(context) as Credentials
    return Buffer.from(authorization.slice('Basic '.length), 'base64').toString()
  }

  it('of the entry `default` are for a host that the caller chose, not for one of a redirect or of a director', () => {
    const object = { needsToken: false, object: { federation: { host: 'f' } } } as unknown as ObjectTarget
    expect(sent('https://y.example.org/')).toBe('any:pw')
    expect(sent('https://y.example.org/', {}, { crossOrigin: true })).toBe('')
    expect(sent('https://y.example.org/', {}, { object })).toBe('')
    expect(sent('https://x.example.org/', {}, { crossOrigin: true })).toBe('me:pw')
    expect(sent('https://x.example.org/', {}, { object })).toBe('me:pw')
    expect(sent('https://x.example.org/', { netrc: false })).toBe('')
  })

  it('are not sent over plain HTTP: an error for a file that is named, a reason after a redirect and for a default file', () => {
    const target = 'http://x.example.org/'
    expect(() => sent(target)).toThrow('over plain HTTP, where others can read a password. Nothing was sent.')
    expect(sent(target, {}, { crossOrigin: true })).toBe('')
    expect(sent(target, { allowInsecureHttp: true })).toBe('me:pw')
    process.env.NETRC = file()
    expect(sent(target, { netrc: true })).toBe('')
    expect(sent('https://x.example.org/', { netrc: true })).toBe('me:pw')
    delete process.env.NETRC
  })

  it('add their reasons to those of the token', () => {
    const context = requestTo('https://z.example.org/', { token: false, cert: false, netrc: true })()
    expect((attach(context) as Credentials).reasons.map(({ code }) => code)).toEqual([
      'disabled',
      'absent',
      'absent',
    ])
  })
})

describe('installing', () => {
  it('returns the same instance, and installing again replaces the options (trap 16)', async () => {
    const instance = axios.create()
    expect(applyIgwnAuth(instance, { token: 'first' })).toBe(instance)
    expect(applyIgwnAuth(instance, { token: 'second' })).toBe(instance)
    await instance.get(server.origin)
    expect(server.authorizations).toEqual(['Bearer second'])
  })

  it('with a token that cannot be sent is an error at once', () => {
    expect(() => applyIgwnAuth(axios.create(), { token: 'so\nsecret' })).toThrow(
      /^the token option is not a bearer token: character 3 of 9 is a line feed/,
    )
  })

  it('that fails keeps what was installed', async () => {
    const instance = applyIgwnAuth(axios.create(), { token: 'first' })
    expect(() => applyIgwnAuth(instance, { token: 5 } as never)).toThrow('options.token must be')
    await instance.get(server.origin)
    expect(seen()).toBe('Bearer first')
  })

  it('is reverted by removeIgwnAuth; removing twice changes nothing', async () => {
    const instance = applyIgwnAuth(axios.create(), { token: 'abc' })
    expect(removeIgwnAuth(removeIgwnAuth(instance))).toBe(instance)
    await instance.get(server.origin)
    expect(server.authorizations).toEqual([undefined])
  })

  it('does not affect child instances or axios itself', async () => {
    const instance = applyIgwnAuth(axios.create(), { token: 'abc' })
    await (instance as unknown as typeof axios).create().get(server.origin)
    await axios.get(server.origin)
    expect(server.authorizations).toEqual([undefined, undefined])
  })

  it('with different options on two instances never shares a token (trap 23)', async () => {
    const one = applyIgwnAuth(axios.create(), { token: 'one' })
    const two = applyIgwnAuth(axios.create(), { token: 'two' })
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        (i % 2 ? two : one).get(`${server.origin}/${i % 2 ? 'two' : 'one'}`),
      ),
    )
    for (const { url, headers } of server.seen) expect(headers.authorization).toBe(`Bearer ${url.slice(1)}`)
    expect(server.seen).toHaveLength(20)
  })
})

describe('a URL that is not http behaves as in plain axios (trap 19)', () => {
  it.each([
    ['a data: URL', { url: 'data:text/plain,hello', responseType: 'text' as const }],
    ['a relative URL', { url: '/a' }],
    ['no URL', {}],
    ['a malformed URL', { url: 'http://[' }],
    ['another scheme', { url: 'ftp://127.0.0.1/a' }],
    ['an unknown adapter', { url: 'http://127.0.0.1:1/', adapter: 'nope' as never }],
  ])('%s', async (_, config) => {
    const outcome = async (instance: typeof axios) =>
      instance.request({ ...config }).then(
        ({ status, data }: { status: number; data: unknown }) => ({ status, data }),
        (error: unknown) => {
          const { name, code, message } = error as { name: string; code: string; message: string }
          return { name, code, message }
        },
      )
    const ours = await outcome(applyIgwnAuth(axios.create(), { failIfNoAuth: false }) as typeof axios)
    expect(ours).toEqual(await outcome(axios.create() as typeof axios))
  })

  it('a UNIX socket', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    const socketPath = path.join(process.env.HOME!, 'socket')
    const local = http.createServer(({ headers }, response) => response.end(String(headers.authorization)))
    await listen(local, { path: socketPath })
    expect((await igwnAxios.get('http://localhost/x', { socketPath })).data).toBe('undefined')
  })
})
