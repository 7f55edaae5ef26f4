import { processEnvironment, type Environment } from '../environment'
import { IgwnAuthError, type Reason } from '../errors'
import type { StepUp } from '../formats/www-authenticate'
import { certChoice, FIND_SCITOKEN, FIND_X509, tokenChoice, type ResolvedOptions } from '../options'
import { basicFinder, type FindBasic } from '../schemes/basic'
import { bearerFinder, type FindBearer } from '../schemes/bearer'
import type { Credentials } from '../schemes/credentials'
import { isPromise, type TokenQuery } from '../tokens/token'
import { targetAudience } from '../tokens/target-audience'
import { requirementsOf, type TokenRequirements } from '../tokens/validate-claims'
import { tlsSettings, type TlsChoice, type TlsSettings } from '../x509/tls-settings'
import { adapterKind, isHttp2 } from './adapters'
import type { RequestContext } from './context'
import { insecureTransport, isInsecure, readableOnTheWay } from './insecure-transport'
import type { ObjectTarget } from './object-requests'

/** What differs from `applyIgwnAuth` when `HTTPSciTokenAuth` sends requests. */
export interface AttachBehavior {
  /** Attach nothing before the server asks. */
  readonly waitForChallenge?: boolean
  /** Search for another token when a given one is refused. */
  readonly searchWhenRefused?: boolean
}

/** The credentials that a server refused, and the scopes and the login that its challenge requires. */
export interface Refused {
  readonly credentials: Credentials
  readonly challengeScope: readonly string[]
  readonly stepUp?: StepUp | undefined
}

/** The finders and caches of one instance. */
export interface Attacher {
  /** What is attached to a request; a promise only when a source has to be waited for. */
  readonly attach: (context: RequestContext, refused?: Refused) => Credentials | Promise<Credentials>
  /** What a token for a request has to satisfy. */
  readonly requirementsFor: (
    context: RequestContext,
    refused?: Pick<Refused, 'challengeScope'>,
  ) => TokenRequirements
  readonly close: () => void
}

/**
 * What is attached to a request, in order of precedence:
 *
 * 1. the caller's own `Authorization`, `auth` or userinfo in the URL: nothing is added but the certificate
 * 2. what the request carried at a trusted origin that redirected here
 * 3. a scheme of the options
 * 4. a bearer token
 * 5. username and password from netrc, unless the options name another identity
 *
 * The certificate is independent of these. Nothing secret goes over plain HTTP to another host (DESIGN decision 6), and what
 * the caller named is never sent to another origin than the one it is for.
 */
