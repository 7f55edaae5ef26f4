/**
 * Secrets of OAuth 1, put wherever one can be, and searched for in everything that comes out (trap 14).
 */
import { generateKeyPairSync } from 'node:crypto'
import http from 'node:http'
import { inspect } from 'node:util'
import axios, { type AxiosRequestConfig } from 'axios'
import type { IgwnAuthEvent } from '../../lib/index'
import { applyOAuth1, oauth1, oauth1Flow, OAuth1Token, type OAuth1Options } from '../../lib/oauth1/index'
import { everyCombination } from '../support/combinations'
import { expectNoSecret } from '../support/expect-no-secret'
import { serve, type Answer, type Seen } from '../support/server'

const CLIENT_SECRET = 'canary-client-secret'
const TOKEN = 'canary-token'
const TOKEN_SECRET = 'canary-token-secret'
const VERIFIER = 'canary-verifier'
const SECRETS = [CLIENT_SECRET, TOKEN, TOKEN_SECRET, VERIFIER]

const options: OAuth1Options = {
  clientId: 'console',
  clientSecret: CLIENT_SECRET,
  token: TOKEN,
  tokenSecret: TOKEN_SECRET,
}

/** Signature and nonce of a request, wherever they were sent. */
function signatureIn({ url, headers, body }: Seen): string[] {
  const said = [headers.authorization, url, body].join('\n')
  const found = [...said.matchAll(/oauth_(?:signature|nonce)="?([^"&\s]+)/g)].map(([, value = '']) => value)
  return found.flatMap((value) => [value, decodeURIComponent(value)])
}

const OUTCOMES: [string, AxiosRequestConfig, string][] = [
  ['a response', {}, '/'],
  ['a response as stream', { responseType: 'stream' }, '/'],
  ['a 404', {}, '/404'],
  ['a 401', {}, '/401'],
  ['a 401 as stream', { responseType: 'stream' }, '/401'],
  ['a redirect', {}, '/302'],
  ['too many redirects', { maxRedirects: 2 }, '/circle'],
  ['a redirect not followed', { maxRedirects: 0 }, '/302'],
  ['a redirect elsewhere', {}, '/away'],
  ['a timeout', { timeout: 60 }, '/silent'],
  ['no server', {}, 'http://127.0.0.1:1/'],
  ['the fetch adapter', { adapter: 'fetch' }, '/'],
  ['the fetch adapter and a 401', { adapter: 'fetch' }, '/401'],
]

/** With the signature in one place, every second outcome is that of one method; `npm run test:slow` has all. */
const METHODS = ['HMAC-SHA1', 'PLAINTEXT'] as const
const PLACES = ['header', 'query', 'body'] as const
const methodsOf = (place: (typeof PLACES)[number], outcome: string) => {
  const turn = PLACES.indexOf(place) + OUTCOMES.findIndex(([name]) => name === outcome)
  return METHODS.filter((_, index) => everyCombination || turn % 2 === index)
}

async function site() {
  const away = await serve(() => ({}))
  return serve(async ({ url }) => {
    const path = url.split('?')[0]
    if (path === '/404') return { status: 404 }
    if (path === '/401') return { status: 401, headers: { 'WWW-Authenticate': 'OAuth realm="x"' } }
    if (path === '/302') return { status: 303, headers: { Location: '/there' } }
    if (path === '/circle') return { status: 307, headers: { Location: '/circle' } }
    if (path === '/away') return { status: 303, headers: { Location: away.origin } }
    if (path === '/silent') await new Promise(() => undefined)
    return {}
  })
}

describe.each(PLACES)('with the signature in the %s, no secret shows', (signatureType) => {
  const method = signatureType === 'body' ? 'post' : 'get'

  it.each(OUTCOMES)('after %s', async (name, config, target) => {
    for (const signatureMethod of methodsOf(signatureType, name)) {
      const server = await site()
      const httpAgent = new http.Agent({ keepAlive: true })
      const events: IgwnAuthEvent[] = []
      const seenByHook: unknown[] = []
      const api = applyOAuth1(axios.create({ proxy: false, httpAgent }), {
        ...options,
        signatureType,
        signatureMethod,
        onEvent: (event) => events.push(event),
      })
      const url = new URL(target, server.origin).href
      const beforeRedirect = (...seen: unknown[]) => void seenByHook.push(...seen)
      const send = (more = config): Promise<unknown> =>
        api.request({ method, url, beforeRedirect, ...more }).catch((error: unknown) => error)
      let outcome = await send()
      // On a busy host a request may not arrive within its timeout.
      for (let timeout = 200; config.timeout && server.seen.length === 0; timeout *= 2)
        outcome = await send({ ...config, timeout })
      if (name !== 'no server') expect(signatureIn(server.seen[0] as Seen)).not.toEqual([])
      const secrets = [...SECRETS, ...server.seen.flatMap(signatureIn)]
      const { response, data, config: shown } = outcome as Record<string, unknown>
      for (const thing of [outcome, response, data, shown, events, httpAgent]) expectNoSecret(thing, secrets)
      expectNoSecret(seenByHook.slice(0, 1), secrets)
      expectNoSecret(seenByHook.slice(2), secrets)
      httpAgent.destroy()
    }
  })
})

