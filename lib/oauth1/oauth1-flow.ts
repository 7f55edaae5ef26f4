import axios, { type AxiosInstance, type AxiosRequestConfig, type AxiosResponse } from 'axios'
import { applyIgwnAuth, removeIgwnAuth } from '../instance/apply-igwn-auth'
import { checkValues, type Check } from '../check-values'
import { IgwnAuthError } from '../errors'
import { urlWithoutSecrets } from '../events'
import { plainInstance } from '../formats/plain-instance'
import { challengesOf } from '../explain/refusal'
import { kindOf } from '../tokens/token'
import { parted, type ConnectionOptions } from './apply-oauth1'
import { signing } from './oauth1'
import { filledText, signerOf, type OAuth1Options, type Signer } from './oauth1-options'
import { OAuth1Token, type OAuth1TokenPair } from './oauth1-token'
import { noVerifier, parseAuthorizationResponse } from './parse-authorization-response'
import { assertCallbackConfirmed, parseTokenAnswer } from './parse-token-response'
import { describeProblem, problemIn } from './problem'

/** How requests for tokens are signed, how they are connected, and where the user goes. */
export interface OAuth1FlowOptions extends OAuth1Options, ConnectionOptions {
  /**
   * Where the server sends the user back to (`oauth_callback`). Default is `oob`: it shows the user a verifier, or sends them
   * where you registered.
   */
  readonly redirectUri?: string | undefined
  /** The verifier, where it is known already. Default is that of {@link OAuth1Flow.accessToken}. */
  readonly verifier?: string | undefined
  /**
   * An axios instance whose defaults the requests for tokens have, as they are when one is made: proxy, authorities,
   * time-out, adapter. Its interceptors are not asked, and an `Authorization` of its own is left out. Default is axios itself.
   */
  readonly instance?: AxiosInstance | undefined
}

/** What a request for a token may have besides: anything of axios's config, as `timeout`, `params`, `data` or `method`. */
export interface OAuth1StepConfig extends Omit<AxiosRequestConfig, 'url' | 'igwnAuth' | 'igwnRetry'> {
  /** In the place of the `realm` of the flow, for this request. Default is that. */
  readonly realm?: string | undefined
}

/** What the request of the first step may have besides. */
export interface RequestTokenConfig extends OAuth1StepConfig {
  /** In the place of the `redirectUri` of the flow. Default is that. */
  readonly redirectUri?: string | undefined
}

/** What the URL of the second step may have besides. */
export interface AuthorizationUrlOptions {
  /** What else stands in the query, as `{ perms: 'read' }`. Default is nothing. */
  readonly params?: Readonly<Record<string, string>> | undefined
  /** In the place of the token that the flow holds. Default is that. */
  readonly requestToken?: OAuth1TokenPair | undefined
}

/** What the request of the last step has, and may have besides. */
export interface AccessTokenConfig extends OAuth1StepConfig {
  /** What the server showed the user. Default is that of the flow, or of `callbackUrl`. */
  readonly verifier?: string | undefined
  /** The URL to which the server sent the user back, in the place of the verifier. Default is none. */
  readonly callbackUrl?: string | URL | undefined
  /** In the place of the token that the flow holds: where another process, or another user of this one, made the first step. Default is that. */
  readonly requestToken?: OAuth1TokenPair | undefined
}

/** The three steps in which a user lets an application in (RFC 5849 section 2). It holds the token of the step before. */
export interface OAuth1Flow {
  /** The request token, then the access token; undefined before the first step. A secret; printed it shows nothing. */
  get token(): OAuth1Token | undefined
  /** For where another process made the steps before, or to begin anew with undefined. */
  set token(token: OAuth1TokenPair | undefined)
  /**
   * The first step: a request token, by POST unless `method` says otherwise.
   *
   * @throws {@link IgwnAuthError} `ERR_IGWN_OAUTH1_DENIED` when the server answers with a 4xx, `ERR_IGWN_OAUTH1_RESPONSE` when
   *   its answer has no token or does not confirm the callback, `ERR_IGWN_INSECURE_TRANSPORT` for http but to this machine: the answer
   *   holds secrets. Other failures are axios's errors
   */
  requestToken(url: string, config?: RequestTokenConfig): Promise<OAuth1Token>
  /**
   * The second step: the URL to send the user to. What stands in its query stays there.
   *
   * @throws {@link IgwnAuthError} `ERR_IGWN_OAUTH1_REQUEST_TOKEN` when there is no request token, `ERR_IGWN_INVALID_URL` when the URL is none
   */
  authorizationUrl(url: string, options?: AuthorizationUrlOptions): string
  /**
   * The last step: an access token for the request token that the user authorized.
   *
   * @throws {@link IgwnAuthError} `ERR_IGWN_OAUTH1_NO_VERIFIER` when there is no verifier, `ERR_IGWN_OAUTH1_REQUEST_TOKEN` when there is
   *   no request token or the callback is for another, `ERR_IGWN_OAUTH1_DENIED` when the user or the server refused; and as in
   *   the first step
   */
  accessToken(url: string, config?: AccessTokenConfig): Promise<OAuth1Token>
}

/**
 * Gets an access token: `requestToken`, `authorizationUrl`, `accessToken`.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when an option cannot be used
 */
