/**
 * The secrets matrix for `igwnFetch`: every connection, credential and outcome of a request. What is returned, thrown or emitted,
 * and what another origin receives, must hold no secret. A new credential or outcome is one entry in a table below.
 */
import { AsyncResource } from 'node:async_hooks'
import diagnostics from 'node:diagnostics_channel'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { Console } from 'node:console'
import { PassThrough } from 'node:stream'
import { inspect } from 'node:util'
import axios from 'axios'
import { authorize, createIgwnFetch, explanationOf, type IgwnFetch } from '../../lib/fetch'
import { EVENT_CHANNEL } from '../../lib/events'
import { refreshToken } from '../../lib/oauth2'
import type { IgwnAuthOptions } from '../../lib/options'
import { everyCombination } from '../support/combinations'
import { expectNoSecret } from '../support/expect-no-secret'
import { matrixSite, type MatrixSite } from '../support/matrix-site'
import { expectNoUnhandledRejection } from '../support/record-events'
import { mint, signatureOf } from '../support/tokens'

const random = (what: string) => `${what}-${randomBytes(12).toString('hex')}`
const token = mint({ aud: 'ANY' })
const SECRETS = {
  token,
  'signature of the token': signatureOf(token),
  password: random('password'),
  passphrase: random('passphrase'),
  'scheme header': random('header'),
  'scheme query': random('query'),
  'scheme body': random('body'),
  'OAuth client secret': random('client'),
  'OAuth access token': random('access'),
  'OAuth refresh token': random('refresh'),
}
const secrets: string[] = [...Object.values(SECRETS), `albert:${SECRETS.password}`]

let site: MatrixSite
let certificate: [string, string]
let netrc: string

expectNoUnhandledRejection()
beforeAll(async () => {
  site = await matrixSite({
    access_token: SECRETS['OAuth access token'],
    refresh_token: SECRETS['OAuth refresh token'],
  })
  const user = await site.authority.issueUser()
  secrets.push(...user.key.split('\n').filter((line) => line !== '' && !line.startsWith('-')))
  const write = (name: string, text: string) => {
    const file = path.join(process.env.HOME!, name)
    fs.writeFileSync(file, text, { mode: 0o600 })
    return file
  }
  certificate = [
    write('usercert.pem', user.certificate),
    write('userkey.pem', user.encryptedKey(SECRETS.passphrase)),
  ]
  process.env.REQUESTS_CA_BUNDLE = write('ca.pem', site.authority.certificate)
  // Not for the other origin, which is at 127.0.0.1: a netrc entry is looked for again there.
  netrc = write('netrc', `machine localhost login albert password ${SECRETS.password}\n`)
})
afterAll(async () => {
  delete process.env.REQUESTS_CA_BUNDLE
  await site.close()
})

/** What a request is given. */
interface Given {
  readonly options: () => IgwnAuthOptions
  /** What the server must have seen at least once, for the rows to mean anything. */
  readonly sent: string
  readonly init?: RequestInit
}

const CREDENTIALS: Record<string, Given> = {
  'a token': { options: () => ({ token }), sent: token },
  'a netrc password': {
    options: () => ({ token: false, netrc }),
    sent: Buffer.from(`albert:${SECRETS.password}`).toString('base64'),
  },
  'a scheme with header, query and body': {
    options: () => ({
      scheme: {
        name: 'archive signature',
        authorize: ({ url, body }) => {
          url.searchParams.set('signature', SECRETS['scheme query'])
          return {
            headers: { 'X-Archive': SECRETS['scheme header'] },
            url,
            ...(typeof body === 'string' && { body: `${body}&signature=${SECRETS['scheme body']}` }),
          }
        },
      },
    }),
    sent: SECRETS['scheme header'],
    init: { method: 'POST', body: new URLSearchParams({ a: '1' }) },
  },
  'an OAuth client secret and a refresh token': {
    options: () => ({
      token: refreshToken(
        {
          metadata: { issuer: site.secure, token_endpoint: `${site.secure}/token` },
          clientId: 'me',
          clientSecret: SECRETS['OAuth client secret'],
          axios: axios.create(),
        },
        { refreshToken: SECRETS['OAuth refresh token'] },
      ),
    }),
    sent: SECRETS['OAuth access token'],
  },
}

/** An outcome of a request. */
interface Ending {
  readonly path?: string
  readonly init?: () => RequestInit
  /** The URL, where it is not at the server of the row. */
  readonly url?: (site: MatrixSite) => string
  /** Aborts the request at this moment. */
  readonly aborts?: 'before' | 'arrival'
  /** The status of the response, where the row means nothing without it. */
  readonly status?: number
}

const SHORT = 60

