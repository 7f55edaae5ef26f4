import { createHash } from 'node:crypto'
import https from 'node:https'
import tls from 'node:tls'
import { isDeepStrictEqual } from 'node:util'
import { IgwnAuthError, type Reason } from '../errors'
import { since, secondsNow } from '../clock'
import type { Environment } from '../environment'
import type { AdapterKind } from '../request/adapters'
import { x509Agents } from './agents'
import { x509Discovery, x509NotFound, type X509Discovery } from './find-x509-credentials'
import type { Passphrase } from './load-credential'
import { CA_BUNDLES, CA_FOLDER, trustedCasFinder, type TrustedCas } from './trusted-cas'
import type { TlsOwner } from './untrusted-server'
import type { X509Credential } from './x509-credential'

/** How a request connects: which certificate it presents, and which CAs it trusts. */
export interface TlsChoice {
  /** Presented to a server that requests a certificate. */
  readonly credential?: X509Credential | undefined
  /** The agent for HTTP/1.1; undefined where the caller's or Node's own is used. */
  readonly agent?: https.Agent | undefined
  /** Options for `http2.connect`, over which the caller's `http2Options` take precedence. */
  readonly http2Options?: Readonly<Record<string, unknown>> | undefined
  /** The CAs that the environment names; undefined for those of Node. */
  readonly trustedCas?: TrustedCas | undefined
  /** The agent that trusts the same CAs and presents no certificate. */
  readonly withoutCertificate?: (() => https.Agent | undefined) | undefined
  readonly reasons: readonly Reason[]
  /** What makes the connection if not this package. */
  readonly tlsOf?: TlsOwner | undefined
}

/** What matters of a request for its TLS connection. */
export interface TlsRequest {
  /** The option `cert`, or what its environment switch says. */
  readonly cert: string | readonly [string, string] | boolean | undefined
  readonly passphrase: Passphrase | undefined
  readonly minTimeLeft: number | undefined
  readonly adapter: AdapterKind
  readonly isHttp2: boolean
  /** The request has an `httpsAgent` of the caller. */
  readonly hasAgent: boolean
  /** The caller's `http2Options`. */
  readonly http2Options: Readonly<Record<string, unknown>> | undefined
}

export interface TlsSettings {
  /** @throws {@link IgwnAuthError} when a certificate is required and cannot be presented, or a CA bundle cannot be used */
  readonly find: (request: TlsRequest) => TlsChoice
  /** Whether the last choice, or one without settings, would be made again for the same request. */
  readonly isCurrent: (choice: TlsChoice) => boolean
  /** Closes idle connections now, and each other one when its request ends. */
  readonly close: () => void
}

/** No certificate and no CAs of ours; the second where the connection is not ours either. */
const NONE: TlsChoice = { reasons: [] }
const NOT_OURS: TlsChoice = { reasons: [] }

/**
 * Client certificates (RFC 8446 section 4.4.2, proxies of RFC 3820) and trusted CAs for the requests of one instance. They
 * matter when a connection is made, so the files are looked at once a second at most; variables that name an identity are
 * compared for each request, if the connection is ours.
 */