export function attacher(
  behavior: AttachBehavior = {},
  environment: Environment = processEnvironment,
): Attacher {
  const findBearer = bearerFinder(environment)
  const findBasic = basicFinder(environment)
  const tls = tlsSettings(environment)
  const requirementsFor = requirementsFinder()
  // Most requests of an instance differ in their path only: what was attached last is then attached again.
  let last: Attached | undefined

  return {
    attach: (context, refused) =>
      last && !refused && isSameRequest(last, context) && isCurrent(last)
        ? last.credentials
        : attach(context, refused),
    requirementsFor,
    close: () => {
      last = undefined
      tls.close()
    },
  }

  /** Whether variables and files are as they were. */
  function isCurrent({ url, options, tlsChoice, isSameHeader, switches }: Attached): boolean {
    const { token, cert } = options
    const { env } = environment
    return (
      (token !== undefined || env[FIND_SCITOKEN] === switches[0]) &&
      (cert !== undefined || env[FIND_X509] === switches[1]) &&
      (url.protocol === 'http:' || tls.isCurrent(tlsChoice)) &&
      isSameHeader()
    )
  }

  function attach(context: RequestContext, refused: Refused | undefined): Credentials | Promise<Credentials> {
    // First, so that a certificate that cannot be used is reported before any source is asked.
    const tlsChoice = refused?.credentials.tls ?? tlsFor(context, tls, environment)
    if (context.authenticated || context.withoutCredentials || context.options.forceNoAuth)
      return { tls: tlsChoice, reasons: tlsChoice.reasons }
    const header =
      carriedOver(context, refused) ?? ofScheme(context, refused) ?? ofBearer(context, refused, findBearer)
    return isPromise(header)
      ? header.then((found) => complete(found, context, refused, tlsChoice))
      : complete(header, context, refused, tlsChoice)
  }

  function ofScheme(context: RequestContext, refused: Refused | undefined): Credentials | undefined {
    const { url, options, request } = context
    const { scheme } = options
    if (!scheme) return undefined
    if (options.withholdToken)
      return nothing('disabled', `${scheme.name} is withheld from this request`, scheme.name)
    if (isOtherService(context))
      return nothing('not-needed', forAnotherServer(scheme.name, context), scheme.name)
    if (!scheme.allowOverHttp && !options.allowInsecureHttp && isInsecure(url, request.proxy))
      throw insecureTransport(readableOnTheWay(url, `what ${scheme.name} adds to a request`))
    return { scheme, query: queryOf(requirementsFor(context), refused), reasons: [] }
  }

  function ofBearer(
    context: RequestContext,
    refused: Refused | undefined,
    find: FindBearer,
  ): Credentials | Promise<Credentials> {
    const { url, options, crossOrigin, object } = context
    if (behavior.waitForChallenge && !refused) return { reasons: [] }
    if (options.withholdToken) return nothing('disabled', 'the token is withheld from this request')
    const given = behavior.searchWhenRefused && refused ? undefined : options.token
    const choice = tokenChoice(given, environment.env)
    if (choice.kind === 'never') return nothing('disabled', 'tokens are switched off for this request')
    const isSearch = choice.kind === 'discover'
    const isRequired = isSearch && (choice.required || object?.needsToken === true) && !crossOrigin
    if (object && isSearch && !isRequired)
      return nothing('not-needed', 'the object is public and needs no token')
    if (!options.allowInsecureHttp && isInsecure(url, context.request.proxy)) {
      const message = readableOnTheWay(url, 'a token')
      if (crossOrigin || (isSearch && !isRequired)) return nothing('insecure-transport', message)
      throw insecureTransport(message)
    }
    if (!isSearch && isOtherService(context))
      return nothing('not-needed', forAnotherServer('the given token', context))
    return find(choice, {
      // A source gets the scopes of a challenge apart: it decides whether to request them.
      requirements:
        choice.kind === 'given' ? undefined : requirementsFor(context, isSearch ? refused : undefined),
      challengeScope: refused?.challengeScope,
      stepUp: refused?.stepUp,
      refusedToken: refused?.credentials.token,
      isRequired,
      mustName: crossOrigin ? url : undefined,
      options,
    })
  }

  /** Adds username and password where there is no other header, and what belongs to the certificate. */
  function complete(
    header: Credentials,
    context: RequestContext,
    refused: Refused | undefined,
    tlsChoice: TlsChoice,
  ): Credentials {
    const { options, url, crossOrigin } = context
    const hasHeader = header.authorization !== undefined || header.scheme !== undefined
    // A challenge that asks for a token is not answered with a password.
    const basic =
      hasHeader || refused || options.netrcFallback === false ? header : ofBasic(header, context, findBasic)
    const { authorization, token, found, basic: login, source, scheme, query, isCurrent: isSame } = basic
    const reasons = tlsChoice.reasons.length > 0 ? [...basic.reasons, ...tlsChoice.reasons] : basic.reasons
    // Spelled out: a spread takes three times as long.
    const credentials: Credentials = {
      authorization,
      token,
      found,
      basic: login,
      source,
      scheme,
      query,
      isCurrent: isSame,
      tls: tlsChoice,
      reasons,
      changes: undefined,
      unchangedUrl: undefined,
    }
    if (isSame && hasHeader && !refused && isOfCaller(context))
      last = attachedTo(context, { credentials, tlsChoice, isSameHeader: isSame }, environment)
    if (!options.failIfNoAuth || authorization !== undefined || scheme || tlsChoice.credential)
      return credentials
    // A redirect may lead to a URL that needs no credential, such as a signed one.
    if (crossOrigin) return credentials
    throw new IgwnAuthError(
      'ERR_IGWN_NO_CREDENTIAL',
      `No credential for ${url.origin}, and failIfNoAuth requires one. ${reasons.map(({ message }) => `${message}.`).join(' ')}`,
      { reasons },
    )
  }
}

