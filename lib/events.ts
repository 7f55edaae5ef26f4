import diagnostics from 'node:diagnostics_channel'
import { debuglog, inspect } from 'node:util'
import type { Reason } from './errors'
import type { Challenge } from './formats/www-authenticate'

/** The kinds of credentials. */
export type CredentialKind = 'token' | 'basic' | 'certificate' | 'scheme'

/**
 * What happens to the credentials of a request, as it happens. No event has a token, password, passphrase or key.
 */
export type IgwnAuthEvent =
  /** A candidate was skipped. */
  | (RequestEvent<'skipped'> & {
      /** Why. */
      readonly reason: Reason
    })
  /** A credential was selected for the request. */
  | (RequestEvent<'selected'> & {
      /** The kind of credential. */
      readonly kind: CredentialKind
      /** Where it comes from: a variable, a file, an option, the name of a scheme. */
      readonly source: string
      /** When it expires, in seconds since the epoch; undefined where that is not known. */
      readonly expiresAt?: number | undefined
    })
  /** The request is sent. */
  | (RequestEvent<'attached'> & {
      /** The kinds of credentials on it; empty for none. */
      readonly kinds: readonly CredentialKind[]
    })
  /** The server responded with 401. */
  | (RequestEvent<'challenged'> & {
      /** Its challenges (`WWW-Authenticate`, RFC 9110 section 11.6.1); empty where it sent none. */
      readonly challenges: readonly Challenge[]
    })
  /** The request is sent again with another credential. */
  | RequestEvent<'retrying'>
  /** The refusal is returned to the caller. */
  | (RequestEvent<'refused'> & {
      /** The HTTP status. Absent where the TLS handshake failed. */
      readonly status?: number | undefined
      /** One sentence: what the server requires, what was sent, and what that lacks. */
      readonly summary: string
    })
  /** A redirect leads to another origin. */
  | (RequestEvent<'redirected'> & {
      /** The target, in the form of `url`. */
      readonly to: string
      /** Whether the credentials are kept: both origins are in `trustedOrigins`. */
      readonly trusted: boolean
    })
  /** A token source has a new token. */
  | {
      /** The type of event. */
      readonly type: 'renewed'
      /**
       * The kind of source: `reuse`, `autoRenew`, `externallyManagedJwt`, `oidcAgent`, `workloadIdentity`, `vaultToken`, or a grant of
       * OAuth 2 such as `clientCredentials`.
       */
      readonly source: string
      /** When the token expires, in seconds since the epoch; undefined where that is not known. */
      readonly expiresAt?: number | undefined
    }
  /** Something to look at, although work continues. */
  | {
      /** The type of event. */
      readonly type: 'warning'
      /** What it is about: a file, a kind of source. */
      readonly source: string
      /** One sentence that describes the problem. */
      readonly message: string
    }

/** What all events of a request have. */
export interface RequestEvent<Type extends string> {
  /** The type of event. */
  readonly type: Type
  /** The URL of the request, without userinfo, parameters and fragment, which may be secret. */
  readonly url: string
}

/** Receives the events of an instance. An error that it throws is reported as a warning of the process and stops nothing. */
export type IgwnAuthEventListener = (event: IgwnAuthEvent) => void

/** The name of the diagnostics channel that carries every event of this process: `diagnostics_channel.subscribe(it, …)`. */
export const EVENT_CHANNEL = 'axios-igwn-auth'

const channel = diagnostics.channel(EVENT_CHANNEL)
/** With `NODE_DEBUG=igwn-auth`: a line on standard error for each event. */
const debug = debuglog('igwn-auth')

/** Whether there is a listener; without one, no event has to be made. */
export function hasListeners(listener?: IgwnAuthEventListener): boolean {
  return listener !== undefined || channel.hasSubscribers || debug.enabled
}

/** Calls the listener, and publishes to the channel and the debug log. */
export function publish(event: IgwnAuthEvent, listener?: IgwnAuthEventListener): void {
  if (listener) callListener(listener, event)
  if (channel.hasSubscribers) channel.publish(event)
  if (debug.enabled) {
    const { type, ...rest } = event
    debug('%s %s', type, inspect(rest, { breakLength: Infinity, depth: 5 }))
  }
}

function callListener(listener: IgwnAuthEventListener, event: IgwnAuthEvent): void {
  // A listener that fails must not fail the request, nor end the process when it is an async function.
  const call: (event: IgwnAuthEvent) => unknown = listener
  try {
    const result = call(event)
    if (result instanceof Promise) result.catch(warn)
  } catch (error) {
    warn(error)
  }
}

function warn(error: unknown): void {
  process.emitWarning(`onEvent failed: ${error instanceof Error ? error.message : 'without an error'}`, {
    type: 'IgwnAuthWarning',
  })
}

/** A URL for printing: without userinfo, parameters and fragment, which may be secret. */
export function urlWithoutSecrets({ origin, protocol, host, pathname }: URL): string {
  // The origin of `osdf:` and other schemes is opaque.
  return (origin === 'null' ? `${protocol}//${host}` : origin) + pathname
}