it('a scheme, an instance, a flow and a token print no secret', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const lines = pem.split('\n').filter((line) => line !== '' && !line.startsWith('-'))
  const rsa: OAuth1Options = { ...options, signatureMethod: 'RSA-SHA1', rsaKey: pem }
  const instance = axios.create()
  const things = [
    oauth1(rsa),
    applyOAuth1(instance, rsa),
    instance.interceptors,
    instance.defaults,
    oauth1Flow({ ...rsa, verifier: VERIFIER }),
    oauth1Flow({ ...rsa, verifier: VERIFIER }).token,
    new OAuth1Token({ token: TOKEN, tokenSecret: TOKEN_SECRET }, { oauth_session_handle: VERIFIER }),
    { igwnAuth: { scheme: oauth1(rsa) } },
  ]
  for (const thing of things) expectNoSecret(thing, [...SECRETS, ...lines])
  expect(inspect(oauth1Flow(rsa), { getters: true, depth: null })).not.toContain(TOKEN)
})

describe('errors of a flow contain no secret', () => {
  /** Repeats the request, as some servers do in error responses. */
  const echo =
    (status: number, type = 'text/plain') =>
    ({ url, headers, body }: Seen): Answer => ({
      status,
      headers: { 'content-type': type, 'x-echo': String(headers.authorization) },
      body: [headers.authorization, url, body, ...SECRETS].join('\n'),
    })

  const flow = (more: object = {}) => oauth1Flow({ ...options, verifier: VERIFIER, ...more })

  it.each([200, 204, 302, 400, 401, 403, 429, 500, 503])(
    'when the server repeats all of it with %i',
    async (status) => {
      for (const signatureType of ['header', 'query', 'body'] as const)
        for (const signatureMethod of ['HMAC-SHA1', 'PLAINTEXT'] as const) {
          const server = await serve(echo(status))
          for (const step of ['requestToken', 'accessToken'] as const) {
            const url = `${server.origin}/x?secret=${VERIFIER}`
            const steps = flow({ signatureType, signatureMethod })
            const made = steps[step](url, { maxRedirects: 0 })
            const error = await made.catch((failure: unknown) => failure)
            expect(error).toBeInstanceOf(Error)
            const secrets = [...SECRETS, ...server.seen.flatMap(signatureIn)]
            // The config has the URL of the caller; our message does not repeat its query.
            expect((error as Error).message).not.toContain(VERIFIER)
            expectNoSecret(
              error,
              secrets.filter((secret) => secret !== VERIFIER),
            )
          }
        }
    },
  )

  it.each([
    ['half an answer', `oauth_token=${TOKEN}`],
    ['an answer that is not confirmed', `oauth_token=${TOKEN}&oauth_token_secret=${TOKEN_SECRET}`],
    ['broken JSON', `{"oauth_token":"${TOKEN}","oauth_token_secret":"${TOKEN_SECRET}"`],
  ])('after %s', async (_, body) => {
    const server = await serve(() => ({ body }))
    const error: unknown = await flow()
      .requestToken(server.origin)
      .catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code: 'ERR_IGWN_OAUTH1_RESPONSE' })
    expectNoSecret(error, [...SECRETS, ...server.seen.flatMap(signatureIn)])
  })

  it('after a callback for another request token', async () => {
    const callbackUrl = `/cb?oauth_token=canary-other&oauth_verifier=${VERIFIER}`
    const error: unknown = await flow()
      .accessToken('http://127.0.0.1:1/', { callbackUrl })
      .catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code: 'ERR_IGWN_OAUTH1_REQUEST_TOKEN' })
    expectNoSecret(error, [...SECRETS, 'canary-other'])
  })
})
