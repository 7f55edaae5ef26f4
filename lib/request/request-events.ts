import type { AxiosResponse } from 'axios'
import type { Reason } from '../errors'
import { hasListeners, publish, urlWithoutSecrets, type IgwnAuthEvent } from '../events'
import { attachedCredentials } from '../explain/attached-credentials'
import type { Credentials } from '../schemes/credentials'
import { redactSecrets } from '../secrets/redact'
import type { RequestContext } from './context'
import { requestUrl } from './destination'
import { challengesOf } from './retry-after-401'

/** An event of a request, without its URL. */
type EventWithoutUrl = IgwnAuthEvent extends infer Event
  ? Event extends { url: string }
    ? Omit<Event, 'url'>
    : never
  : never

export function isObserved({ options }: RequestContext): boolean {
  return hasListeners(options.onEvent)
}

export function emit(context: RequestContext, event: EventWithoutUrl): void {
  const { options } = context
  if (hasListeners(options.onEvent))
    publish({ url: shownUrl(requestUrl(context), context), ...event }, options.onEvent)
}

/** A URL for printing. A redirect may have put what the request carried into its path. */
export function shownUrl(url: URL, { secrets }: RequestContext): string {
  return redactSecrets(urlWithoutSecrets(url), secrets)
}

/** What was skipped and selected for a request, and that it is sent. */
export function emitCredentials(context: RequestContext, credentials: Credentials): void {
  emitSkipped(context, credentials.reasons)
  const attached = attachedCredentials(credentials)
  for (const one of attached) emit(context, { type: 'selected', ...one })
  emit(context, { type: 'attached', kinds: attached.map(({ kind }) => kind) })
}

/** Why candidates were skipped; also where nothing is left and nothing is sent. */
export function emitSkipped(context: RequestContext, reasons: readonly Reason[]): void {
  for (const reason of reasons) emit(context, { type: 'skipped', reason })
}

export function emitChallenged(context: RequestContext, response: Pick<AxiosResponse, 'headers'>): void {
  if (isObserved(context))
    emit(context, { type: 'challenged', challenges: challengesOf(response, context.secrets) })
}
