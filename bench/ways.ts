import axios, { type AxiosInstance, type AxiosRequestConfig } from 'axios'
import axiosRetry from 'axios-retry'
import { createAuthRefresh } from 'axios-auth-refresh'
import { interceptorFactory, LockingTokenCache } from '@scienta/axios-oauth2'
import { applyIgwnAuth, reuse } from 'axios-igwn-auth'

export const BARE = 'axios alone, with a fixed header'

/** Ways to send a token with a request. To the server they all look the same. */
export function ways(config: AxiosRequestConfig, token: string): Record<string, AxiosInstance> {
  const fixed = { ...config, headers: { Authorization: `Bearer ${token}` } }
  return {
    [BARE]: axios.create(fixed),
    'axios alone once more (the noise)': axios.create(fixed),
    'an interceptor that sets the header': withInterceptor(config, token),
    'ours, token given': applyIgwnAuth(axios.create(config), { token }),
    'ours, token reused': applyIgwnAuth(axios.create(config), {
      token: reuse({ getToken: () => Promise.resolve(token) }),
    }),
    'ours, token discovered': applyIgwnAuth(axios.create(config)),
    'axios-retry': withRetry(fixed),
    'axios-auth-refresh': withRefresh(config, token),
    '@scienta/axios-oauth2': withScienta(config, token),
  }
}

function withInterceptor(config: AxiosRequestConfig, token: string): AxiosInstance {
  const instance = axios.create(config)
  instance.interceptors.request.use((request) => {
    request.headers.set('Authorization', `Bearer ${token}`)
    return request
  })
  return instance
}

/** Retries without tokens: the cost of being able to send a request twice. */
function withRetry(config: AxiosRequestConfig): AxiosInstance {
  const instance = axios.create(config)
  axiosRetry(instance)
  return instance
}

/** As in its README: your own interceptor adds the token, the package handles a 401. */
function withRefresh(config: AxiosRequestConfig, token: string): AxiosInstance {
  const instance = withInterceptor(config, token)
  createAuthRefresh(instance, () => Promise.reject(new Error('there was a refusal')))
  return instance
}

/** With its token cache, which requests a token once. */
function withScienta(config: AxiosRequestConfig, token: string): AxiosInstance {
  const instance = axios.create(config)
  // A token with an expiry time would keep this process alive until then.
  const answer = { access_token: token, token_type: 'Bearer', expires_in: 0 }
  const client = Object.assign(() => Promise.resolve(answer), {
    options: { url: 'none', grant_type: 'client_credentials', client_id: 'id', client_secret: 'secret' },
    requestConfig: {},
  })
  const intercept = interceptorFactory(client, new LockingTokenCache())
  type Use = Parameters<AxiosInstance['interceptors']['request']['use']>[0]
  instance.interceptors.request.use(intercept as Use)
  return instance
}