/** What was attached, and what that depended on; not the request itself, whose body may be large. */
interface Attached extends Outcome, Pick<RequestContext, 'url' | 'options'>, ConnectionOptions {
  readonly adapter: ReturnType<typeof adapterKind>
  readonly switches: readonly [token: string | undefined, cert: string | undefined]
}

interface Outcome {
  readonly credentials: Credentials
  readonly tlsChoice: TlsChoice
  /** Whether the next request would get the same header. */
  readonly isSameHeader: () => boolean
}

function attachedTo(
  { url, options, adapter, request }: RequestContext,
  { credentials, tlsChoice, isSameHeader }: Outcome,
  { env }: Environment,
): Attached {
  const { httpsAgent, http2Options, httpVersion } = request as ConnectionOptions
  return {
    url,
    options,
    // axios copies lists of adapters for each request.
    adapter: adapterKind(adapter),
    httpsAgent,
    http2Options,
    httpVersion,
    credentials,
    tlsChoice,
    isSameHeader,
    switches: [env[FIND_SCITOKEN], env[FIND_X509]],
  }
}

/** Whether a request has the same target, options and connection. */
function isSameRequest(last: Attached, context: RequestContext): boolean {
  const { url, options } = context
  const request = context.request as ConnectionOptions & RequestContext['request']
  return (
    last.url === url &&
    last.options === options &&
    last.adapter === adapterKind(context.adapter) &&
    last.httpsAgent === request.httpsAgent &&
    last.http2Options === request.http2Options &&
    last.httpVersion === request.httpVersion &&
    isOfCaller(context) &&
    (options.allowInsecureHttp === true || !isInsecure(url, request.proxy))
  )
}

interface ConnectionOptions {
  readonly httpsAgent?: unknown
  readonly http2Options?: Readonly<Record<string, unknown>> | undefined
  readonly httpVersion?: unknown
}

/** Whether a request goes where the caller sent it, without a credential of the caller's own. */
function isOfCaller({
  authenticated,
  crossOrigin,
  withoutCredentials,
  carriedOver,
}: RequestContext): boolean {
  return !authenticated && !crossOrigin && !withoutCredentials && !carriedOver
}

/** The header that a redirect between trusted origins keeps; not over plain HTTP, and not after a refusal. */
function carriedOver(
  { carriedOver: carried, url, request, options }: RequestContext,
  refused: Refused | undefined,
): Credentials | undefined {
  if (refused || carried?.authorization === undefined) return undefined
  if (!options.allowInsecureHttp && isInsecure(url, request.proxy)) return undefined
  const { authorization, token, basic, source } = carried
  return { authorization, token, basic, source, reasons: [] }
}

function ofBasic(header: Credentials, context: RequestContext, find: FindBasic): Credentials {
  const { url, options, crossOrigin, request } = context
  if (options.netrc === false) return header
  const found = find(url, {
    netrc: options.netrc,
    // `default` is for hosts that the caller chose; a redirect chooses any (curl's CVE-2024-11053).
    allowDefault: !crossOrigin && !context.object,
    isInsecure: !options.allowInsecureHttp && isInsecure(url, request.proxy),
  })
  const insecure = found.reasons.find(({ code }) => code === 'insecure-transport')
  if (insecure && typeof options.netrc === 'string' && !crossOrigin) throw insecureTransport(insecure.message)
  return { ...found, reasons: [...header.reasons, ...found.reasons] }
}

function tlsFor(context: RequestContext, tls: TlsSettings, { env }: Environment): TlsChoice {
  const { url, request, options } = context
  const withoutCertificate = options.forceNoAuth || context.crossOrigin || context.withoutCredentials
  if (url.protocol !== 'https:') return options.cert && !withoutCertificate ? NO_TLS : NO_TLS_SETTINGS
  const adapter = adapterKind(context.adapter)
  const { httpsAgent, http2Options } = request as ConnectionOptions
  return tls.find({
    cert: withoutCertificate ? false : certChoice(options.cert, env),
    passphrase: options.passphrase,
    minTimeLeft: options.certMinTimeLeft,
    adapter,
    isHttp2: isHttp2(request),
    hasAgent: Boolean(httpsAgent),
    http2Options,
  })
}

