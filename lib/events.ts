import diagnostics from 'node:diagnostics_channel'
import { debuglog, inspect } from 'node:util'
import type { Reason } from './errors'
import type { Challenge } from './formats/www-authenticate'

/** What kind of credential an event is about. */
export type CredentialKind = 'token' | 'login' | 'certificate' | 'scheme'

/**
 * What happens to the credentials of a request, as it happens. No event ever holds a token, a password, a passphrase or a
 * key; URLs are without login, parameters and fragment.
 */
export type IgwnAuthEvent =
  /** A candidate was looked at and passed over: why. */
  | { readonly type: 'considered'; readonly url: string; readonly reason: Reason }
  /** This one is for the request. `source` says where it comes from: a variable, a file, an option, the name of a scheme. */
  | {
      readonly type: 'chosen'
      readonly url: string
      readonly kind: CredentialKind
      readonly source: string
      /** Seconds since the epoch at which it ends, where that is known. */
      readonly expiresAt?: number | undefined
    }
  /** The request leaves, with these kinds of credential on it, or with none. */
  | { readonly type: 'attached'; readonly url: string; readonly kinds: readonly CredentialKind[] }
  /** The server answered 401, and asks for this. */
  | { readonly type: 'challenged'; readonly url: string; readonly challenges: readonly Challenge[] }
  /** The refusal is answered: the request is sent once more. */
  | { readonly type: 'answered'; readonly url: string }
  /** The server's refusal stands and goes back to the caller. `summary` is one sentence for people. */
  | {
      readonly type: 'refused'
      readonly url: string
      /** Absent where the connection was refused before there was one. */
      readonly status?: number | undefined
      readonly summary: string
    }
  /** A redirect leads elsewhere; `trusted` when the credentials go along. */
  | { readonly type: 'hop'; readonly url: string; readonly to: string; readonly trusted: boolean }
  /** A token source has a new token. `source` is the kind of source: `reuse`, `externallyManagedJwt`, `clientCredentials`. */
  | { readonly type: 'renewed'; readonly source: string; readonly expiresAt?: number | undefined }
  /** Something that a person should look at though all goes on. */
  | { readonly type: 'warning'; readonly source: string; readonly message: string }

/** Hears the events of an instance. What it throws is reported as a warning of the process and stops nothing. */
export type EventListener = (event: IgwnAuthEvent) => void

/** The name of the diagnostics channel that carries every event of this process: `diagnostics_channel.subscribe(it, …)`. */
export const EVENT_CHANNEL = 'axios-igwn-auth'

const channel = diagnostics.channel(EVENT_CHANNEL)
/** For `NODE_DEBUG=igwn-auth`: a line on stderr for each event. */
const debug = debuglog('igwn-auth')

/** Whether anybody hears; where nobody does, an event need not be made. */
export function isHeard(listener?: EventListener): boolean {
  return listener !== undefined || channel.hasSubscribers || debug.enabled
}

/** Tells everybody who hears. */
export function publish(event: IgwnAuthEvent, listener?: EventListener): void {
  if (listener) tell(listener, event)
  if (channel.hasSubscribers) channel.publish(event)
  if (debug.enabled) {
    const { type, ...rest } = event
    debug('%s %s', type, inspect(rest, { breakLength: Infinity, depth: 5 }))
  }
}

function tell(listener: EventListener, event: IgwnAuthEvent): void {
  try {
    listener(event)
  } catch (error) {
    // A log that cannot be written is no reason to lose a request.
    process.emitWarning(`onEvent failed: ${error instanceof Error ? error.message : 'without an error'}`, {
      type: 'IgwnAuthWarning',
    })
  }
}

/** A URL for people: without login, parameters and fragment, which may be secret. */
export function placeOf({ origin, pathname }: URL): string {
  return origin + pathname
}
