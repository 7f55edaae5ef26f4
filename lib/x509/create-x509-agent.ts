import { ownProperties } from '../check-values'
import { Agent, type AgentOptions } from 'node:https'
import tls from 'node:tls'
import { inspect } from 'node:util'
import { IgwnAuthError } from '../errors'
import { assertValid, x509Discovery } from './find-x509-credentials'
import type { Passphrase } from './load-credential'
import { trustedCasFinder } from './trusted-cas'
import { X509Credential } from './x509-credential'

/** Options of Node's `https.Agent`, without those that the credential sets. */
export type X509AgentOptions = Omit<AgentOptions, 'cert' | 'key' | 'pfx' | 'passphrase' | 'secureContext'> & {
  /** The passphrase of an encrypted key, or a function that returns it. Default is none. */
  readonly passphrase?: Passphrase | undefined
}

/**
 * Makes an `https.Agent` that presents an X.509 credential with its whole chain. Connections are kept alive. The agent keeps
 * its credential: make a new agent after a renewal, as `applyIgwnAuth` does by itself. Nothing else is kept between calls.
 *
 * @param credential - the result of {@link findX509Credentials}, or paths: `{ cert, key? }`, one path, or `[cert, key]`
 * @param options - options of Node's agent. Defaults: `keepAlive` true, `timeout` 30000 ms, and as `ca` the CA
 *   certificates that `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`, `SSL_CERT_FILE` and `X509_CERT_DIR` name
 * @throws {@link IgwnAuthError} `ERR_IGWN_CERT_UNUSABLE` when the credential cannot be used: missing, expired, encrypted, or
 *   with a key that does not belong to it. `ERR_IGWN_CA_UNUSABLE` when a CA bundle cannot be used.
 */
export function createX509Agent(
  credential:
    X509Credential | { cert: string; key?: string | undefined } | string | readonly [string, string],
  options: X509AgentOptions = {},
): Agent {
  const { passphrase, ...agentOptions } = ownProperties(options)
  const found = credential instanceof X509Credential ? assertValid(credential) : read(credential, passphrase)
  const ca = agentOptions.ca ?? trustedCasFinder()()?.ca
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
  return x509Discovery()({ cert, passphrase }).credential
}

/** Milliseconds; most servers keep idle connections longer. Node.js uses the shorter time of a server's `Keep-Alive` header. */
const IDLE_TIMEOUT = 30_000

/**
 * An agent with its TLS context. Given as options, certificates and CAs would be parsed for each connection (45 ms for a
 * bundle of roots), and the key would be readable in `agent.options`.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_CERT_UNUSABLE` when OpenSSL refuses an option or the credential
 */
export function secureAgent(credential: X509Credential | undefined, options: AgentOptions): Agent {
  const others = { ...options }
  // Node.js adds these to the name of each connection in the pool.
  delete others.ca
  delete others.crl
  const agent = new Agent({
    keepAlive: true,
    timeout: IDLE_TIMEOUT,
    ...others,
    secureContext: secureContext({ ...options, ...credential?.pem() }),
  })
  return withoutSecrets(agent, credential)
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

/** Replaces what `inspect` and JSON show: sockets lead to tokens of requests, the session cache holds keys of TLS sessions. */
function withoutSecrets(agent: Agent, credential: X509Credential | undefined): Agent {
  const summary = () => ({
    ...(credential && {
      subject: credential.subject,
      expiresAt: new Date(credential.expiresAt * 1000).toISOString(),
    }),
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
