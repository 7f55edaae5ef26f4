import type { ClientRequest } from 'node:http'
import type { InternalAxiosRequestConfig } from 'axios'
import { observeAgent } from '../secrets/wrap-agent'

type Request = InternalAxiosRequestConfig

/** Milliseconds; Pelican gives its caches as long. */
const FIRST_BYTE_TIMEOUT = 10_000

/** An agent whose requests fail when nothing comes back for ten seconds. */
export type WatchAgent = <T>(agent: T) => T

/**
 * Watches the native requests of an instance. One timer serves all of them: a timer and a signal for each take a fifth of the time of
 * a request.
 */
export function agentWatcher(): WatchAgent {
  /** When they were sent; the oldest is first. */
  const waiting = new Map<ClientRequest, number>()
  const agents = new WeakMap<object, unknown>()
  let timer: NodeJS.Timeout | undefined

  return <T>(agent: T) => {
    if (typeof agent !== 'object' || agent === null) return agent
    const known = agents.get(agent) ?? observeAgent(agent, watch)
    agents.set(agent, known)
    return known as T
  }

  function watch(request: ClientRequest): void {
    waiting.set(request, performance.now())
    request.on('response', forget).on('close', forget)
    if (!timer) start(FIRST_BYTE_TIMEOUT)
  }

  function forget(this: ClientRequest): void {
    waiting.delete(this)
  }

  /** It keeps no process alive: the connections that are waited for do. */
  function start(delay: number): void {
    timer = setTimeout(check, delay).unref()
  }

  function check(): void {
    timer = undefined
    for (const [request, sentAt] of waiting) {
      const left = sentAt + FIRST_BYTE_TIMEOUT - performance.now()
      if (left > 0) {
        start(left)
        return
      }
      waiting.delete(request)
      const problem = new Error(`No response within ${FIRST_BYTE_TIMEOUT / 1000} seconds`)
      request.destroy(Object.assign(problem, { code: 'ETIMEDOUT' }))
    }
  }
}

/** Aborts one request to which nothing comes back, where the adapter has no native request to watch. */
export interface FirstByteWatch {
  readonly attachTo: (request: Request) => Request
  readonly isLate: () => boolean
  readonly end: () => void
}

/** Undefined where the caller's signal is not one of Node.js. */
export function firstByteWatch({ signal, onDownloadProgress }: Request): FirstByteWatch | undefined {
  if (signal && !(signal instanceof AbortSignal)) return undefined
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), FIRST_BYTE_TIMEOUT)
  const end = () => clearTimeout(timer)
  return {
    attachTo(request) {
      request.signal = signal ? AbortSignal.any([signal, late.signal]) : late.signal
      request.onDownloadProgress = (event) => {
        end()
        onDownloadProgress?.(event)
      }
      return request
    },
    isLate: () => late.signal.aborted && !signal?.aborted,
    end,
  }
}
