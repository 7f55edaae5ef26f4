import type { AxiosResponse } from 'axios'
import { challengesOf, shownIn } from '../explain/refusal'
import { attachedCredentials } from '../explain/attached-credentials'
import type { Reason } from '../errors'
import { hasListeners, urlWithoutSecrets, publish, type IgwnAuthEvent } from '../events'
import { urlOf } from './destination'
import type { Errand } from './transmit'

/** An event of a request, without where that goes. */
type Told = IgwnAuthEvent extends infer Event
  ? Event extends { url: string }
    ? Omit<Event, 'url'>
    : never
  : never

/** Tells whoever listens what happens to a request. */
export function tell({ attempt }: Errand, told: Told): void {
  const { onEvent } = attempt.options
  if (hasListeners(onEvent))
    publish({ url: urlWithoutSecrets(urlOf(attempt.request) ?? attempt.url), ...told }, onEvent)
}

/** What was considered and chosen for a request, and that it leaves. */
export function tellOfCredentials(errand: Errand): void {
  if (!hasListeners(errand.attempt.options.onEvent)) return
  const { credentials = { reasons: [] } } = errand
  tellOfReasons(errand, credentials.reasons)
  const chosen = attachedCredentials(credentials)
  for (const one of chosen) tell(errand, { type: 'selected', ...one })
  tell(errand, { type: 'attached', kinds: chosen.map(({ kind }) => kind) })
}

/** Why candidates were passed over; also where that was all of them, and nothing leaves. */
export function tellOfReasons(errand: Errand, reasons: readonly Reason[]): void {
  for (const reason of reasons) tell(errand, { type: 'skipped', reason })
}

/** What a server asks for that refused. */
export function tellOfChallenge(errand: Errand, response: AxiosResponse): void {
  if (response.status !== 401 || !hasListeners(errand.attempt.options.onEvent)) return
  const { credentials = { reasons: [] }, sent } = errand
  tell(errand, { type: 'challenged', challenges: challengesOf(response, shownIn(credentials, sent)) })
}
