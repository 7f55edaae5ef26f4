import { AxiosHeaders, type AxiosResponse } from 'axios'
import type { IgwnAuthEvent } from '../../lib/events'
import { newContext, type RequestContext } from '../../lib/request/context'
import {
  emit,
  emitChallenged,
  emitCredentials,
  emitSkipped,
  isObserved,
  shownUrl,
} from '../../lib/request/request-events'
import type { Credentials } from '../../lib/schemes/credentials'
import { SciToken } from '../../lib/tokens/scitoken'
import { mint } from '../support/tokens'

const URL_OF_X = 'https://me:sosecretpassword@x.example.org/a/sosecrettoken?token=sosecretparameter#part'
const SHOWN = 'https://x.example.org/a/[hidden]'

/** A request that carries `sosecrettoken`, and its events. */
function observed() {
  const events: IgwnAuthEvent[] = []
  return { events, context: contextWith((event) => events.push(event)) }
}

function contextWith(onEvent?: (event: IgwnAuthEvent) => void): RequestContext {
  const request = { headers: new AxiosHeaders(), url: URL_OF_X }
  // The URL of a context may be without the path of the request.
  const context = newContext(request, undefined, new URL('https://x.example.org'), { onEvent }, false)
  return Object.assign(context, { secrets: ['sosecrettoken'] })
}

const skipped = ['A', 'B'].map(
  (source) => ({ code: 'absent', source, message: `${source} is not set` }) as const,
)

it('the events of credentials are what was skipped, what was selected, and that the request is sent', () => {
  const { events, context } = observed()
  const found = SciToken.read(mint({ aud: 'ANY', exp: 4e9 }), 'A')
  const credentials: Credentials = { token: 'sosecrettoken', found, source: 'C', reasons: skipped }
  emitCredentials(context, { ...credentials, scheme: { name: 'S', authorize: () => ({}) } })
  expect(events).toEqual([
    { type: 'skipped', url: SHOWN, reason: skipped[0] },
    { type: 'skipped', url: SHOWN, reason: skipped[1] },
    { type: 'selected', url: SHOWN, kind: 'token', source: 'C', expiresAt: 4e9 },
    { type: 'selected', url: SHOWN, kind: 'scheme', source: 'S' },
    { type: 'attached', url: SHOWN, kinds: ['token', 'scheme'] },
  ])
})

it('the events of a search that fails are what was skipped', () => {
  const { events, context } = observed()
  emitSkipped(context, skipped)
  expect(events.map(({ type }) => type)).toEqual(['skipped', 'skipped'])
})

it('the event of a challenge has no secret that it repeats', () => {
  const { events, context } = observed()
  const headers = { 'www-authenticate': 'Bearer scope="a sosecrettoken"' }
  emitChallenged(context, { headers })
  expect(events).toEqual([
    { type: 'challenged', url: SHOWN, challenges: [{ scheme: 'bearer', params: { scope: 'a [hidden]' } }] },
  ])
})

it('without a listener no event is made', () => {
  const context = contextWith()
  const read = jest.fn()
  for (const object of [context, context.request])
    Object.defineProperty(object, 'url', { get: read.mockReturnValue('https://x.example.org/') })
  const response = Object.defineProperty({}, 'headers', { get: read }) as AxiosResponse
  emit(context, { type: 'retrying' })
  emitChallenged(context, response)
  expect(read).not.toHaveBeenCalled()
  expect([isObserved(context), isObserved(contextWith(() => undefined))]).toEqual([false, true])
})

it('a URL is shown without userinfo, parameters, fragment and what the request carried', () => {
  expect(shownUrl(new URL(URL_OF_X), contextWith())).toBe(SHOWN)
})
