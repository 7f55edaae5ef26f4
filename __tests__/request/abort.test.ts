import { getEventListeners } from 'node:events'
import axios, { AxiosHeaders, CanceledError, type InternalAxiosRequestConfig } from 'axios'
import { abortable, throwIfAborted } from '../../lib/request/abort'

type Request = InternalAxiosRequestConfig
const requestWith = (config: Partial<Request>): Request => ({ headers: new AxiosHeaders(), ...config })
const pending = () => new Promise<never>(() => undefined)

/** As signals of other libraries may be. */
const signalWithoutEvents = (aborted: boolean) => ({ aborted })

describe('a promise of a request', () => {
  it('is returned as it is where the request cannot be aborted', () => {
    const value = Promise.resolve(1)
    expect(abortable(value, requestWith({}))).toBe(value)
  })

  it.each([
    ['while it is pending', false],
    ['before', true],
  ])('is rejected as by axios when the signal aborts %s', async (_, isBefore) => {
    const controller = new AbortController()
    const request = requestWith({ signal: controller.signal })
    if (isBefore) controller.abort()
    const value = abortable(pending(), request)
    controller.abort()
    const error: unknown = await value.catch((one: unknown) => one)
    expect(error).toBeInstanceOf(CanceledError)
    expect(error).toMatchObject({ message: 'canceled', code: 'ERR_CANCELED', config: request })
    expect((error as { config: unknown }).config).toBe(request)
  })

  it.each([
    ['while it is pending', false],
    ['before', true],
  ])('is rejected with the reason of the cancel token when that cancels %s', async (_, isBefore) => {
    const { token, cancel } = axios.CancelToken.source()
    if (isBefore) cancel('enough')
    const value = abortable(pending(), requestWith({ cancelToken: token }))
    cancel('enough')
    await expect(value).rejects.toBe(token.reason)
    expect(token.reason).toMatchObject({ message: 'enough', code: 'ERR_CANCELED' })
  })

  it('is rejected where a signal that has no events is aborted already, and keeps its result otherwise', async () => {
    const aborted = requestWith({ signal: signalWithoutEvents(true) })
    await expect(abortable(pending(), aborted)).rejects.toMatchObject({ code: 'ERR_CANCELED' })
    const other = requestWith({ signal: signalWithoutEvents(false) })
    expect(await abortable(Promise.resolve(1), other)).toBe(1)
  })

  it('keeps its result or its error otherwise, and leaves no listener behind', async () => {
    const { signal } = new AbortController()
    const { token } = axios.CancelToken.source()
    const unsubscribe = jest.spyOn(token, 'unsubscribe')
    const subscribe = jest.spyOn(token, 'subscribe')
    const request = requestWith({ signal, cancelToken: token })
    expect(await abortable(Promise.resolve(1), request)).toBe(1)
    const problem = new Error('no token')
    const failed = abortable(Promise.reject(problem), request)
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    await expect(failed).rejects.toBe(problem)
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect(unsubscribe.mock.calls).toEqual(subscribe.mock.calls)
    expect(subscribe).toHaveBeenCalledTimes(2)
  })
})

describe('before a send', () => {
  it('a request that is aborted or canceled is an error as of axios', () => {
    const request = requestWith({ signal: AbortSignal.abort() })
    expect(() => throwIfAborted(request)).toThrow(new CanceledError(undefined, request))
    const { token, cancel } = axios.CancelToken.source()
    cancel('enough')
    expect(() => throwIfAborted(requestWith({ cancelToken: token }))).toThrow('enough')
  })

  it('another request is none', () => {
    const { signal } = new AbortController()
    const { token } = axios.CancelToken.source()
    for (const config of [{}, { signal }, { cancelToken: token }])
      expect(() => throwIfAborted(requestWith(config))).not.toThrow()
  })
})
