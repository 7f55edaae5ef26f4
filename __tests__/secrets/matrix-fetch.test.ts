/**
 * The secrets matrix for `igwnFetch`: every connection, credential and outcome of a request. What is returned, thrown or emitted,
 * and what another origin receives, must hold no secret. A new credential or outcome is one entry in a table below.
 */
import { AsyncResource } from 'node:async_hooks'
import diagnostics from 'node:diagnostics_channel'
import { Console } from 'node:console'
import { PassThrough } from 'node:stream'
import { inspect } from 'node:util'
import axios from 'axios'
import { authorize, createIgwnFetch, explanationOf, type IgwnFetch } from '../../lib/fetch'
import { EVENT_CHANNEL } from '../../lib/events'
import { refreshToken } from '../../lib/oauth2'
import { everyCombination } from '../support/combinations'
import { expectNoSecret } from '../support/expect-no-secret'
import {
  CREDENTIALS,
  ENDINGS,
  matrixSite,
  SECRETS,
  type Ending,
  type Given,
  type MatrixSite,
} from '../support/matrix-site'
import { expectNoUnhandledRejection } from '../support/record-events'

let site: MatrixSite

expectNoUnhandledRejection()
beforeAll(async () => {
  site = await matrixSite()
  process.env.REQUESTS_CA_BUNDLE = site.ca
})
afterAll(async () => {
  delete process.env.REQUESTS_CA_BUNDLE
  await site.close()
})

const ALL_CREDENTIALS: Record<string, Given> = {
  ...CREDENTIALS,
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

const form = (): RequestInit => ({ method: 'POST', body: new URLSearchParams({ a: '1' }) })

/** An outcome of a request by fetch. */
interface FetchEnding extends Ending {
  readonly init?: () => RequestInit
}

const SHORT = 60

const OUTCOMES: Record<string, FetchEnding> = {
  ...ENDINGS,
  'a redirect to another origin': { ...ENDINGS['a redirect to another origin'], status: 200 },
  'a redirect to another origin that repeats what it got': {
    ...ENDINGS['a redirect to another origin that repeats what it got'],
    status: 403,
  },
  'a body that is a stream': {
    init: () => ({ method: 'POST', body: new Blob(['once']).stream(), duplex: 'half' }),
    status: 200,
  },
  'an abort while reading': { path: 'stops-in-the-body', aborts: 'arrival' },
  'a timeout': { path: 'never-answers', init: () => ({ signal: AbortSignal.timeout(SHORT) }) },
  'a timeout while reading': {
    path: 'stops-in-the-body',
    init: () => ({ signal: AbortSignal.timeout(SHORT) }),
  },
  'a redirect that is not followed': { path: 'redirect', init: () => ({ redirect: 'manual' }), status: 302 },
  'a redirect that is an error': { path: 'redirect', init: () => ({ redirect: 'error' }) },
}

interface Outcome {
  /** The response or the error, and what reading the body failed with. */
  readonly results: readonly unknown[]
  readonly status: number | undefined
}

let requests = 0

/** Bound to the moment the file is loaded: the async context of a running test leads to all of Jest. */
const send = AsyncResource.bind(
  async (get: IgwnFetch, origin: string, ending: FetchEnding, given: Given): Promise<Outcome> => {
    const { path: place = 'ok', aborts, url } = ending
    const id = String((requests += 1))
    const controller = new AbortController()
    if (aborts === 'before') controller.abort()
    if (aborts === 'arrival') site.onArrival.set(id, () => setTimeout(() => controller.abort(), 5))
    const target = url?.(site) ?? `${origin}/${place}/${id}`
    try {
      const response = await get(target, {
        signal: controller.signal,
        ...(given.hasForm && form()),
        ...ending.init?.(),
      })
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
  describe.each(Object.entries(ALL_CREDENTIALS))('with %s', (credential, given) => {
    const offset =
      Object.keys(CONNECTIONS).indexOf(connection) + Object.keys(ALL_CREDENTIALS).indexOf(credential)
    /** A quarter of the outcomes; the other groups have the others. */
    const endings = Object.entries(OUTCOMES).filter(
      (_, index) => everyCombination || (offset + index) % 4 === 0,
    )
    const outcomes = new Map<string, Outcome>()
    const events: unknown[] = []
    const onEvent = (event: unknown) => void events.push(event)
    let get: IgwnFetch

    beforeAll(async () => {
      diagnostics.subscribe(EVENT_CHANNEL, onEvent)
      get = createIgwnFetch({
        cert: site.certificate,
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
      for (const result of outcome.results) expectNoSecret(result, site.secrets)
    })

    it('reached the server', () => {
      expect(site.carried(given.sent)).toBeGreaterThan(0)
    })

    it('shows in no event, not in the function, and not to another origin', () => {
      expect(events.length).toBeGreaterThan(0)
      for (const thing of [events, get, site.received.splice(0)]) expectNoSecret(thing, site.secrets)
      events.length = 0
    })
  })
})

it('authorize() shows nothing', async () => {
  for (const options of [CREDENTIALS['a token']!.options(), CREDENTIALS['a netrc password']!.options()]) {
    const found = await authorize(site.secure, {
      cert: site.certificate,
      passphrase: SECRETS.passphrase,
      ...options,
    })
    expect(found.headers.Authorization).toBeDefined()
    expect(found.certificate).toBeDefined()
    expectNoSecret(found, site.secrets)
    expectNoSecret(inspect(found, { depth: null, showHidden: true, getters: false }), site.secrets)
    for (const copy of [structuredClone(found), Object.assign({}, found)]) expectNoSecret(copy, site.secrets)
    const printed = new PassThrough()
    const console = new Console(printed)
    for (const value of [found, [found]]) {
      console.table(value)
      console.dir(value, { showHidden: true })
    }
    expectNoSecret(String(printed.read()), site.secrets)
  }
})

it('the matrix finds a secret in plain fetch', async () => {
  const response = await fetch(`${site.plain}/repeats-200`, {
    headers: { Authorization: `Bearer ${SECRETS.token}` },
  })
  expect(() => {
    expectNoSecret(response, site.secrets)
  }).toThrow('the secret shows')
  await response.text()
})
