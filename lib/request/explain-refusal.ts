import type { AxiosResponse } from 'axios'
import { IgwnAuthError, type Reason } from '../errors'
import { attachedCredentials } from '../explain/attached-credentials'
import { explainRequest, TOKEN_SOURCE } from '../explain/explain-request'
import type { Explanation } from '../explain/explanation'
import type { Refusal } from '../explain/refusal'
import { summaryOf } from '../explain/summary'
import { bearerChallenge } from '../formats/www-authenticate'
import { isTokenSource } from '../options'
import { StaticToken } from '../tokens/static-token'
import { tlsRefusal } from '../x509/tls-refusal'
import { untrustedServer } from '../x509/untrusted-server'
import type { Attacher } from './attach'
import type { Credentials, RequestContext } from './context'
import { urlOf } from './destination'
import { isInsecure } from './insecure-transport'
import { isFromNetworkProxy } from './network-proxy'
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
  if (isFromNetworkProxy(response, context.url, context.request.proxy)) return undefined
  const challenges = response && isRefusal(response) ? challengesOf(response, context.secrets) : undefined
  const bearer = challenges && bearerChallenge(challenges)
  const refusal = challenges
    ? {
        summary: summaryOf({
          status: response?.status ?? 0,
          challenges,
          bearer,
          ofScheme:
            response && credentials.changes
              ? credentials.scheme?.describeRefusal?.(schemeResponse(response), credentials.changes)
              : undefined,
          target: urlOf(context.request) ?? context.url,
          authenticated: context.authenticated,
          credentials,
          secrets: context.secrets,
          notRetried: context.notRetried ?? [],
        }),
        reasons: context.notRetried ?? credentials.reasons,
      }
    : (clientCertificateRefusal(failure, credentials) ??
      serverCertificateRefusal(failure, context, credentials))
  if (!refusal) return undefined
  const refused = { credentials: { reasons: [] }, challengeScope: bearer?.scope ?? [] }
  const explanation = explanationOf(context, attacher, { credentials, refused })
  return Object.defineProperty(refusal, 'explanation', { value: explanation }) as Refusal
}

function clientCertificateRefusal(
  failure: unknown,
  { tls }: Credentials,
): Omit<Refusal, 'explanation'> | undefined {
  const refusal = tlsRefusal(failure, tls?.credential, tls)
  if (!refusal) return undefined
  const { message } = refusal
  return {
    summary: message,
    reasons: [{ code: 'refused', source: 'certificate', message }, ...(tls?.reasons ?? [])],
  }
}

function serverCertificateRefusal(
  failure: unknown,
  { url }: RequestContext,
  { tls }: Credentials,
): Omit<Refusal, 'explanation'> | undefined {
  const message = untrustedServer(failure, url.host, tls)
  if (message === undefined) return undefined
  return {
    summary: message,
    reasons: [{ code: 'not-verified', source: 'certificate of the server', message }],
  }
}

/** The outcome of a search for credentials. */
interface Outcome {
  readonly credentials?: Credentials
  readonly error?: IgwnAuthError
  readonly refused?: Parameters<Attacher['attach']>[1]
  /** A token source was not asked, because it may use the network. */
  readonly isSourceDeferred?: boolean
}

/** Explains the outcome of a search. */
function explanationOf(context: RequestContext, attacher: Attacher, outcome: Outcome): Explanation {
  const { url, request, options, authenticated } = context
  const { credentials = { reasons: [] }, error, refused, isSourceDeferred } = outcome
  const attached = attachedCredentials(credentials)
  return explainRequest({
    target: url,
    url: shownUrl(urlOf(request) ?? url, context),
    options,
    authenticated,
    requirements: attacher.requirementsFor(context, refused),
    isInsecure: !options.allowInsecureHttp && isInsecure(url, request.proxy),
    attached: isSourceDeferred
      ? [{ kind: 'token', source: TOKEN_SOURCE }, ...attached.filter(({ kind }) => kind !== 'basic')]
      : attached,
    reasons: credentials.reasons,
    error,
  })
}

/**
 * Searches as for a request, and explains the outcome; nothing is sent. A token source is asked only with `verify`, because it
 * may use the network.
 */
export async function explainUnsent(context: RequestContext, attacher: Attacher): Promise<Explanation> {
  const { options } = context
  const isSource =
    typeof options.token === 'function' ||
    (isTokenSource(options.token) && !(options.token instanceof StaticToken))
  const isSourceDeferred = isSource && !options.verify
  const searched = isSourceDeferred ? { ...context, options: { ...options, token: false } } : context
  try {
    const credentials = await attacher.attach(searched)
    const reasons = isSourceDeferred ? credentials.reasons.filter(isNotDisabled) : credentials.reasons
    return explanationOf(context, attacher, { credentials: { ...credentials, reasons }, isSourceDeferred })
  } catch (error) {
    if (error instanceof IgwnAuthError) return explanationOf(context, attacher, { error })
    throw error
  }
}

function isNotDisabled({ code }: Reason): boolean {
  return code !== 'disabled'
}