export function tlsSettings(environment: Environment): TlsSettings {
  const discover = x509Discovery(environment)
  const trustedCas = trustedCasFinder(environment)
  const agents = x509Agents()
  const http2Options = http2OptionsFinder()
  let last: Last | undefined

  return {
    find(request) {
      // Nothing to present, and the connection is not ours.
      if (request.cert === false && tlsOwner(request)) return NOT_OURS
      if (last && sameRequest(last.request, request) && isCurrent(last)) return last.choice
      const identity = tlsOwner(request) ? undefined : identityIn(environment)
      const choice = choose(request)
      // A choice that skipped something is not kept: the user may have just fixed it.
      const isFinal = choice.reasons.every(({ code }) => code === 'absent')
      last = isFinal ? { request, choice, at: secondsNow(), identity } : undefined
      return choice
    },
    isCurrent: (choice) => (last?.choice === choice ? isCurrent(last) : choice === NOT_OURS),
    close: () => {
      last = undefined
      agents.close()
    },
  }

  function isCurrent({ at, identity }: Last): boolean {
    if (since(at) >= LOOK_AGAIN_AFTER) return false
    if (!identity) return true
    const { env } = environment
    for (let index = 0; index < TLS_VARIABLES.length; index++)
      if (env[TLS_VARIABLES[index] ?? ''] !== identity.values[index]) return false
    return environment.uid === identity.uid
  }

  function choose(request: TlsRequest): TlsChoice {
    const { credential, reasons } = request.cert === false ? NONE_FOUND : found(request)
    const obstacle = credential && obstacleFor(request)
    if (!credential || obstacle === undefined) return connect(request, credential, reasons)
    const { source } = credential
    const message = `${source} ${obstacle}`
    if (request.cert !== undefined) throw new IgwnAuthError('ERR_IGWN_UNSUPPORTED', `${message}.`)
    return connect(request, undefined, [...reasons, { code: 'unsupported', source, message }])
  }

  function found(request: TlsRequest): X509Discovery {
    const { cert, passphrase, minTimeLeft } = request
    const result = discover({
      cert: cert === false ? undefined : cert,
      passphrase,
      ...(isSearch(request) && { minTimeLeft }),
    })
    if (!result.credential && cert === true) throw x509NotFound(result.reasons)
    return result
  }

  function connect(
    request: TlsRequest,
    credential: X509Credential | undefined,
    reasons: readonly Reason[],
  ): TlsChoice {
    // The fetch adapter takes no TLS options, and an agent of the caller has its own.
    const tlsOf = tlsOwner(request)
    if (tlsOf) return { credential, reasons, tlsOf }
    const cas = trustedCas()
    if (!credential && !cas) return reasons.length > 0 ? { reasons } : NONE
    if (request.isHttp2)
      return { credential, http2Options: http2Options(credential, cas, request.http2Options), reasons }
    const agent = agents.agentFor(credential, cas)
    return {
      credential,
      agent,
      trustedCas: cas,
      withoutCertificate: credential && (() => agents.agentFor(undefined, cas)),
      reasons,
    }
  }
}

/** What makes the TLS connection in place of this package. */
function tlsOwner({ adapter, hasAgent, isHttp2 }: TlsRequest): TlsOwner | undefined {
  if (adapter === 'fetch' || adapter === 'fetch without undici') return 'fetch'
  if (adapter === 'fetch with a dispatcher') return 'dispatcher'
  return hasAgent && !isHttp2 ? 'httpsAgent' : undefined
}

const NONE_FOUND: X509Discovery = { reasons: [] }

/** Seconds after which a replaced file leads to a new connection. */
const LOOK_AGAIN_AFTER = 1

/** The last choice, and the variables that it depends on; none where the connection is not ours. */
interface Last {
  readonly request: TlsRequest
  readonly choice: TlsChoice
  readonly at: number
  readonly identity: Identity | undefined
}

interface Identity {
  readonly values: readonly (string | undefined)[]
  readonly uid: number | undefined
}

/**
 * Variables that name the certificate and the trusted CAs; a change takes effect with the next request. `X509_USER_KEY` names
 * neither: a key has to match its certificate.
 */
const TLS_VARIABLES = ['X509_USER_CERT', 'X509_USER_PROXY', 'HOME', ...CA_BUNDLES, CA_FOLDER]

function isSearch({ cert }: TlsRequest): boolean {
  return cert === undefined || cert === true
}

function identityIn({ env, uid }: Environment): Identity {
  return { values: TLS_VARIABLES.map((name) => env[name]), uid }
}

