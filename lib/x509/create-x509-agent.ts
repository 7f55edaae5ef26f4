import { Agent, type AgentOptions } from 'node:https'
import tls from 'node:tls'
import { inspect } from 'node:util'
import { IgwnAuthError } from '../errors'
import { assertInForce, lookForX509 } from './find-x509-credentials'
import { findTrustedCas } from './trusted-cas'
import type { Passphrase } from './load-credential'
import { X509Credential } from './x509-credential'

/** Options of Node's agent; what is the credential's own is left out. */
export type X509AgentOptions = Omit<AgentOptions, 'cert' | 'key' | 'pfx' | 'passphrase' | 'secureContext'> & {
  /** The passphrase of an encrypted key, or a function that gives it. Default is none. */
  readonly passphrase?: Passphrase | undefined
}

/**
 * Makes an `https.Agent` that presents an X.509 credential, with its whole chain, on every connection. Connections are kept
 * alive: one handshake for each, not for each request. It keeps the credential it was made with; after a renewal make a
 * new one, as `applyIgwnAuth` does by itself.
 *
 * @param credential - what {@link findX509Credentials} found, or paths: `{ cert, key? }`, one path, or `[cert, key]`
 * @param agentOptions - Node's, over our defaults: `keepAlive` true, `timeout` 30 s, and as `ca` what
 *   `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`, `SSL_CERT_FILE` and `X509_CERT_DIR` name
 * @throws {@link IgwnAuthError} `ERR_IGWN_CERT_UNUSABLE` when the credential cannot be used: missing, expired, key of
 *   another, encrypted. `ERR_IGWN_CA_UNUSABLE` when a CA bundle cannot be used.
 */
export function createX509Agent(
  credential:
    X509Credential | { cert: string; key?: string | undefined } | string | readonly [string, string],
  { passphrase, ...agentOptions }: X509AgentOptions = {},
): Agent {
  const found =
    credential instanceof X509Credential ? assertInForce(credential) : read(credential, passphrase)
  const ca = agentOptions.ca ?? findTrustedCas()?.ca
  return secureAgent(found, { ...agentOptions, ...(ca && { ca: ca as AgentOptions['ca'] }) })
}

function read(
  credential: { cert: string; key?: string | undefined } | string | readonly [string, string],
  passphrase: Passphrase | undefined,
): X509Credential | undefined {
  const isPaths = typeof credential === 'string' || 'length' in credential
  const cert = isPaths
    ? credential
    : credential.key === undefined
      ? credential.cert
      : ([credential.cert, credential.key] as const)
  return lookForX509({ cert, passphrase }).credential
}

/** Milliseconds; less than most servers wait, and no more than any says in its `Keep-Alive` header, which Node then heeds. */
const IDLE_TIMEOUT = 30_000

/**
 * The agent itself. Its TLS context is made here, once: given as options, certificate and authorities would be parsed for
 * every connection (45 ms for a bundle of roots), and the key would stand readable in `agent.options`.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_CERT_UNUSABLE` when OpenSSL refuses what it is given
 */
export function secureAgent(credential: X509Credential | undefined, options: AgentOptions): Agent {
  const others = { ...options }
  delete others.ca // else it is part of the name under which each connection is pooled
  delete others.crl
  const agent = new Agent({
    keepAlive: true,
    timeout: IDLE_TIMEOUT,
    ...others,
    secureContext: secureContext({ ...options, ...credential?.pem() }),
  })
  return reticent(agent, { presents: credential?.subject, until: credential?.expiresAt })
}

function secureContext(options: tls.SecureContextOptions): tls.SecureContext {
  try {
    return tls.createSecureContext(options)
  } catch (error) {
    const { reason, code } = error as { reason?: string; code?: string }
    throw new IgwnAuthError(
      'ERR_IGWN_CERT_UNUSABLE',
      `OpenSSL refuses the credential, or an option of the agent (${reason ?? code ?? 'unknown error'}).`,
      { cause: error },
    )
  }
}

/** Shows of an agent what may be shown: its sockets hold the tokens of requests, its session cache the keys of sessions. */
function reticent(
  agent: Agent,
  { presents, until }: { presents: string | undefined; until: number | undefined },
) {
  const summary = () => ({
    ...(presents !== undefined && { presents }),
    ...(until !== undefined && { until: new Date(until * 1000).toISOString() }),
    sockets: count(agent.sockets),
    freeSockets: count(agent.freeSockets),
  })
  return Object.defineProperties(agent, {
    toJSON: { value: summary },
    [inspect.custom]: { value: () => `X509Agent ${inspect(summary())}` },
  })
}

function count(sockets: NodeJS.ReadOnlyDict<readonly unknown[]>): number {
  return Object.values(sockets).reduce((sum, some) => sum + (some?.length ?? 0), 0)
}
