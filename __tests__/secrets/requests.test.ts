import http from 'node:http'
import { inspect } from 'node:util'
import axios, { type AxiosInstance, type AxiosRequestConfig } from 'axios'
import { applyIgwnAuth, findSciToken, igwnAxios, staticToken, SciToken } from '../support/all'
import { someCombinations } from '../support/combinations'
import { expectNoSecret } from '../support/expect-no-secret'
import { challenge, serve } from '../support/server'
import { mint } from '../support/tokens'

/**
 * A secret is given in every possible place, and every result is searched for it, at every depth and in every printed form
 * (trap 14).
 */
beforeEach(() => {
  for (const name of ['BEARER_TOKEN', 'SCITOKEN']) delete process.env[name]
})

/** The secret part of a token: its signature, or all of an opaque one. */
const canaryOf = (token: string) => token.split('.').at(-1)!

const settled = async (request: Promise<unknown>): Promise<unknown> =>
  request.catch((error: unknown) => error)

const WAYS: [
  string,
  (instance: AxiosInstance, token: string) => { instance: AxiosInstance; config: AxiosRequestConfig },
][] = [
  [
    'discovered',
    (instance, token) => {
      process.env.BEARER_TOKEN = token
      return { instance: applyIgwnAuth(instance), config: {} }
    },
  ],
  [
    'given to the instance',
    (instance, token) => ({ instance: applyIgwnAuth(instance, { token }), config: {} }),
  ],
  [
    'given to the request',
    (instance, token) => ({ instance: applyIgwnAuth(instance), config: { igwnAuth: { token } } }),
  ],
  [
    'given as bytes',
    (instance, token) => ({
      instance: applyIgwnAuth(instance),
      config: { igwnAuth: { token: Buffer.from(token) } },
    }),
  ],
  [
    'given in the defaults',
    (instance, token) => {
      instance.defaults.igwnAuth = { token }
      return { instance: applyIgwnAuth(instance), config: { igwnAuth: { tokenScope: 'read:/' } } }
    },
  ],
  [
    'given as SciToken',
    (instance, token) => ({
      instance: applyIgwnAuth(instance),
      config: { igwnAuth: { token: SciToken.deserialize(token) } },
    }),
  ],
  [
    'of a source',
    (instance, token) => ({
      instance: applyIgwnAuth(instance, { token: async () => Promise.resolve(token) }),
      config: {},
    }),
  ],
]

describe.each(WAYS)('a token %s shows in nothing', (_, use) => {
  const token = mint({ aud: 'ANY' })
  const secrets = [token, canaryOf(token)]

  const OUTCOMES: [string, AxiosRequestConfig, (origin: string) => Promise<{ url: string }>][] = [
    ['a response', {}, async (origin) => Promise.resolve({ url: origin })],
    ['a response as stream', { responseType: 'stream' }, async (origin) => Promise.resolve({ url: origin })],
    ['a 404', {}, async (origin) => Promise.resolve({ url: `${origin}/404` })],
    [
      'a 404 as stream',
      { responseType: 'stream' },
      async (origin) => Promise.resolve({ url: `${origin}/404` }),
    ],
    ['an unanswered 401', {}, async (origin) => Promise.resolve({ url: `${origin}/401` })],
    ['a redirect', {}, async (origin) => Promise.resolve({ url: `${origin}/302` })],
    [
      'too many redirects',
      { maxRedirects: 2 },
      async (origin) => Promise.resolve({ url: `${origin}/circle` }),
    ],
    [
      'a redirect not followed',
      { maxRedirects: 0 },
      async (origin) => Promise.resolve({ url: `${origin}/302` }),
    ],
    ['a redirect elsewhere', {}, async (origin) => Promise.resolve({ url: `${origin}/away` })],
    ['a time-out', { timeout: 400 }, async (origin) => Promise.resolve({ url: `${origin}/slow` })],
    ['an abort', {}, async (origin) => Promise.resolve({ url: `${origin}/slow` })],
    ['a connection cut', {}, async (origin) => Promise.resolve({ url: `${origin}/cut` })],
    ['a body too large', { maxContentLength: 5 }, async (origin) => Promise.resolve({ url: origin })],
    [
      'a response that is not JSON',
      { responseType: 'json', transitional: { silentJSONParsing: false } },
      async (origin) => Promise.resolve({ url: `${origin}/junk` }),
    ],
    ['no server', {}, async () => Promise.resolve({ url: 'http://127.0.0.1:1/' })],
    ['the fetch adapter', { adapter: 'fetch' }, async (origin) => Promise.resolve({ url: origin })],
    [
      'the fetch adapter and a 401',
      { adapter: 'fetch' },
      async (origin) => Promise.resolve({ url: `${origin}/401` }),
    ],
    ['a post', { method: 'post', data: { a: 1 } }, async (origin) => Promise.resolve({ url: origin })],
  ]

  it.each(someCombinations(OUTCOMES))('after %s', async (name, config, target) => {
    const away = await serve(() => ({}), { host: 'localhost' })
    let arrived = false
    const aborting = new AbortController()
    const server = await serve(async ({ url, headers }) => {
      arrived ||= headers.authorization === `Bearer ${token}`
      if (url === '/404') return { status: 404 }
      if (url === '/401') return challenge()
      if (url === '/302') return { status: 302, headers: { location: '/there' } }
      if (url === '/circle') return { status: 302, headers: { location: '/circle' } }
      if (url === '/away') return { status: 302, headers: { location: away.origin } }
      if (url === '/junk') return { body: '<html>' }
      if (url === '/slow') {
        aborting.abort()
        await new Promise((resolve) => setTimeout(resolve, 1000))
      }
      if (url === '/cut')
        return new Promise(() => {
          setTimeout(() => void server.close(), 20)
        })
      return {}
    })
    const httpAgent = new http.Agent({ keepAlive: true })
    const { instance, config: given } = use(axios.create({ proxy: false, httpAgent }), token)
    const { url } = await target(server.origin)
    // Once the request has arrived; a slow host does not delay the test.
    const signal = name === 'an abort' ? { signal: aborting.signal } : {}
    const outcome = await settled(instance.request({ ...config, ...given, ...signal, url }))
    if (name !== 'no server') expect(arrived).toBe(true)
    expectNoSecret(outcome, secrets)
    expectNoSecret((outcome as { response?: unknown }).response, secrets)
    expectNoSecret((outcome as { data?: unknown }).data, secrets)
    ;(outcome as { data?: { destroy?: () => void } }).data?.destroy?.()
    httpAgent.destroy()
  })
})

