import { insecureTransport, isInsecure, readableOnTheWay } from '../../request/insecure-transport'
import type { StoredToken } from '../../stores/token-store'
import type { AuthorizationServer } from './authorization-server'
import { refused } from './failures'
import type { idTokenVerifier } from '../id-token'
import type { ServerMetadata } from '../client'
import { OAuthError } from '../errors'
import { parametersFor, requestToken, type OAuthParameters, type Want } from './token-request'
import { SentSecrets } from './redact-response'

/** What must be kept of a login between its two halves, for one person alone. Plain JSON; secret. */
export interface PendingLogin {
  /** What the answer must bring back (RFC 6749 section 10.12). */
  readonly state: string
  /** Where the person comes back to. */
  readonly redirectUri: string
  /** Of PKCE (RFC 7636). Absent where it is not used. */
  readonly codeVerifier?: string | undefined
  /** Of OpenID Connect. Absent where neither it nor `openid` is asked for. */
  readonly nonce?: string | undefined
}

export interface AuthorizationRequest {
  readonly redirectUri: string
  readonly want: Want
  readonly responseType?: string | undefined
  /** Default is a random one. */
  readonly state?: string | undefined
  /** Default is a random one where the scope has `openid`. */
  readonly nonce?: string | undefined
  /** Default is true. */
  readonly pkce?: boolean | undefined
  readonly params?: OAuthParameters | undefined
  readonly signal?: AbortSignal | undefined
}

/** Begins a login (RFC 6749 section 4.1.1): where to send the person, and what to keep until they come back. */
export async function authorizationRequest(
  server: AuthorizationServer,
  { redirectUri, want, responseType = 'code', pkce = true, params, signal, ...given }: AuthorizationRequest,
): Promise<{ url: string; login: PendingLogin }> {
  return server.ask({ audience: want.audience[0], signal }, async ({ oc, config }) => {
    const login: PendingLogin = {
      state: given.state ?? oc.randomState(),
      redirectUri,
      ...(pkce && responseType.includes('code') && { codeVerifier: oc.randomPKCECodeVerifier() }),
      ...(given.nonce !== undefined || want.scope.includes('openid')
        ? { nonce: given.nonce ?? oc.randomNonce() }
        : {}),
    }
    const { codeVerifier, nonce, state } = login
    const parameters = parametersFor(want, server.client, {
      response_type: responseType,
      redirect_uri: redirectUri,
      state,
      nonce,
      ...(codeVerifier !== undefined && {
        code_challenge: await oc.calculatePKCECodeChallenge(codeVerifier),
        code_challenge_method: 'S256',
      }),
      ...params,
    })
    const url = oc.buildAuthorizationUrl(config, parameters)
    if (!server.client.allowInsecureHttp && isInsecure(url, false))
      throw insecureTransport(readableOnTheWay(url, 'how a person logs in'))
    return { url: url.href, login }
  })
}

/**
 * Ends a login: exchanges the code that the person came back with (RFC 6749 section 4.1.3).
 *
 * It rejects with `ERR_IGWN_OAUTH_STATE` when this is no answer to that login, `ERR_IGWN_OAUTH_REFUSED` when the server or
 * the person said no, and `ERR_IGWN_OAUTH_ID_TOKEN`.
 */
export async function redeemed(
  server: AuthorizationServer,
  verifyIdToken: ReturnType<typeof idTokenVerifier>,
  answer: URLSearchParams,
  login: PendingLogin,
  {
    want,
    params,
    signal,
  }: {
    readonly want: Want
    readonly params?: OAuthParameters | undefined
    readonly signal?: AbortSignal | undefined
  },
): Promise<StoredToken> {
  const metadata = await server.metadata(signal)
  assertAnswerTo(login, answer, metadata, server.name)
  throwIfRefused(server, answer)
  const code = answer.get('code')
  if (!code)
    throw new OAuthError(
      'ERR_IGWN_OAUTH_RESPONSE',
      `${server.name} sent the person back without a code. Begin again; check response_type and response_mode.`,
    )

  const back = new URL(login.redirectUri)
  for (const [name, value] of Object.entries({ code, state: login.state, iss: metadata.issuer }))
    if (value !== undefined) back.searchParams.set(name, value)
  const audience = want.audience[0]
  // openid-client makes it of the callback's URL, which loses its query and may not be as it was registered.
  const amend = (body: URLSearchParams) => {
    body.set('redirect_uri', login.redirectUri)
  }
  const token = await requestToken(server, { audience, signal, amend }, ({ oc, config }) =>
    oc.authorizationCodeGrant(
      config,
      back,
      {
        expectedState: login.state,
        ...(login.codeVerifier !== undefined && { pkceCodeVerifier: login.codeVerifier }),
        ...(login.nonce !== undefined && { expectedNonce: login.nonce }),
      },
      parametersFor({ scope: [], audience: want.audience }, server.client, params),
    ),
  )
  // openid-client leaves the signature to TLS (OpenID Connect Core 1.0 section 3.1.3.7), which allowInsecureHttp may not have.
  if (token.id_token !== undefined && metadata.jwks_uri !== undefined)
    await verifyIdToken(token.id_token, { nonce: login.nonce, accessToken: token.access_token, code, signal })
  return token
}

/** Compares an answer with the login it should be of: state (RFC 6749 section 10.12) and issuer (RFC 9207). */
export function assertAnswerTo(
  { state }: PendingLogin,
  answer: URLSearchParams,
  { issuer, authorization_response_iss_parameter_supported: namesIssuer }: ServerMetadata,
  name: string,
): void {
  const states = answer.getAll('state')
  const iss = answer.get('iss')
  const problem =
    states.length === 0
      ? 'it has no state'
      : states.length > 1 || states[0] !== state
        ? 'its state is that of another login'
        : iss !== null && issuer !== undefined && iss !== issuer
          ? 'it is of another issuer'
          : iss === null && namesIssuer === true
            ? 'it has no iss'
            : undefined
  if (problem === undefined) return
  throw new OAuthError(
    'ERR_IGWN_OAUTH_STATE',
    `This is no answer of ${name} to the login that was begun here: ${problem}. Begin again, and let nobody in by this one: it may be forged.`,
  )
}

/** The refusal that a person was sent back with (RFC 6749 section 4.1.2.1). */
export function throwIfRefused({ name }: AuthorizationServer, answer: URLSearchParams): void {
  const error = answer.get('error')
  if (error === null) return
  const secrets = new SentSecrets()
  secrets.addOf(answer, undefined)
  throw refused(
    {
      error,
      errorDescription: answer.get('error_description') ?? undefined,
      errorUri: answer.get('error_uri') ?? undefined,
    },
    { issuer: name, authentication: 'none' },
    secrets.clean,
  )
}
