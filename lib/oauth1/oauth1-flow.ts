import axios, { type AxiosInstance, type AxiosRequestConfig, type AxiosResponse } from 'axios'
import { axiosInstance, checkValues, nonEmptyText, type Check } from '../check-values'
import { IgwnAuthError } from '../errors'
import { urlWithoutSecrets } from '../events'
import { challengesOf } from '../request/retry-after-401'
import { plainInstance } from '../formats/plain-instance'
import { applyIgwnAuth, removeIgwnAuth } from '../instance/apply-igwn-auth'
import { splitOptions, type ConnectionOptions } from './apply-oauth1'
import { signingScheme } from './oauth1'
import { signerOf, type OAuth1Options, type Signer } from './oauth1-options'
import { OAuth1Token, type OAuth1TokenPair } from './oauth1-token'
import {
  assertCallbackConfirmed,
  noVerifier,
  parseAuthorizationResponse,
  parseTokenResponse,
} from './parse-response'
import { describeProblem, problemIn } from './problem'

/** How token requests are signed and sent, and where the user is redirected to. */
export interface OAuth1FlowOptions extends OAuth1Options, ConnectionOptions {
  /**
   * Where the server redirects the user to (`oauth_callback`). Default: `oob`; the server shows the user a verifier, or redirects
   * to the registered URL.
   */
  readonly redirectUri?: string | undefined
  /** The verifier, when it is known already. Default: the one passed to {@link OAuth1Flow.accessToken}. */
  readonly verifier?: string | undefined
  /**
   * An axios instance whose defaults are used for token requests: proxy, agents, `timeout`, adapter, headers. They are read at
   * each request. Its interceptors and its `Authorization` header are not used. Default: axios itself.
   */
  readonly instance?: AxiosInstance | undefined
}

/** Request config of a token request: any axios config, such as `timeout`, `params`, `data` or `method`. */
export interface OAuth1StepConfig extends Omit<AxiosRequestConfig, 'url' | 'igwnAuth' | 'igwnRetry'> {
  /** Overrides the `realm` of the flow. Default: that of the flow. */
  readonly realm?: string | undefined
}

/** Request config of the first step. */
export interface RequestTokenConfig extends OAuth1StepConfig {
  /** Overrides the `redirectUri` of the flow. Default: that of the flow. */
  readonly redirectUri?: string | undefined
}

/** Options of the second step. */
export interface AuthorizationUrlOptions {
  /** More query parameters, such as `{ perms: 'read' }`. Default: none. */
  readonly params?: Readonly<Record<string, string>> | undefined
  /** Overrides the request token that the flow holds. Default: that one. */
  readonly requestToken?: OAuth1TokenPair | undefined
}

/** Request config of the last step. */
export interface AccessTokenConfig extends OAuth1StepConfig {
  /** The verifier that the server showed the user. Default: that of the flow, or of `callbackUrl`. */
  readonly verifier?: string | undefined
  /** The URL to which the server redirected the user; the verifier is read from it. Default: none. */
  readonly callbackUrl?: string | URL | undefined
  /** Overrides the request token that the flow holds, for a first step in another process or for another user. Default: that one. */
  readonly requestToken?: OAuth1TokenPair | undefined
}

/** The three steps in which a user authorizes an application (RFC 5849 section 2). Holds the token of the last step. */
export interface OAuth1Flow {
  /** The request token, then the access token; undefined before the first step. Secret; printing it shows no value. */
  get token(): OAuth1Token | undefined
  /** Set it to continue with a token of another process, or to undefined to start again. */
  set token(token: OAuth1TokenPair | undefined)
  /**
   * First step: obtains a request token. Sends a POST request unless `method` is set.
   *
   * @throws {@link IgwnAuthError} `ERR_IGWN_OAUTH1_DENIED` for a 4xx response, `ERR_IGWN_OAUTH1_RESPONSE` when the response has no
   *   token or does not confirm the callback, `ERR_IGWN_INSECURE_TRANSPORT` for plain HTTP to another host than loopback: the
   *   response contains secrets. Other failures are axios errors
   */
  requestToken(url: string, config?: RequestTokenConfig): Promise<OAuth1Token>
  /**
   * Second step: the URL to redirect the user to. An existing query is kept.
   *
   * @throws {@link IgwnAuthError} `ERR_IGWN_OAUTH1_REQUEST_TOKEN` without a request token, `ERR_IGWN_INVALID_URL` for an invalid URL
   */
  authorizationUrl(url: string, options?: AuthorizationUrlOptions): string
  /**
   * Last step: exchanges the authorized request token for an access token.
   *
   * @throws {@link IgwnAuthError} `ERR_IGWN_OAUTH1_NO_VERIFIER` without a verifier, `ERR_IGWN_OAUTH1_REQUEST_TOKEN` without a
   *   request token or when the callback is for another one, `ERR_IGWN_OAUTH1_DENIED` when the user or the server refused; and
   *   the errors of the first step
   */
  accessToken(url: string, config?: AccessTokenConfig): Promise<OAuth1Token>
}

/**
 * Obtains an access token in three steps: `requestToken`, `authorizationUrl`, `accessToken`.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid option
 */
