import type { TrustedCas } from './trusted-cas'
import type { X509Credential } from './x509-credential'

/** What axios hands to `http2.connect`. */
export interface Http2Options {
  readonly cert?: string
  readonly key?: string
  readonly ca?: readonly string[]
}

/**
 * A credential and authorities for axios's `httpVersion: 2`, which has no agents. As PEM: axios shares a session among
 * requests whose options are deeply equal, and two different `secureContext`s are, so that one user's request would go out
 * on another's session.
 */
export function http2OptionsFor(
  credential: X509Credential | undefined,
  trust: TrustedCas | undefined,
): Http2Options {
  return { ...credential?.pem(), ...(trust && { ca: trust.ca }) }
}
