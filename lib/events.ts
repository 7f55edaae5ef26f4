import diagnostics from 'node:diagnostics_channel'
import { debuglog, inspect } from 'node:util'
import type { Reason } from './errors'
import type { Challenge } from './formats/www-authenticate'

/** What kind of credential an event is about. */
export type CredentialKind = 'token' | 'basic' | 'certificate' | 'scheme'

/**
 * What happens to the credentials of a request, as it happens. No event ever holds a token, a password, a passphrase or a
 * key.
 */
export type IgwnAuthEvent =
  /** A candidate was looked at and passed over. */
  | (RequestEvent<'skipped'> & {
      /** Why. */
      readonly reason: Reason
    })
  /** This one is for the request. */
  | (RequestEvent<'selected'> & {
      /** What kind of credential it is. */
      readonly kind: CredentialKind
      /** Where it comes from: a variable, a file, an option, the name of a scheme. */
      readonly source: string
      /** Seconds since the epoch at which it ends, where that is known. */
      readonly expiresAt?: number | undefined
    })
  /** The request leaves. */
  | (RequestEvent<'attached'> & {
      /** The kinds of credential on it; empty for none. */
      readonly kinds: readonly CredentialKind[]
    })
  /** The server answered 401. */
  | (RequestEvent<'challenged'> & {
      /** What it asks for (`WWW-Authenticate`, RFC 9110 section 11.6.1); empty where it does not say. */
      readonly challenges: readonly Challenge[]
    })
  /** The refusal is answered: the request is sent once more. */
  | RequestEvent<'retrying'>
  /** The server's refusal stands and goes back to the caller. */
  | (RequestEvent<'refused'> & {
      /** The status of HTTP. Absent where the connection was refused before there was one. */
      readonly status?: number | undefined
      /** What was wanted, what was sent and what would mend it, in one sentence for people. */
      readonly summary: string
    })
  /** A redirect leads to another origin. */
  | (RequestEvent<'redirected'> & {
      /** Where it leads, in the form of `url`. */
      readonly to: string
      /** Whether the credentials go along: the two are among the `trustedOrigins`. */
      readonly trusted: boolean
    })
  /** A token source has a new token. */
  | {
      /** What happened. */
      readonly type: 'renewed'
      /** The kind of source: `reuse`, `externallyManagedJwt`, `clientCredentials`. */
      readonly source: string
      /** Seconds since the epoch at which the token ends, where that is known. */
      readonly expiresAt?: number | undefined
    }
  /** Something that a person should look at though all goes on. */
  | {
      /** What happened. */
      readonly type: 'warning'
      /** What it is about: a file, a kind of source. */
      readonly source: string
      /** One sentence that says what is not as it should be. */
      readonly message: string
    }

/** What the events of a request have in common. */
export interface RequestEvent<Type extends string> {
  /** What happened. */
  readonly type: Type
  /** Where the request goes: without login, parameters and fragment, which may be secret. */
  readonly url: string
}

/** Hears the events of an instance. What it throws is reported as a warning of the process and stops nothing. */
export type IgwnAuthEventListener = (event: IgwnAuthEvent) => void

/** The name of the diagnostics channel that carries every event of this process: `diagnostics_channel.subscribe(it, …)`. */
export const EVENT_CHANNEL = 'axios-igwn-auth'

const channel = diagnostics.channel(EVENT_CHANNEL)
/** For `NODE_DEBUG=igwn-auth`: a line on stderr for each event. */
const debug = debuglog('igwn-auth')

/** Whether anybody hears; where nobody does, an event need not be made. */
export function hasListeners(listener?: IgwnAuthEventListener): boolean {
  return listener !== undefined || channel.hasSubscribers || debug.enabled
}

/** Tells everybody who hears. */
export function publish(event: IgwnAuthEvent, listener?: IgwnAuthEventListener): void {
  if (listener) tell(listener, event)
  if (channel.hasSubscribers) channel.publish(event)
  if (debug.enabled) {
    const { type, ...rest } = event
    debug('%s %s', type, inspect(rest, { breakLength: Infinity, depth: 5 }))
  }
}

function tell(listener: IgwnAuthEventListener, event: IgwnAuthEvent): void {
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
export function urlWithoutSecrets({ origin, pathname }: URL): string {
  return origin + pathname
}
