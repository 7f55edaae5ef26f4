import https from 'node:https'
import tls from 'node:tls'
import type { InternalAxiosRequestConfig } from 'axios'
import type { Purpose, Transport } from '../request/context'
import type { RedirectOptions } from '../request/redirects'
import { isFetch } from '../request/fetch-adapter'
import { IgwnAuthError, type Reason } from '../errors'
import { certChoice } from '../options'
import type { Environment } from '../environment'
import { x509Agents } from './agents'
import { x509Discovery, x509NotFound } from './find-x509-credentials'
import { http2OptionsFor } from './http2-options'
import { trustedCasFinder } from './trusted-cas'
import type { X509Credential } from './x509-credential'

export interface Transports {
  /** The transport of a request. Unchanged credentials cost stats only. */
  readonly transportFor: (purpose: Purpose) => Transport
  /** Retires the agents that were made; requests in flight end as they began. */
  readonly close: () => void
}

/** Client certificates (RFC 8446 section 4.4.2, proxies of RFC 3820) and CA trust for the requests of one instance. */
export function transports(environment: Environment): Transports {
  const look = x509Discovery(environment)
  const trust = trustedCasFinder(environment)
  const agents = x509Agents()

  return {
    transportFor(purpose) {
      const { url, request } = purpose
      if (url.protocol !== 'https:') return { reasons: withoutTls(purpose) }
      const { credential, reasons } = find(purpose)
      const obstacle = credential && obstacleIn(request)
      if (!obstacle) return { ...connect(request, credential), ...(credential && { credential }), reasons }
      const { source } = credential
      if (isDemanded(purpose)) throw new IgwnAuthError('ERR_IGWN_UNSUPPORTED', `${source} ${obstacle}.`)
      const reason = { code: 'unsupported', source, message: `${source} ${obstacle}` } as const
      return { ...connect(request, undefined), reasons: [...reasons, reason] }
    },
    close: () => {
      agents.close()
    },
  }

  function find({ options, astray }: Purpose): { credential?: X509Credential; reasons: readonly Reason[] } {
    // Whoever redirects a request could learn from it who sends it.
    if (options.forceNoAuth || astray) return { reasons: [] }
    const cert = certChoice(options.cert, environment)
    if (cert === false) return { reasons: [] }
    const found = look({
      cert,
      passphrase: options.passphrase,
      ...(cert === undefined || cert === true ? { minTimeLeft: options.certMinTimeLeft } : {}),
    })
    if (!found.credential && cert === true) throw x509NotFound(found.reasons)
    return found
  }

  /** Over http nobody asks for a certificate. Said where one was demanded: the request may be meant to go over https. */
  function withoutTls(purpose: Purpose): readonly Reason[] {
    const { cert, forceNoAuth } = purpose.options
    if (!cert || forceNoAuth) return []
    const message =
      'The certificate is not presented: the URL is one of http:, and certificates go over https: only'
    return [{ code: 'unsupported', source: 'cert', message }]
  }

  function isDemanded({ options }: Purpose): boolean {
    return Boolean(certChoice(options.cert, environment))
  }

  function connect(
    request: InternalAxiosRequestConfig,
    credential: X509Credential | undefined,
  ): Pick<Transport, 'settings' | 'leaveBehind'> {
    // Neither asks us: fetch has no way to be told, and the caller's agent knows by itself.
    if (isFetch(request.adapter) || (request.httpsAgent && !isHttp2(request))) return {}
    const trusted = trust()
    if (!credential && !trusted) return {}
    if (isHttp2(request)) {
      const http2Options = { ...http2OptionsFor(credential, trusted), ...http2OptionsOf(request) }
      return { settings: { http2Options } as Transport['settings'] & object }
    }
    const agent = agents.agentFor(credential, trusted)
    const settings = { httpsAgent: agent as unknown }
    if (!credential) return { settings }
    return {
      settings,
      leaveBehind: (redirect) => {
        leaveBehind(redirect, agent, agents.agentFor(undefined, trusted))
      },
    }
  }
}

/** What follow-redirects hands to Node besides. */
interface ConnectOptions extends RedirectOptions {
  agents: { https?: object | undefined }
  secureContext?: tls.SecureContext | undefined
}

/** Puts another agent in the place of the one with the certificate, or another context into the tunnel that axios makes of it. */
function leaveBehind(
  redirect: RedirectOptions,
  agent: https.Agent | undefined,
  without: https.Agent | undefined,
): void {
  const options = redirect as ConnectOptions
  if (options.agents.https === agent) {
    options.agents.https = without
    options.secureContext = undefined
  } else if (!(options.agents.https instanceof https.Agent)) {
    // A tunnel puts what the request says of TLS over what its agent says; an agent of Node does not.
    options.secureContext = without?.options.secureContext ?? tls.createSecureContext()
  }
}

/** Why no certificate of ours can go with this request; undefined when one can. */
function obstacleIn(request: InternalAxiosRequestConfig): string | undefined {
  if (isFetch(request.adapter))
    return 'cannot be presented: the fetch adapter has no client certificates. Use the http adapter, or set cert to false'
  if (isHttp2(request))
    return IDENTITY.some((name) => http2OptionsOf(request)?.[name] != null)
      ? 'is not presented: http2Options has a certificate of its own. Leave that out, or set cert to false'
      : undefined
  if (request.httpsAgent)
    return 'is not presented: the request has an httpsAgent of its own. Make that one with createX509Agent, or set cert to false'
  return undefined
}

/** What says who somebody is, in options of TLS; half of theirs and half of ours would be nobody. */
const IDENTITY = ['cert', 'key', 'pfx', 'secureContext']

function http2OptionsOf(request: InternalAxiosRequestConfig): Record<string, unknown> | undefined {
  return (request as { http2Options?: Record<string, unknown> }).http2Options
}

/** As axios tells; over HTTP/2 it heeds no agent. */
function isHttp2({ httpVersion }: InternalAxiosRequestConfig): boolean {
  return Number(httpVersion) === 2
}