function sameRequest(a: TlsRequest, b: TlsRequest): boolean {
  return (
    a.cert === b.cert &&
    a.passphrase === b.passphrase &&
    a.minTimeLeft === b.minTimeLeft &&
    a.adapter === b.adapter &&
    a.isHttp2 === b.isHttp2 &&
    a.hasAgent === b.hasAgent &&
    a.http2Options === b.http2Options
  )
}

/** Why a certificate of ours cannot be presented with a request; undefined when it can. */
function obstacleFor({ adapter, isHttp2, hasAgent, http2Options }: TlsRequest): string | undefined {
  if (adapter === 'fetch')
    return 'cannot be presented: the fetch adapter has no client certificates. Use the http adapter, or set cert to false'
  if (adapter === 'fetch without undici')
    return 'cannot be presented: fetch of Node.js has client certificates only with the package undici. Run npm install undici@7, or set cert to false'
  if (adapter === 'fetch with a dispatcher')
    return 'is not presented: the request has a dispatcher of its own. Give that one the certificate, or set cert to false'
  if (isHttp2)
    return HTTP2_IDENTITY.some((name) => http2Options?.[name] != null)
      ? 'is not presented: http2Options has a certificate of its own. Leave that out, or set cert to false'
      : undefined
  if (hasAgent)
    return 'is not presented: the request has an httpsAgent of its own. Make that one with createX509Agent, or set cert to false'
  return undefined
}

/** TLS options that name an identity; half of the caller's and half of ours would be a wrong one. */
const HTTP2_IDENTITY = ['cert', 'key', 'pfx', 'secureContext']

/**
 * TLS options for `http2.connect`, with a context in place of the key as PEM text. axios shares a session among requests whose
 * options are deeply equal, which two contexts always are: `identity` tells them apart.
 */
function http2OptionsFinder() {
  let last:
    { readonly key: readonly unknown[]; readonly options: Readonly<Record<string, unknown>> } | undefined

  return (
    credential: X509Credential | undefined,
    cas: TrustedCas | undefined,
    caller: TlsRequest['http2Options'] = {},
  ): Readonly<Record<string, unknown>> => {
    const ca = cas && { ca: cas.ca }
    if (!credential) return ca ?? {}
    // A context ignores these options of the connection, so they have to be part of it.
    const own = Object.fromEntries(
      CONTEXT_OPTIONS.filter((name) => name in caller).map((name) => [name, caller[name]]),
    )
    const key = [credential, cas, own]
    if (last && isDeepStrictEqual(last.key[2], own) && last.key[0] === credential && last.key[1] === cas)
      return last.options
    const pem = credential.pem()
    const secureContext = tls.createSecureContext({ ...ca, ...own, ...pem } as tls.SecureContextOptions)
    const identity = createHash('sha256')
      .update(`${pem.cert}\n${cas?.version ?? ''}`)
      .digest('base64')
    last = { key, options: { secureContext, identity } }
    return last.options
  }
}

const CONTEXT_OPTIONS = [
  'ca',
  'crl',
  'ciphers',
  'ecdhCurve',
  'minVersion',
  'maxVersion',
  'secureOptions',
  'sigalgs',
]

/** The part of follow-redirects' options that Node connects with. */
interface ConnectOptions {
  agents?: { https?: object | undefined } | undefined
  secureContext?: tls.SecureContext | undefined
}

/** Makes follow-redirects continue without the certificate, where it continues by itself because the body is a stream. */
export function dropCertificate(redirect: object, { agent, withoutCertificate }: TlsChoice): void {
  if (!withoutCertificate) return
  const options = redirect as ConnectOptions
  const without = withoutCertificate()
  if (options.agents?.https === agent) {
    options.agents = { ...options.agents, https: without }
    options.secureContext = undefined
  } else if (!(options.agents?.https instanceof https.Agent)) {
    // A tunnel through a network proxy prefers the TLS options of the request to those of its agent.
    options.secureContext = without?.options.secureContext ?? tls.createSecureContext()
  }
}
