import type { AxiosResponse } from 'axios'
import { IgwnAuthError } from '../errors'
import { attachedCredentials } from '../explain/attached-credentials'
import { askedTokenFindings, explainRequest, TOKEN_SOURCE } from '../explain/explain-request'
import type { Finding } from '../explain/finding'
import type { Explanation } from '../explain/explanation'
import type { Refusal } from '../explain/refusal'
import type { RefusalCause } from '../explain/refusal-fixes'
import { summaryOf } from '../explain/summary'
import { bearerChallenge } from '../formats/www-authenticate'
import { processEnvironment } from '../environment'
import { tokenChoice } from '../options'
import type { Credentials } from '../schemes/credentials'
import { SciToken } from '../tokens/scitoken'
import {
  tokenLifetime,
  transferTime,
  type ExpectedTransfer,
  type TokenLifetime,
} from '../tokens/token-lifetime'
import type { TokenRequirements } from '../tokens/validate-claims'
import { tlsRefusal } from '../x509/tls-refusal'
import { untrustedServer } from '../x509/untrusted-server'
import type { Attacher } from './attach'
import type { RequestContext } from './context'
import { requestUrl } from './destination'
import { isInsecure } from './insecure-transport'
import { isFromNetworkProxy, usesProxy } from './network-proxy'
import { shownUrl } from './request-events'
import { challengesOf, schemeResponse } from './retry-after-401'

type Response = Pick<AxiosResponse, 'status' | 'headers' | 'request'>

/** Whether a response is a refusal: 401, and 403, which XRootD sends for everything. */
export function isRefusal(response: Pick<AxiosResponse, 'status'> | undefined): boolean {
  return response?.status === 401 || response?.status === 403
}

/** What is known of a refusal, or of a TLS handshake that either side ended; undefined for other failures. */
export function refusalOf(
  context: RequestContext,
  credentials: Credentials,
  response: Response | undefined,
  failure: unknown,
  attacher: Attacher,
): Refusal | undefined {
  const found =
    response && isOfNetworkProxy(response, context)
      ? networkProxyRefusal(response.status, context)
      : response && isRefusal(response)
        ? (clientCertificateRefusal({ response }, credentials) ??
          challengeRefusal(response, context, credentials))
        : (clientCertificateRefusal(failure, credentials) ??
          serverCertificateRefusal(failure, context, credentials))
  if (!found) return undefined
  const { cause, summary, reasons, challengeScope = [] } = found
  const explanation = explanationOf(context, attacher, { credentials, refused: { challengeScope }, cause })
  return Object.defineProperty({ summary, reasons }, 'explanation', { value: explanation }) as Refusal
}

/** A refusal before it is explained. */
interface FoundRefusal extends Omit<Refusal, 'explanation'> {
  readonly cause: RefusalCause
  readonly challengeScope?: readonly string[]
}

function challengeRefusal(
  response: Response,
  context: RequestContext,
  credentials: Credentials,
): FoundRefusal {
  const challenges = challengesOf(response, context.secrets)
  const bearer = bearerChallenge(challenges)
  const summary = summaryOf({
    status: response.status,
    challenges,
    bearer,
    ofScheme:
      credentials.changes &&
      credentials.scheme?.describeRefusal?.(schemeResponse(response), credentials.changes),
    target: targetOf(context),
    authenticated: context.authenticated,
    credentials,
    secrets: context.secrets,
    notRetried: context.notRetried ?? [],
  })
  const reasons = context.notRetried ?? credentials.reasons
  return { cause: challenges, summary, reasons, challengeScope: bearer?.scope ?? [] }
}

/** A proxy answers itself before it makes a tunnel, and for plain HTTP with a status that only proxies have. */
function isOfNetworkProxy(response: Response, { url, request: { proxy } }: RequestContext): boolean {
  return (
    isFromNetworkProxy(response, url, proxy) ||
    (response.status === PROXY_AUTHENTICATION && usesProxy(url, proxy))
  )
}

/** 407 (RFC 9110 section 15.5.8). */
const PROXY_AUTHENTICATION = 407

function networkProxyRefusal(status: number, { url }: RequestContext): FoundRefusal | undefined {
  if (!isRefusal({ status }) && status !== PROXY_AUTHENTICATION) return undefined
  const summary = `the network proxy answered with ${status}; the request did not reach ${url.host}`
  const reason = { code: 'refused', source: 'the network proxy', message: summary } as const
  return { cause: 'network-proxy', summary, reasons: [reason] }
}

