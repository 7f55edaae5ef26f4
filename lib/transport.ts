import type { InternalAxiosRequestConfig } from 'axios'
import type { Purpose } from './credentials'
import { IgwnAuthError, type Reason } from './errors'
import { certChoice } from './options'
import type { Surroundings } from './surroundings'
import { x509Agents } from './x509/agents'
import { x509Discovery, x509NotFound } from './x509/find-x509-credentials'
import { http2OptionsFor } from './x509/http2-options'
import { trustFinder } from './x509/trust'
import type { X509Credential } from './x509/x509-credential'

/** How a request is connected: with which certificate, and whom it trusts. */
export interface Transport {
  /** What is presented to a server that asks. */
  readonly credential?: X509Credential
  /** What axios is to be told; nothing where its own ways do. */
  readonly settings?: Partial<InternalAxiosRequestConfig>
  readonly reasons: readonly Reason[]
}

export interface Transports {
  /** The transport of a request. Unchanged credentials cost stats only. */
  readonly transportFor: (purpose: Purpose) => Transport
  /** Retires the agents that were made; requests in flight end as they began. */
  readonly close: () => void
}

/** Client certificates (RFC 8446 section 4.4.2, proxies of RFC 3820) and CA trust for the requests of one instance. */
export function transports(surroundings: Surroundings): Transports {
  const look = x509Discovery(surroundings)
  const trust = trustFinder(surroundings)
  const agents = x509Agents()

  return {
    transportFor(purpose) {
      const { url, request } = purpose
      if (url.protocol !== 'https:') return { reasons: [] }
      const { credential, reasons } = find(purpose)
      const obstacle = obstacleIn(request)
      if (obstacle === undefined) {
        const settings = connect(request, credential)
        return { ...(credential && { credential }), ...(settings && { settings }), reasons }
      }
      if (!credential) return { reasons }
      if (isDemanded(purpose))
        throw new IgwnAuthError('ERR_IGWN_UNSUPPORTED', `${credential.source} ${obstacle}.`)
      const { source } = credential
      return { reasons: [...reasons, { code: 'unsupported', source, message: `${source} ${obstacle}` }] }
    },
    close: () => {
      agents.close()
    },
  }

  function find({ options, astray }: Purpose): { credential?: X509Credential; reasons: readonly Reason[] } {
    const cert = certChoice(options.cert, surroundings)
    // Whoever redirects a request could learn from it who sends it.
    if (cert === false || options.forceNoAuth || astray) return { reasons: [] }
    const found = look({
      cert,
      passphrase: options.passphrase,
      ...(cert === undefined || cert === true ? { minTimeLeft: options.certMinTimeLeft } : {}),
    })
    if (!found.credential && cert === true) throw x509NotFound(found.reasons)
    return found
  }

  function isDemanded({ options }: Purpose): boolean {
    return Boolean(certChoice(options.cert, surroundings))
  }

  function connect(
    request: InternalAxiosRequestConfig,
    credential: X509Credential | undefined,
  ): Transport['settings'] | undefined {
    const trusted = trust()
    if (!credential && !trusted) return undefined
    if (Number(request.httpVersion) !== 2)
      return { httpsAgent: agents.agentFor(credential, trusted) as unknown }
    const { http2Options } = request as { http2Options?: object }
    return {
      http2Options: { ...http2OptionsFor(credential, trusted), ...http2Options },
    } as Transport['settings']
  }
}

/** Why no certificate of ours can go with this request; undefined when one can. */
function obstacleIn({ adapter, httpsAgent }: InternalAxiosRequestConfig): string | undefined {
  if (isFetch(adapter))
    return 'cannot be presented: the fetch adapter has no client certificates. Use the http adapter, or set cert to false'
  if (httpsAgent)
    return 'is not presented: the request has an httpsAgent of its own. Make that one with createX509Agent, or set cert to false'
  return undefined
}

/** axios takes the first adapter of a list that there is; Node has no XMLHttpRequest. */
function isFetch(adapter: InternalAxiosRequestConfig['adapter']): boolean {
  const first = Array.isArray(adapter) ? adapter.find((one) => one !== 'xhr') : adapter
  return first === 'fetch'
}