const ENDINGS: Record<string, Ending> = {
  'a response': { status: 200 },
  'a response that repeats the credential': { path: 'repeats-200', status: 200 },
  'a 404': { path: 'missing', status: 404 },
  'a 401': { path: 'challenge', status: 401 },
  'a 401 that repeats the credential': { path: 'repeats-401', status: 401 },
  'a 403 that repeats the credential': { path: 'repeats-403', status: 403 },
  'a body that is a stream': {
    init: () => ({ method: 'POST', body: new Blob(['once']).stream(), duplex: 'half' }),
    status: 200,
  },
  'plain HTTP': { url: ({ insecure }) => `${insecure}/ok` },
  'no server': { url: () => 'https://127.0.0.1:1/' },
  'a server that is not trusted': { url: ({ untrusted }) => `${untrusted}/ok` },
  'an abort before it is sent': { aborts: 'before' },
  'an abort before the response': { path: 'never-answers', aborts: 'arrival' },
  'an abort while reading': { path: 'stops-in-the-body', aborts: 'arrival' },
  'a timeout': { path: 'never-answers', init: () => ({ signal: AbortSignal.timeout(SHORT) }) },
  'a timeout while reading': {
    path: 'stops-in-the-body',
    init: () => ({ signal: AbortSignal.timeout(SHORT) }),
  },
  'a connection that is cut before the response': { path: 'cut' },
  'a connection that is cut in the body': { path: 'cut-in-the-body' },
  'a redirect on the same origin': { path: 'redirect', status: 200 },
  'a redirect on the same origin, and a 401': { path: 'redirect-and-challenge', status: 401 },
  'a redirect that is not followed': { path: 'redirect', init: () => ({ redirect: 'manual' }), status: 302 },
  'a redirect that is an error': { path: 'redirect', init: () => ({ redirect: 'error' }) },
  'a redirect to another origin': { path: 'redirect-to-other', status: 200 },
  'a redirect to another origin that repeats what it got': {
    path: 'redirect-to-other-repeating',
    status: 403,
  },
  'a redirect to a URL that is none and repeats the credential': { path: 'redirect-to-invalid-url' },
  'a redirect to plain HTTP that repeats the credential': { path: 'redirect-to-plain-http-repeating' },
  'too many redirects': { path: 'redirect-to-itself' },
}

interface Outcome {
  /** The response or the error, and what reading the body failed with. */
  readonly results: readonly unknown[]
  readonly status: number | undefined
}

let requests = 0

/** Bound to the moment the file is loaded: the async context of a running test leads to all of Jest. */
const send = AsyncResource.bind(
  async (get: IgwnFetch, origin: string, ending: Ending, given: Given): Promise<Outcome> => {
    const { path: place = 'ok', aborts, url } = ending
    const id = String((requests += 1))
    const controller = new AbortController()
    if (aborts === 'before') controller.abort()
    if (aborts === 'arrival') site.onArrival.set(id, () => setTimeout(() => controller.abort(), 5))
    const target = url?.(site) ?? `${origin}/${place}/${id}`
    try {
      const response = await get(target, { signal: controller.signal, ...given.init, ...ending.init?.() })
      const results: unknown[] = [response, response.headers]
      // As users print what they got: before and after reading it.
      const copy = response.clone()
      results.push(inspect(response, { depth: null }), inspect(copy), explanationOf(response))
      await Promise.all([response.text(), copy.text()]).catch((error: unknown) => results.push(error))
      return { results, status: response.status }
    } catch (error) {
      return { results: [error, (error as Error).cause, explanationOf(error)], status: undefined }
    }
  },
)

const CONNECTIONS: Record<string, (all: MatrixSite) => string> = {
  'over TLS with a certificate': ({ secure }) => secure,
  'without TLS': ({ plain }) => plain,
}

describe.each(Object.entries(CONNECTIONS))('%s', (connection, originOf) => {
  describe.each(Object.entries(CREDENTIALS))('with %s', (credential, given) => {
    const offset = Object.keys(CONNECTIONS).indexOf(connection) + Object.keys(CREDENTIALS).indexOf(credential)
    /** A quarter of the outcomes; the other groups have the others. */
    const endings = Object.entries(ENDINGS).filter(
      (_, index) => everyCombination || (offset + index) % 4 === 0,
    )
    const outcomes = new Map<string, Outcome>()
    const events: unknown[] = []
    const onEvent = (event: unknown) => void events.push(event)
    let get: IgwnFetch

    beforeAll(async () => {
      diagnostics.subscribe(EVENT_CHANNEL, onEvent)
      get = createIgwnFetch({
        cert: certificate,
        passphrase: SECRETS.passphrase,
        ...given.options(),
        onEvent,
      })
      await Promise.all(
        endings.map(async ([name, ending]) => {
          outcomes.set(name, await send(get, originOf(site), ending, given))
        }),
      )
    })
    afterAll(() => {
      diagnostics.unsubscribe(EVENT_CHANNEL, onEvent)
      get.close()
    })

    it.each(endings)('%s', (name, { status }) => {
      const outcome = outcomes.get(name)!
      if (status !== undefined) expect(outcome.status).toBe(status)
      for (const result of outcome.results) expectNoSecret(result, secrets)
    })

    it('reached the server', () => {
      expect(site.carried(given.sent)).toBeGreaterThan(0)
    })

    it('shows in no event, not in the function, and not to another origin', () => {
      expect(events.length).toBeGreaterThan(0)
      for (const thing of [events, get, site.received.splice(0)]) expectNoSecret(thing, secrets)
      events.length = 0
    })
  })
})

it('authorize() shows nothing', async () => {
  for (const options of [{ token }, { token: false, netrc }] as IgwnAuthOptions[]) {
    const found = await authorize(site.secure, {
      cert: certificate,
      passphrase: SECRETS.passphrase,
      ...options,
    })
    expect(found.headers.Authorization).toBeDefined()
    expect(found.certificate).toBeDefined()
    expectNoSecret(found, secrets)
    expectNoSecret(inspect(found, { depth: null, showHidden: true, getters: false }), secrets)
    for (const copy of [structuredClone(found), Object.assign({}, found)]) expectNoSecret(copy, secrets)
    const printed = new PassThrough()
    const console = new Console(printed)
    for (const value of [found, [found]]) {
      console.table(value)
      console.dir(value, { showHidden: true })
    }
    expectNoSecret(String(printed.read()), secrets)
  }
})

it('the matrix finds a secret in plain fetch', async () => {
  const response = await fetch(`${site.plain}/repeats-200`, { headers: { Authorization: `Bearer ${token}` } })
  expect(() => {
    expectNoSecret(response, secrets)
  }).toThrow('the secret shows')
  await response.text()
})
