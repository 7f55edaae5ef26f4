/**
 * A server that repeats the token in the URL of its redirect, as redirectors of XRootD do, over plain HTTP by default:
 * `Location: http://data.example.org/f?authz=Bearer%20...`
 */
import type { AxiosError } from 'axios'
import { igwnAxios, type IgwnAuthOptions } from '../../lib/index'
import { OAuth2Auth } from '../../lib/oauth2'
import { expectNoSecret } from '../support/expect-no-secret'
import { createAuthority } from '../support/pki'
import { serverGroup, type TestServer } from '../support/server'
import { mint, ours, put, room } from '../support/tokens'

const servers = serverGroup()
let token: string
let proxy: TestServer
let tls: { cert: string; key: string }

beforeAll(async () => {
  const authority = await createAuthority()
  const { certificate, key } = await authority.issueServer()
  tls = { cert: certificate, key }
  process.env.REQUESTS_CA_BUNDLE = put(room('ca.pem'), authority.certificate)
})

/** Redirects to an origin, with the token in the URL. */
function redirectorTo(origin: string, repeated?: string): Promise<TestServer> {
  const answer = ({ headers }: { headers: { authorization?: string | undefined } }) => ({
    status: 302,
    headers: { Location: `${origin}/f?authz=${repeated ?? encodeURIComponent(headers.authorization ?? '')}` },
  })
  return servers.serve(answer, { host: 'localhost', tls })
}

beforeEach(async () => {
  token = process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
  // Receives all requests over plain HTTP.
  proxy = await servers.serve(() => ({}))
  process.env.HTTP_PROXY = proxy.origin
})

afterEach(async () => {
  for (const name of ['HTTP_PROXY', 'BEARER_TOKEN']) delete process.env[name]
  await servers.close()
})

it('is not followed over plain HTTP', async () => {
  const redirector = await redirectorTo('http://data.example.org')
  await expect(igwnAxios.get(`${redirector.origin}/f`)).rejects.toThrow(
    ours(
      'ERR_IGWN_INSECURE_TRANSPORT',
      'The server redirects to data.example.org over plain HTTP with a credential in the URL, where others can read it. ' +
        'The redirect was not followed. Use https, or set allowInsecureHttp on a network that only you can read.',
    ),
  )
  expect(redirector.authorizations).toEqual([`Bearer ${token}`])
  expect(proxy.seen.filter(({ url }) => url.includes(token))).toEqual([])
})

it('is not printed with a redirect that is not followed', async () => {
  const redirector = await redirectorTo('https://data.example.org')
  const error: unknown = await igwnAxios
    .get(`${redirector.origin}/f`, { maxRedirects: 0 })
    .catch((reason: unknown) => reason)
  expect(redirector.authorizations).toEqual([`Bearer ${token}`])
  expectNoSecret(error, [token])
  // For code it is there.
  expect((error as AxiosError).response?.headers.location).toContain(token)
})

describe('on the same origin, whose next request is refused', () => {
  /** What fails when another credential is asked for. */
  async function failureOf(
    options: (again: () => Promise<never>) => IgwnAuthOptions,
    again: () => Promise<never>,
  ) {
    const { origin } = await servers.serve(
      ({ url }) =>
        url.startsWith('/f')
          ? { status: 302, headers: { Location: `/next?authz=Bearer%20${token}` } }
          : { status: 401, headers: { 'WWW-Authenticate': 'Bearer' } },
      { host: 'localhost', tls },
    )
    const url = `${origin}/f`
    const igwnAuth = options(again)
    const error: unknown = await igwnAxios
      .get(url, { igwnAuth, signal: controller.signal })
      .catch((reason: unknown) => reason)
    expectNoSecret(error, [token])
    expect((error as AxiosError).config?.url ?? url).toBe(url)
    return error
  }

  let controller: AbortController
  let asked: number
  const once = <T>(first: T, again: () => Promise<never>) => ((asked += 1) === 1 ? first : again())
  const ways: [string, (again: () => Promise<never>) => IgwnAuthOptions][] = [
    ['a source', (again) => ({ token: () => once(token, again) })],
    [
      'a scheme',
      (again) => ({
        scheme: {
          name: 'Test',
          authorize: () => once({ headers: { Authorization: `Bearer ${token}` } }, again),
          shouldRetry: () => true,
        },
      }),
    ],
  ]

  beforeEach(() => {
    controller = new AbortController()
    asked = 0
  })

  it.each(ways)('is not in the error when the request is aborted while %s is asked', async (_, options) => {
    const again = () => {
      setImmediate(() => controller.abort())
      return new Promise<never>(() => undefined)
    }
    expect(await failureOf(options, again)).toMatchObject({ code: 'ERR_CANCELED' })
    expect(asked).toBe(2)
  })

  it('is not in the error of a scheme that fails with it', async () => {
    const again = () => Promise.reject(new Error(`cannot renew ${token}`))
    expect(await failureOf(ways[1]![1], again)).toMatchObject({ message: 'cannot renew [hidden]' })
    expect(asked).toBe(2)
  })
})

it.each<[string, IgwnAuthOptions, string]>([
  ['a token of a scheme', { scheme: new OAuth2Auth('token-of-the-scheme') }, 'token-of-the-scheme'],
  ['a password', { token: false, netrc: room('netrc') }, 'sesame%2Fword'],
])('%s is not followed over plain HTTP either', async (_, igwnAuth, shown) => {
  put(room('netrc'), 'machine localhost login me password sesame/word')
  const redirector = await redirectorTo('http://data.example.org', shown)
  await expect(igwnAxios.get(`${redirector.origin}/f`, { igwnAuth })).rejects.toMatchObject({
    code: 'ERR_IGWN_INSECURE_TRANSPORT',
    message: expect.not.stringContaining(shown) as string,
  })
  expect(redirector.authorizations[0]).toMatch(/^(Bearer|Basic) /)
  expect(proxy.seen).toEqual([])
})

it('is not followed over plain HTTP when another origin repeats the token of the first', async () => {
  const target = `http://data.example.org/f?authz=${token}`
  const second = await servers.serve(() => ({ status: 302, headers: { Location: target } }))
  const first = await servers.serve(() => ({ status: 302, headers: { Location: second.origin } }))
  process.env.NO_PROXY = '127.0.0.1'
  try {
    const request = igwnAxios.get(first.origin, { igwnAuth: { token, netrc: false } })
    await expect(request).rejects.toMatchObject({ code: 'ERR_IGWN_INSECURE_TRANSPORT' })
  } finally {
    delete process.env.NO_PROXY
  }
  expect(second.authorizations).toEqual([undefined])
  expect(proxy.seen).toEqual([])
})
