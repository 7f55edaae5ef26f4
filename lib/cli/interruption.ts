import { Interrupted } from './failure'

/** Does work that a signal ends in order: what is begun is put away first. A second signal ends the process at once. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const listeners = SIGNALS.map((name) => {
    const listener = () => {
      controller.abort(new Interrupted(name))
    }
    process.once(name, listener)
    return { name, listener }
  })
  try {
    return await work(controller.signal)
  } finally {
    for (const { name, listener } of listeners) process.off(name, listener)
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