export function oauth1Flow(options: OAuth1FlowOptions): OAuth1Flow {
  const { connection, own } = parted(options)
  const { redirectUri = 'oob', verifier: given, instance = axios, ...signature } = own
  checkValues({ redirectUri, verifier: given, instance }, CHECKS, 'options')
  const signer = signerOf(signature)
  let held = signer.token
  /** An access token is not sent to where request tokens go. */
  let requested = signer.token

  return {
    get token() {
      return held
    },
    set token(token) {
      requested = held = token && tokenOf(token)
    },

    async requestToken(url, { realm, redirectUri: callback = redirectUri, ...config } = {}) {
      requested = undefined
      const step = { ...signer, token: undefined, realm: realm ?? signer.realm }
      const { answer, place } = await ask(url, config, step, { oauth_callback: callback })
      const token = parseTokenAnswer(answer, place)
      assertCallbackConfirmed(token, place)
      requested = held = token
      return token
    },

    authorizationUrl(url, { params = {}, requestToken } = {}) {
      const { token } = expected(requestToken)
      if (!URL.canParse(url))
        throw new IgwnAuthError(
          'ERR_IGWN_INVALID_URL',
          'The authorization URL must be absolute, as https://host.example.org/authorize.',
        )
      const authorization = new URL(url)
      for (const [name, value] of Object.entries({ ...params, oauth_token: token }))
        authorization.searchParams.set(name, value)
      return authorization.href
    },

    async accessToken(url, { realm, verifier: shown = given, callbackUrl, requestToken, ...config } = {}) {
      const token = expected(requestToken)
      const verifier = callbackUrl === undefined ? shown : verifierIn(callbackUrl, token)
      if (!verifier) throw noVerifier('There is no verifier')
      const step = { ...signer, token, realm: realm ?? signer.realm }
      const { answer, place } = await ask(url, config, step, { oauth_verifier: verifier })
      held = parseTokenAnswer(answer, place)
      requested = undefined
      return held
    },
  }

  /** A signed request for a token. The answer holds secrets: it goes not in clear, whatever the signature may. */
  async function ask(
    url: string,
    config: AxiosRequestConfig,
    step: Signer,
    more: Readonly<Record<string, string>>,
  ): Promise<{ answer: string; place: string }> {
    const scheme = { ...signing(step, more), allowOverHttp: false }
    const sibling = applyIgwnAuth(plainInstance(instance), { ...connection, scheme })
    const request = { method: 'post', ...config, ...AS_TEXT, url }
    const place = placeFor(sibling, request)
    try {
      const { data: answer } = await sibling.request<string>(request)
      return { answer, place }
    } catch (error) {
      throw denialOf(error, place)
    } finally {
      removeIgwnAuth(sibling)
    }
  }

  function expected(token: OAuth1TokenPair | undefined = requested): OAuth1Token {
    if (token) return tokenOf(token)
    throw new IgwnAuthError(
      'ERR_IGWN_OAUTH1_REQUEST_TOKEN',
      'There is no request token. Call requestToken first, or give the one that another process got as requestToken.',
    )
  }
}

const CHECKS: Record<
  Exclude<keyof OAuth1FlowOptions, keyof OAuth1Options | keyof ConnectionOptions>,
  Check
> = {
  redirectUri: filledText,
  verifier: filledText,
  instance: (value) =>
    typeof value === 'function' && 'defaults' in value
      ? undefined
      : `must be an axios instance, not ${kindOf(value)}`,
}

function tokenOf(token: OAuth1TokenPair): OAuth1Token {
  return token instanceof OAuth1Token ? token : new OAuth1Token(token)
}

/** The verifier in a callback URL, which must be of the login that was begun here: another's would be taken for this user's. */
function verifierIn(callbackUrl: string | URL, { token }: OAuth1Token): string {
  const { token: authorized, verifier } = parseAuthorizationResponse(callbackUrl)
  if (authorized === token) return verifier
  throw new IgwnAuthError(
    'ERR_IGWN_OAUTH1_REQUEST_TOKEN',
    'The callback URL is for another request token than the one that was sent there. Give as requestToken the one that this user was sent with; where there is none, somebody else may have made the URL (RFC 5849 section 4.13).',
  )
}

/** The answer as it came, and a refusal as an error, whatever the caller's instance has for these. */
const AS_TEXT = {
  responseType: 'text',
  transformResponse: (data: unknown) => data,
  validateStatus: (status: number) => status >= 200 && status < 300,
  igwnAuth: undefined,
} as const satisfies AxiosRequestConfig

/** For messages. What is no URL of http would go out without a signature. */
function placeFor(instance: AxiosInstance, request: AxiosRequestConfig): string {
  const url = instance.getUri(request)
  if (/^https?:/i.test(url) && URL.canParse(url)) return urlWithoutSecrets(new URL(url))
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_URL',
    'The URL for the token must be absolute, as https://host.example.org/token, or the instance must have a baseURL.',
  )
}

/** A refusal of the server, said so; what it says may repeat what was sent, and is there for code and not for printing. */
function denialOf(error: unknown, place: string): unknown {
  if (!axios.isAxiosError(error) || !error.response) return error
  const { response } = error
  Object.defineProperty(error, 'response', { enumerable: false })
  const { status } = response
  // Those are said to whoever comes too often, or too slowly.
  if (status < 400 || status >= 500 || status === 408 || status === 429) return error
  const problem = describeProblem(problemOf(response))
  return new IgwnAuthError(
    'ERR_IGWN_OAUTH1_DENIED',
    `${place} refused with ${status}${problem === undefined ? '' : `: ${problem}`}. What it said is in error.cause.response.data.`,
    { cause: error },
  )
}

/** `oauth_problem`, in `WWW-Authenticate` or in a form. */
function problemOf(response: AxiosResponse): string | null {
  const inForm = () => new URLSearchParams(String(response.data)).get('oauth_problem')
  return problemIn(challengesOf(response)) ?? inForm()
}