function clientCertificateRefusal(failure: unknown, { tls }: Credentials): FoundRefusal | undefined {
  const refusal = tlsRefusal(failure, tls?.credential, tls)
  if (!refusal) return undefined
  const { message } = refusal
  return {
    cause: 'client-certificate',
    summary: message,
    reasons: [{ code: 'refused', source: 'certificate', message }, ...(tls?.reasons ?? [])],
  }
}

function serverCertificateRefusal(
  failure: unknown,
  { url }: RequestContext,
  { tls }: Credentials,
): FoundRefusal | undefined {
  const message = untrustedServer(failure, url.host, tls)
  if (message === undefined) return undefined
  return {
    cause: 'server-certificate',
    summary: message,
    reasons: [{ code: 'not-verified', source: 'certificate of the server', message }],
  }
}

/** The target, with the path that scopes are compared with. */
function targetOf(context: RequestContext): URL {
  const { object, url } = context
  return object ? new URL(object.scopePath, url) : requestUrl(context)
}

/** The outcome of a search for credentials. */
interface Outcome {
  readonly credentials?: Credentials
  readonly error?: IgwnAuthError
  readonly refused?: Parameters<Attacher['requirementsFor']>[1]
  readonly cause?: RefusalCause
  /** The token comes from a source. */
  readonly isOfSource?: boolean
  /** What the token has to last for. */
  readonly transfer?: ExpectedTransfer | undefined
  readonly tokens?: readonly Finding[] | undefined
}

/** Explains the outcome of a search. */
function explanationOf(context: RequestContext, attacher: Attacher, outcome: Outcome): Explanation {
  const { url, request, options, authenticated } = context
  const { credentials = { reasons: [] }, error, refused, cause, transfer } = outcome
  const requirements = attacher.requirementsFor(context, refused)
  return explainRequest({
    target: url,
    url: context.object?.object.url ?? shownUrl(requestUrl(context), context),
    object: context.object?.object,
    options,
    authenticated,
    tokens: outcome.tokens,
    requirements,
    isInsecure: !options.allowInsecureHttp && isInsecure(url, request.proxy),
    attached: attachedCredentials(credentials),
    reasons: credentials.reasons,
    refusal: cause,
    error,
    lifetime: transfer && !error ? lifetimeFor(transfer, outcome, requirements) : undefined,
  })
}

/** Undefined where no token would be sent. */
function lifetimeFor(
  transfer: ExpectedTransfer,
  { credentials, isOfSource }: Outcome,
  requirements: TokenRequirements,
): TokenLifetime | undefined {
  const { token, found, source = TOKEN_SOURCE } = credentials ?? {}
  if (token === undefined) return undefined
  return tokenLifetime(
    {
      token: found ?? SciToken.read(token, source),
      source,
      isOfSource,
      expected: transferTime(transfer),
      requirements,
    },
    processEnvironment,
  )
}

/**
 * Searches as for a request, and explains the outcome; nothing is sent. A token source is asked only with `verify`, because it
 * may use the network.
 */
export async function explainUnsent(
  context: RequestContext,
  attacher: Attacher,
  { problem, transfer }: { problem?: IgwnAuthError | undefined; transfer?: ExpectedTransfer | undefined },
): Promise<Explanation> {
  const { options } = context
  const tokens = await askedTokenFindings({ options, requirements: attacher.requirementsFor(context) })
  if (problem) return explanationOf(context, attacher, { error: problem, tokens })
  // Without the option it is none, whatever the environment says.
  const isSource =
    options.token !== undefined && tokenChoice(options.token, processEnvironment.env).kind === 'source'
  // With a token in place of that of the source, every rule about what is attached applies.
  const searched =
    isSource && !options.verify ? { ...context, options: { ...options, token: () => NOT_ASKED } } : context
  try {
    const credentials = await attacher.attach(searched)
    return explanationOf(context, attacher, { credentials, isOfSource: isSource, transfer, tokens })
  } catch (error) {
    if (error instanceof IgwnAuthError) return explanationOf(context, attacher, { error, tokens })
    throw error
  }
}

/** The text of the token that a source would return. */
const NOT_ASKED = 'not-asked'
