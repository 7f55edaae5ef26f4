import { EventEmitter } from 'node:events'
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
  const unheard = firstByteWatch(requestWith())?.attachTo(requestWith())
  unheard?.onDownloadProgress?.({ loaded: 3 } as AxiosProgressEvent)
  jest.advanceTimersByTime(60_000)
  expect(unheard?.signal?.aborted).toBe(false)
})

it('a request that ended is not aborted, and no timer is left', () => {
  const watch = firstByteWatch(requestWith())
  const { signal } = watch!.attachTo(requestWith())
  watch!.end()
  expect(jest.getTimerCount()).toBe(0)
  expect([signal?.aborted, watch?.isLate()]).toEqual([false, false])
})

it('a request with a signal that is not one of Node is not watched', () => {
  expect(firstByteWatch(requestWith({ signal: { aborted: false } }))).toBeUndefined()
  expect(jest.getTimerCount()).toBe(0)
})

it.each([undefined, null, false, 'agent'])('the agent %j stays what it is', (agent) => {
  expect(agentWatcher()(agent)).toBe(agent)
})

describe('requests of an agent', () => {
  /** A native request, and how it was destroyed. */
  const nativeRequest = () => Object.assign(new EventEmitter(), { destroy: jest.fn() })

  const late = Object.assign(new Error('No response within 10 seconds'), { code: 'ETIMEDOUT' })

  /** A function that sends a native request by an agent that is watched. */
  function watched() {
    const agent = { addRequest: jest.fn() }
    const watchAgent = agentWatcher()
    const send = () => {
      const request = nativeRequest()
      watchAgent(agent).addRequest(request, {})
      return request
    }
    return { agent, watchAgent, send }
  }

  it('are sent by it, and its wrapper is made once', () => {
    const { agent, watchAgent, send } = watched()
    const request = send()
    expect(agent.addRequest.mock.calls).toEqual([[request, {}]])
    expect(watchAgent(agent)).toBe(watchAgent(agent))
    expect(watchAgent(agent)).not.toBe(agent)
  })

  it('fail ten seconds after each was sent, by one timer', () => {
    const { send } = watched()
    const first = send()
    jest.advanceTimersByTime(6000)
    const second = send()
    expect(jest.getTimerCount()).toBe(1)
    jest.advanceTimersByTime(3999)
    expect(first.destroy).not.toHaveBeenCalled()
    jest.advanceTimersByTime(1)
    expect(first.destroy.mock.calls).toEqual([[late]])
    expect(first.destroy.mock.calls).toMatchObject([[{ code: 'ETIMEDOUT' }]])
    jest.advanceTimersByTime(5999)
    expect(second.destroy).not.toHaveBeenCalled()
    jest.advanceTimersByTime(1)
    expect(second.destroy).toHaveBeenCalledTimes(1)
    expect(first.destroy).toHaveBeenCalledTimes(1)
    expect(jest.getTimerCount()).toBe(0)
    const third = send()
    jest.advanceTimersByTime(10_000)
    expect(third.destroy).toHaveBeenCalledTimes(1)
  })

  it.each(['response', 'close'])('do not fail after the event "%s"', (event) => {
    const { send } = watched()
    const [answered, silent] = [send(), send()]
    answered.emit(event)
    jest.advanceTimersByTime(10_000)
    expect(answered.destroy).not.toHaveBeenCalled()
    expect(silent.destroy).toHaveBeenCalledTimes(1)
  })
})