describe('a token', () => {
  it("of another request in flight does not show through the caller's agent", async () => {
    const token = (process.env.BEARER_TOKEN = mint({ aud: 'ANY' }))
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    const server = await serve(async ({ url }) => {
      if (url === '/slow') await held
      return {}
    })
    const httpAgent = new http.Agent({ keepAlive: true })
    const instance = applyIgwnAuth(axios.create({ proxy: false, httpAgent }))
    const slow = instance.get(`${server.origin}/slow`)
    const quick = await instance.get(server.origin)
    expectNoSecret(quick, [token, canaryOf(token)])
    release()
    await slow
    httpAgent.destroy()
  })

  it('does not go along when the config of an error is sent again by plain axios', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    const server = await serve((_, index) => ({ status: index === 0 ? 500 : 200 }))
    const error = (await settled(igwnAxios.get(server.origin))) as { config: AxiosRequestConfig }
    await axios.request(error.config)
    expect(server.authorizations[0]).toMatch(/^Bearer /)
    expect(server.authorizations[1]).toBeUndefined()
  })

  it('shows in no error of ours', async () => {
    const expired = (process.env.BEARER_TOKEN = mint({ aud: 'ANY', exp: 1 }))
    const error = await settled(findSciToken())
    expectNoSecret(error, [expired, canaryOf(expired)])
    const malformed = (process.env.BEARER_TOKEN = 'sosecret')
    expectNoSecret(await settled(findSciToken({}, { strict: true })), [malformed])
    expectNoSecret(await settled(igwnAxios.get('http://127.0.0.1:1', { igwnAuth: { token: 'so secret' } })), [
      'so secret',
    ])
    expectNoSecret(await settled(igwnAxios.get('http://example.org', { igwnAuth: { token: 'sosecret' } })), [
      'sosecret',
    ])
  })

  it('shows in no SciToken and no source', () => {
    const token = mint({ aud: 'ANY' })
    expectNoSecret(SciToken.deserialize(token), [token, canaryOf(token)])
    expectNoSecret(staticToken(token), [token, canaryOf(token)])
    expect(inspect(SciToken.deserialize(token), { showHidden: true, depth: null })).not.toContain(
      canaryOf(token),
    )
    expect(SciToken.deserialize(token).toString()).toBe('SciToken of https://issuer.example.org')
  })

  it('is found by this search when it does show: plain axios shows it', async () => {
    const server = await serve(() => ({}))
    const response = await axios.get(server.origin, { headers: { Authorization: 'Bearer sosecret' } })
    expect(() => {
      expectNoSecret(response, ['sosecret'])
    }).toThrow('the secret shows')
  })
})
