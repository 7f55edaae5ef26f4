import axios, { AxiosHeaders, type AxiosInstance, type AxiosResponse } from 'axios'
import { install, removeIgwnAuth } from './apply-igwn-auth'
import { isClearText } from '../request/insecure-transport'
import { IgwnAuthError } from '../errors'
import { exchange } from '../request/exchange'
import { findSciToken } from '../tokens/find-sci-token'
import { challengeOf } from '../request/retry-after-401'
import { canResend, discard } from '../request/resend'
import type { SciToken } from '../tokens/scitoken'
import { staticToken } from '../tokens/static-token'
import { targetAudience } from '../tokens/target-audience'
import { tokenAuthorizationHeader, tokenText, type Token } from '../tokens/token'

/** What {@link HTTPSciTokenAuth} is made with: the arguments of that of `requests_scitokens`. */
export interface HTTPSciTokenAuthOptions {
  /** The token to send. Absent: searched for when a server asks for one. `true`: searched for before each request, as `force`. */
  readonly token?: Token | true | undefined
  /** The audience a searched token must be for, or several of which one will do. Default is that of the URL. */
  readonly audience?: string | readonly string[] | undefined
  /** Search before each request and send nothing without a token, in place of waiting for a challenge. Default is false. */
  readonly force?: boolean | undefined
}

/**
 * Bearer authorization by SciToken as an object of its own, for those who come from `requests_scitokens`: a token given is
 * sent at once, and without one a server's 401 with a Bearer challenge is answered with one found on this machine.
 * {@link applyIgwnAuth} does more; this is for servers that do challenge.
 *
 * @see RFC 6750 section 3; requests_scitokens.HTTPSciTokenAuth
 */
export class HTTPSciTokenAuth {
  readonly #token: string | undefined
  /** The audience that a searched token must be for, as it was given; undefined for that of each URL. */
  readonly audience: string | readonly string[] | undefined
  /** Whether a token is searched for before each request and nothing sent without one; false waits for a challenge. */
  readonly force: boolean

  /** @throws {@link IgwnAuthError} `ERR_IGWN_TOKEN_MALFORMED` when the token could not be sent */
  constructor({ token, audience, force = false }: HTTPSciTokenAuthOptions = {}) {
    this.#token = token === undefined || token === true ? undefined : tokenText(token, 'the token option')
    this.audience = audience
    this.force = force || token === true
  }

  /** The token that was given; a secret. */
  get token(): string | undefined {
    return this.#token
  }

  /** Installs this on an axios instance, in place of what `applyIgwnAuth` installed there, and returns the instance. */
  apply<Instance extends AxiosInstance>(instance: Instance): Instance {
    const given = !this.force && this.#token !== undefined ? this.#token : undefined
    const options = {
      token: given ?? (this.force || undefined),
      tokenAudience: this.audience,
      cert: false,
      netrc: false,
    } as const
    const waitForChallenge = given === undefined && !this.force
    return install(instance, exchange(options, { waitForChallenge, searchWhenRefused: true }))
  }

  /**
   * Finds a token for a URL on this machine.
   *
   * @param options - `error`: throw when there is none. Default is true; with false the answer is undefined then
   * @throws {@link IgwnAuthError} `ERR_IGWN_TOKEN_NOT_FOUND`
   */
  async findToken(url?: string, { error = true }: { error?: boolean } = {}): Promise<SciToken | undefined> {
    const audience = this.audience ?? (url === undefined ? undefined : targetAudience(url))
    try {
      return await findSciToken({ audience })
    } catch (failure) {
      if (error || !(failure instanceof IgwnAuthError) || failure.code !== 'ERR_IGWN_TOKEN_NOT_FOUND')
        throw failure
      return undefined
    }
  }

  /**
   * The value for `Authorization`: of the token that was given; else, or in answer to a response, of one found for its URL.
   * Undefined when there is none. A secret.
   */
  async generateBearerHeader(response?: AxiosResponse): Promise<string | undefined> {
    if (this.#token !== undefined && !response) return tokenAuthorizationHeader(this.#token)
    const token = await this.findToken(response && axios.getUri(response.config), { error: false })
    return token && tokenAuthorizationHeader(token)
  }

  /**
   * Sends the request of a response once more, with a token. Gives the response back as it is when there is no token, or
   * only the one that was sent; when the body cannot be sent again; and when it would cross a clear-text connection.
   */
  async authenticateBearer(response: AxiosResponse): Promise<AxiosResponse> {
    const { config } = response
    const url = axios.getUri(config)
    if (!canResend(config) || isSettled(response, url)) return response
    const header = await this.generateBearerHeader(response)
    if (header === undefined || header === sentWith(response)) return response
    discard(response)

    const headers = Object.assign(new AxiosHeaders(), config.headers)
    headers.delete('Authorization')
    const token = staticToken(header.slice('Bearer '.length))
    const options = { token, cert: false, netrc: false } as const
    const bare = install(new axios.Axios({}) as AxiosInstance, exchange(options))
    try {
      return await bare.request({
        ...config,
        headers,
        igwnAuth: undefined,
        // Done already; a second time would wrap the body twice.
        transformRequest: [],
        // The answer is a response whatever it says, as the one that is answered.
        validateStatus: null,
      })
    } finally {
      removeIgwnAuth(bare)
    }
  }

  /** Answers a 401 that has a Bearer challenge; gives any other response back. */
  async handle401(response: AxiosResponse): Promise<AxiosResponse> {
    return challengeOf(response) ? this.authenticateBearer(response) : response
  }

  /** Answers a response that is a 401, once; gives any other back. */
  async handleResponse(response: AxiosResponse): Promise<AxiosResponse> {
    return response.status === 401 ? this.handle401(response) : response
  }

  /** Whether another one has the same token, audience and force. */
  equals(other: unknown): boolean {
    return (
      other instanceof HTTPSciTokenAuth &&
      other.#token === this.#token &&
      other.force === this.force &&
      JSON.stringify(other.audience) === JSON.stringify(this.audience)
    )
  }
}

/** Whether no token of ours belongs on a second send: the caller logs in, a redirect was followed, or it would go in clear. */
function isSettled(response: AxiosResponse, url: string): boolean {
  const { auth, proxy } = response.config
  const { username, password } = new URL(url)
  // After a redirect nobody can say which part of the request was meant for where it ended.
  return (
    Boolean(auth) ||
    username !== '' ||
    password !== '' ||
    isRedirected(response) ||
    isClearText(new URL(url), proxy)
  )
}

/** Whether the response comes from elsewhere than the request was made for, where the adapter tells. */
function isRedirected({ config, request }: AxiosResponse): boolean {
  const { res } = (request ?? {}) as { res?: { responseUrl?: string } }
  return (
    res?.responseUrl !== undefined && new URL(res.responseUrl).href !== new URL(axios.getUri(config)).href
  )
}

/** What a request had for `Authorization`, where the adapter tells. */
function sentWith({ config, request }: AxiosResponse): unknown {
  const { getHeader } = (request ?? {}) as { getHeader?: (name: string) => unknown }
  return getHeader ? getHeader.call(request, 'authorization') : config.headers.get('Authorization')
}