export function oauth1Flow(options: OAuth1FlowOptions): OAuth1Flow {
  const { connection, own } = splitOptions(options)
  const { redirectUri = 'oob', verifier: knownVerifier, instance = axios, ...signature } = own
  checkValues({ redirectUri, verifier: knownVerifier, instance }, CHECKS, 'options')
  const signer = signerOf(signature)
  let held = signer.token
  /** Kept apart from `held`: an access token must not be sent where a request token belongs. */
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
      const { body, endpoint } = await send(url, config, step, { oauth_callback: callback })
      const token = parseTokenResponse(body, endpoint)
      assertCallbackConfirmed(token, endpoint)
      requested = held = token
      return token
    },

    authorizationUrl(url, { params = {}, requestToken } = {}) {
      const { token } = requestTokenOr(requestToken)
      if (!URL.canParse(url))
        throw new IgwnAuthError(
          'ERR_IGWN_INVALID_URL',
          'The authorization URL must be absolute, such as https://host.example.org/authorize.',
        )
      const authorization = new URL(url)
      for (const [name, value] of Object.entries({ ...params, oauth_token: token }))
        authorization.searchParams.set(name, value)
      return authorization.href
    },

    async accessToken(
      url,
      { realm, verifier: passedVerifier = knownVerifier, callbackUrl, requestToken, ...config } = {},
    ) {
      const token = requestTokenOr(requestToken)
      const verifier = callbackUrl === undefined ? passedVerifier : verifierIn(callbackUrl, token)
      if (!verifier) throw noVerifier('There is no verifier')
      const step = { ...signer, token, realm: realm ?? signer.realm }
      const { body, endpoint } = await send(url, config, step, { oauth_verifier: verifier })
      held = parseTokenResponse(body, endpoint)
      requested = undefined
      return held
    },
  }

  /** Sends a signed token request. Never over plain HTTP, whatever the signature method allows: the response contains secrets. */
  async function send(
    url: string,
    config: AxiosRequestConfig,
    step: Signer,
    extra: Readonly<Record<string, string>>,
  ): Promise<{ body: string; endpoint: string }> {
    const scheme = { ...signingScheme(step, extra), allowOverHttp: false }
    const plain = applyIgwnAuth(plainInstance(instance), { ...connection, scheme })
    const request = { method: 'post', ...config, ...AS_TEXT, url }
    const endpoint = endpointName(plain, request)
    try {
      const { data: body } = await plain.request<string>(request)
      return { body, endpoint }
    } catch (error) {
      throw denialOf(error, endpoint)
    } finally {
      removeIgwnAuth(plain)
    }
  }

  function requestTokenOr(token: OAuth1TokenPair | undefined = requested): OAuth1Token {
    if (token) return tokenOf(token)
    throw new IgwnAuthError(
      'ERR_IGWN_OAUTH1_REQUEST_TOKEN',
      'There is no request token. Call requestToken() first, or pass the one of another process as requestToken.',
    )
  }
}

const CHECKS: Record<
  Exclude<keyof OAuth1FlowOptions, keyof OAuth1Options | keyof ConnectionOptions>,
  Check
> = { redirectUri: nonEmptyText, verifier: nonEmptyText, instance: axiosInstance }

function tokenOf(token: OAuth1TokenPair): OAuth1Token {
  return token instanceof OAuth1Token ? token : new OAuth1Token(token)
}

/** The verifier in a callback URL. The URL must be for this request token: another user's login must not be accepted. */
function verifierIn(callbackUrl: string | URL, { token }: OAuth1Token): string {
  const { token: authorized, verifier } = parseAuthorizationResponse(callbackUrl)
  if (authorized === token) return verifier
  throw new IgwnAuthError(
    'ERR_IGWN_OAUTH1_REQUEST_TOKEN',
    'The callback URL is for another request token. Pass the one of this user as requestToken. If there is none, do not accept the callback: it may be forged (RFC 5849 section 4.13).',
  )
}

/** The raw response, and an error for any status but 2xx, whatever the defaults of the instance are. */
const AS_TEXT = {
  responseType: 'text',
  transformResponse: (data: unknown) => data,
  validateStatus: (status: number) => status >= 200 && status < 300,
  igwnAuth: undefined,
} as const satisfies AxiosRequestConfig

/** The URL for messages. A request to any other scheme than http(s) would be sent unsigned. */
function endpointName(instance: AxiosInstance, request: AxiosRequestConfig): string {
  const url = instance.getUri(request)
  if (/^https?:/i.test(url) && URL.canParse(url)) return urlWithoutSecrets(new URL(url))
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_URL',
    'The token URL must be absolute, such as https://host.example.org/token, or the instance must have a baseURL.',
  )
}

/** Turns a refusal into an error that names the problem. The response may repeat secrets, so it is not printed. */
function denialOf(error: unknown, endpoint: string): unknown {
  if (!axios.isAxiosError(error) || !error.response) return error
  const { response } = error
  Object.defineProperty(error, 'response', { enumerable: false })
  const { status } = response
  // 408 and 429 are temporary.
  if (status < 400 || status >= 500 || status === 408 || status === 429) return error
  const problem = describeProblem(problemOf(response))
  return new IgwnAuthError(
    'ERR_IGWN_OAUTH1_DENIED',
    `${endpoint} refused the request (status ${status})${problem === undefined ? '' : `: ${problem}`}. The response is in error.cause.response.data.`,
    { cause: error },
  )
}

/** `oauth_problem` in `WWW-Authenticate` or in a form; `error` in a form, as Authlib's server sends it. */
function problemOf(response: AxiosResponse): string | null {
  const form = new URLSearchParams(String(response.data))
  return problemIn(challengesOf(response)) ?? form.get('oauth_problem') ?? form.get('error')
}
