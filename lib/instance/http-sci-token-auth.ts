import { ownProperties } from '../check-values'
import axios, { AxiosHeaders, type AxiosInstance, type AxiosResponse } from 'axios'
import { IgwnAuthError } from '../errors'
import { bearerChallenge } from '../formats/www-authenticate'
import { newInstance } from '../formats/plain-instance'
import { mergeOptions, resolveOptions } from '../options'
import { exchange } from '../request/exchange'
import { isInsecure } from '../request/insecure-transport'
import { canResend, discard } from '../request/resend'
import { challengesOf } from '../request/retry-after-401'
import { findSciToken } from '../tokens/find-sci-token'
import type { SciToken } from '../tokens/scitoken'
import { staticToken } from '../tokens/static-token'
import { targetAudience } from '../tokens/target-audience'
import { tokenAuthorizationHeader, tokenText, type Token } from '../tokens/token'
import { applyIgwnAuth, removeIgwnAuth } from './apply-igwn-auth'
import { install } from './install'

/** Arguments of {@link HTTPSciTokenAuth}, as in `requests_scitokens`. */
export interface HTTPSciTokenAuthOptions {
  /**
   * The token to send. Absent: searched for when a server requests one. `true`: searched for before each request, as with `force`.
   */
  readonly token?: Token | true | undefined
  /** The required audience of a searched token; any one of several matches. Default is that of the URL. */
  readonly audience?: string | readonly string[] | undefined
  /** Search before each request, and send nothing without a token, instead of waiting for a challenge. Default is false. */
  readonly force?: boolean | undefined
}

/**
 * Bearer authorization with SciTokens as an object, for code that comes from `requests_scitokens`: a given token is sent at once;
 * without one, a 401 with a Bearer challenge is retried with a token found on this host. {@link applyIgwnAuth} does more; this is
 * for servers that send challenges.
 *
 * @see RFC 6750 section 3; requests_scitokens.HTTPSciTokenAuth
 */
export class HTTPSciTokenAuth {
  readonly #token: string | undefined
  /** The required audience of a searched token, as it was given; undefined for that of each URL. */
  readonly audience: string | readonly string[] | undefined
  /** Whether a token is searched for before each request and required; false waits for a challenge. */
  readonly force: boolean

  /** @throws {@link IgwnAuthError} `ERR_IGWN_TOKEN_MALFORMED` when the token cannot be sent in a header */
  constructor(options: HTTPSciTokenAuthOptions = {}) {
    const { token, audience, force = false } = ownProperties(options)
    this.#token = token === undefined || token === true ? undefined : tokenText(token, 'the token option')
    this.audience = audience
    this.force = force || token === true
  }

  /** The given token. Secret. */
  get token(): string | undefined {
    return this.#token
  }

  /** Installs this on an axios instance, replacing what `applyIgwnAuth` installed there, and returns the instance. */
  apply<Instance extends AxiosInstance>(instance: Instance): Instance {
    const given = this.force ? undefined : this.#token
    const token = given ?? (this.force || undefined)
    const options = resolveOptions(
      {
        ...(token !== undefined && { token }),
        ...(this.audience !== undefined && { tokenAudience: this.audience }),
        cert: false,
        netrc: false,
      },
      'options',
    )
    const waitForChallenge = given === undefined && !this.force
    install(instance, {
      exchange: exchange(mergeOptions({}, options), { waitForChallenge, searchWhenRefused: true }),
    })
    return instance
  }

  /**
   * Finds a token for a URL on this host.
   *
   * @param options - `error`: throw when there is none. Default is true; with false the result is undefined then
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
   * The value of `Authorization`: of the given token; else, or for the retry of a response, of one found for its URL. Undefined
   * when there is none. Secret.
   */
  async generateBearerHeader(response?: AxiosResponse): Promise<string | undefined> {
    if (this.#token !== undefined && !response) return tokenAuthorizationHeader(this.#token)
    const token = await this.findToken(response && axios.getUri(response.config), { error: false })
    return token && tokenAuthorizationHeader(token)
  }

  /**
   * Sends the request of a response again with a token. Returns the response unchanged when there is no token or only the one that
   * was sent, when the body cannot be sent again, after a redirect, and over plain HTTP.
   */
  async authenticateBearer(response: AxiosResponse): Promise<AxiosResponse> {
    const { config } = response
    const url = axios.getUri(config)
    if (!canResend(config.data) || hasOtherCredentials(response, new URL(url))) return response
    const header = await this.generateBearerHeader(response)
    if (header === undefined || header === authorizationOf(response)) return response
    discard(response)

    const headers = Object.assign(new AxiosHeaders(), config.headers)
    headers.delete('Authorization')
    const token = staticToken(header.slice('Bearer '.length))
    const instance = applyIgwnAuth(newInstance(), { token, cert: false, netrc: false })
    try {
      return await instance.request({
        ...config,
        headers,
        igwnAuth: undefined,
        // The body is transformed already.
        transformRequest: [],
        // The result is a response whatever its status, as the one before it.
        validateStatus: null,
      })
    } finally {
      removeIgwnAuth(instance)
    }
  }

  /** Retries a 401 with a Bearer challenge; returns any other response unchanged. */
  async handle401(response: AxiosResponse): Promise<AxiosResponse> {
    return response.status === 401 && bearerChallenge(challengesOf(response))
      ? this.authenticateBearer(response)
      : response
  }

  /** Retries a 401 once; returns any other response unchanged. */
  async handleResponse(response: AxiosResponse): Promise<AxiosResponse> {
    return this.handle401(response)
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

/** Whether a token must not be added: the caller authenticates, a redirect was followed, or others could read it. */
function hasOtherCredentials(response: AxiosResponse, url: URL): boolean {
  const { auth, proxy } = response.config
  return (
    Boolean(auth) ||
    url.username !== '' ||
    url.password !== '' ||
    isRedirected(response, url) ||
    isInsecure(url, proxy)
  )
}

/** Whether the response is of another URL than the request was made for, where the adapter reports it. */
function isRedirected({ request }: AxiosResponse, url: URL): boolean {
  const { res } = (request ?? {}) as { res?: { responseUrl?: string } }
  return res?.responseUrl !== undefined && new URL(res.responseUrl).href !== url.href
}

/** The `Authorization` that was sent, where the adapter reports it. */
function authorizationOf({ config, request }: AxiosResponse): unknown {
  const { getHeader } = (request ?? {}) as { getHeader?: (name: string) => unknown }
  return getHeader ? getHeader.call(request, 'authorization') : config.headers.get('Authorization')
}
