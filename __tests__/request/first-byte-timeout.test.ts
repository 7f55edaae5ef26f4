import { AxiosHeaders, type AxiosProgressEvent, type InternalAxiosRequestConfig } from 'axios'
import { agentWatcher, firstByteWatch } from '../../lib/request/first-byte-timeout'

type Request = InternalAxiosRequestConfig
const requestWith = (config: Partial<Request> = {}): Request => ({ headers: new AxiosHeaders(), ...config })

beforeEach(() => jest.useFakeTimers())
afterEach(() => jest.useRealTimers())

it('a request to which nothing comes back is aborted after ten seconds', () => {
  const watch = firstByteWatch(requestWith())
  const { signal } = watch!.attachTo(requestWith())
  jest.advanceTimersByTime(9999)
  expect([signal?.aborted, watch?.isLate()]).toEqual([false, false])
  jest.advanceTimersByTime(1)
  expect([signal?.aborted, watch?.isLate()]).toEqual([true, true])
})

it('a request that the caller aborts is aborted, and is not late', () => {
  const caller = new AbortController()
  const watch = firstByteWatch(requestWith({ signal: caller.signal }))
  const { signal } = watch!.attachTo(requestWith())
  expect(signal?.aborted).toBe(false)
  caller.abort()
  jest.advanceTimersByTime(10_000)
  expect([signal?.aborted, watch?.isLate()]).toEqual([true, false])
})

it('a request of which something came back is not aborted, and the caller gets its progress', () => {
  const loaded: number[] = []
  const watch = firstByteWatch(requestWith({ onDownloadProgress: (event) => loaded.push(event.loaded) }))
  const { signal, onDownloadProgress } = watch!.attachTo(requestWith())
  onDownloadProgress?.({ loaded: 3 } as AxiosProgressEvent)
  jest.advanceTimersByTime(60_000)
  expect([loaded, signal?.aborted]).toEqual([[3], false])
})

it('a request with a signal that is not one of Node is not watched', () => {
  expect(firstByteWatch(requestWith({ signal: { aborted: false } }))).toBeUndefined()
  expect(jest.getTimerCount()).toBe(0)
})

it.each([undefined, null, false, 'agent'])('the agent %j stays what it is', (agent) => {
  expect(agentWatcher()(agent)).toBe(agent)
})
