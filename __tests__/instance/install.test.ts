/** Interceptors of others that change the adapter, and requests that never reach ours. */
import axios, { type AxiosAdapter, type AxiosError, type InternalAxiosRequestConfig } from 'axios'
import { applyIgwnAuth, igwnAxios, type IgwnAuthOptions } from '../support/all'

const URL_OF_X = 'https://x.example.org/'

/** An adapter that records the Authorization of each request. */
function recording() {
  const sent: unknown[] = []
  const adapter: AxiosAdapter = (config) => {
    sent.push(config.headers.Authorization)
    return Promise.resolve({ status: 200, statusText: 'OK', data: 'body', headers: {}, config })
  }
  return { adapter, sent }
}

/** Request interceptors run in reverse order: this one runs after ours. */
function withInterceptor(
  options: IgwnAuthOptions,
  change: (config: InternalAxiosRequestConfig) => InternalAxiosRequestConfig,
) {
  const instance = axios.create()
  instance.interceptors.request.use(change)
  return applyIgwnAuth(instance, { cert: false, netrc: false, ...options })
}

it('an interceptor that runs after ours and assigns config.adapter replaces the adapter beneath us', async () => {
  const { adapter, sent } = recording()
  const instance = withInterceptor({ token: 'abc' }, (config) => {
    config.adapter = adapter
    return config
  })
  const { config } = await instance.get(URL_OF_X)
  expect(sent).toEqual(['Bearer abc'])
  expect(config.adapter).toBe(adapter)
})

describe('an interceptor that runs after ours and returns a copy of the config with another adapter', () => {
  it.each<[string, IgwnAuthOptions]>([
    ['token: true', { token: true }],
    ['failIfNoAuth', { failIfNoAuth: true }],
  ])('is an error with %s, and the response is discarded', async (_, options) => {
    const { adapter } = recording()
    const instance = withInterceptor(options, (config) => ({ ...config, adapter }))
    await expect(instance.get(URL_OF_X)).rejects.toMatchObject({
      code: 'ERR_IGWN_NO_CREDENTIAL',
      message: expect.stringMatching(
        /^Another interceptor replaced the adapter of a copied config/,
      ) as string,
    })
  })

  it('sends the request without a credential otherwise', async () => {
    const { adapter, sent } = recording()
    const instance = withInterceptor({}, (config) => ({ ...config, adapter }))
    const { data, config } = await instance.get<string>(URL_OF_X)
    expect(data).toBe('body')
    expect(sent).toEqual([undefined])
    expect(config.adapter).toBe(adapter)
  })
})

it('the config of a request that is aborted before it reaches its adapter does not keep ours', async () => {
  const { adapter } = recording()
  const instance = applyIgwnAuth(axios.create({ adapter }), { token: 'abc' })
  const error = await instance
    .get(URL_OF_X, { signal: AbortSignal.abort() })
    .catch((failure: unknown) => failure as AxiosError)
  expect(axios.isCancel(error)).toBe(true)
  const { config } = error as AxiosError
  expect(config?.adapter ?? adapter).toBe(adapter)
  expect(Object.getOwnPropertySymbols(config ?? {})).toEqual([])
})

it('options of an igwnAxios request may be in igwnAuth and url at the top level', async () => {
  const { adapter, sent } = recording()
  await igwnAxios.request({ url: URL_OF_X, adapter, igwnAuth: { token: 'abc' } })
  expect(sent).toEqual(['Bearer abc'])
})