const NO_TLS_SETTINGS: TlsChoice = { reasons: [] }

/** Reported where a certificate was named: the request may be meant to use https. */
const NO_TLS: TlsChoice = {
  reasons: [
    {
      code: 'unsupported',
      source: 'cert',
      message:
        'the certificate is not presented: the URL is http:, and certificates are presented over https: only',
    },
  ],
}

/** Whether a request goes elsewhere than what the caller named is for: by a redirect, or because `url` names another host. */
export function isOtherService({ url, options, crossOrigin, object }: RequestContext): boolean {
  if (crossOrigin || options.url === undefined) return crossOrigin
  const service = new URL(options.url)
  return !isSameService(service, url) && service.host !== object?.object.federation.host
}

function forAnotherServer(what: string, { url, crossOrigin }: RequestContext): string {
  const advice = crossOrigin ? '; list both origins in trustedOrigins if they are one service' : ''
  return `${what} is for another server than ${url.host}${advice}`
}

/** Requirements by target; those of the last target are remembered, as most requests go to one server. */
function requirementsFinder(): Attacher['requirementsFor'] {
  let last:
    | { readonly url: URL; readonly options: ResolvedOptions; readonly requirements: TokenRequirements }
    | undefined

  return (context, refused) => {
    const { url, options } = context
    const challengeScope = refused?.challengeScope ?? []
    if (context.object) return forObject(context.object, options, challengeScope)
    const isOther = isOtherService(context)
    if (last?.url === url && last.options === options && !isOther && challengeScope.length === 0)
      return last.requirements
    const requirements = requirementsOf({
      // For another service than the options name, only its own URL counts.
      audience: (isOther ? undefined : options.tokenAudience) ?? targetAudience(serviceUrl(url, options.url)),
      scope: options.tokenScope,
      issuer: options.tokenIssuer,
      minTimeLeft: options.tokenMinTimeLeft,
      challengeScope,
    })
    if (!isOther && challengeScope.length === 0) last = { url, options, requirements }
    return requirements
  }
}

/** What the options require replaces what the director says of the same claim. */
function forObject(
  { requirements }: ObjectTarget,
  { tokenAudience, tokenScope, tokenIssuer, tokenMinTimeLeft }: ResolvedOptions,
  challengeScope: readonly string[],
): TokenRequirements {
  const isReplaced = [tokenAudience, tokenScope, tokenIssuer, tokenMinTimeLeft].some(
    (one) => one !== undefined,
  )
  if (!isReplaced && challengeScope.length === 0) return requirements
  const { object } = requirements
  return requirementsOf({
    audience: tokenAudience,
    scope: tokenScope,
    issuer: tokenIssuer,
    minTimeLeft: tokenMinTimeLeft,
    challengeScope,
    object: {
      ...object,
      audience: tokenAudience === undefined ? object.audience : [],
      scope: tokenScope === undefined ? object.scope : [],
      issuer: tokenIssuer === undefined ? object.issuer : [],
    },
  })
}

/** The query for a scheme: the scopes of a challenge are kept apart. */
function queryOf(requirements: TokenRequirements, refused: Refused | undefined): TokenQuery {
  if (!refused) return requirements
  const { challengeScope, stepUp } = refused
  return { ...requirements, challengeScope, ...(stepUp && { stepUp }), isRetry: true }
}

/** The URL whose audience is required: that of the service, for requests to its host and port only. */
function serviceUrl(url: URL, service: string | undefined): URL {
  const declared = service === undefined ? undefined : new URL(service)
  return declared && isSameService(declared, url) ? declared : url
}

/** The same host and port; `host` of a URL lacks the default port, which is 443 or 80. */
function isSameService(one: URL, other: URL): boolean {
  return one.hostname === other.hostname && portOf(one) === portOf(other)
}

function portOf({ port, protocol }: URL): string {
  return port || (protocol === 'https:' ? '443' : '80')
}

function nothing(code: Reason['code'], message: string, source = 'token'): Credentials {
  return { reasons: [{ code, source, message }] }
}
