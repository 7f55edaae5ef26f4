import type { Agent } from 'node:https'
import type { TlsChoice } from '../x509/tls-settings'

/** What is added to the options of `fetch` so that it connects with a certificate and the trusted CAs. Secret. */
export type ConnectionOptions = Readonly<Record<string, unknown>>

/** Connections of one `igwnFetch`, by credential. */
export interface Connections {
  /** Undefined where `fetch` connects as it does without us; `'undici is missing'` where Node.js needs that package. */
  readonly optionsFor: (
    tls: TlsChoice | undefined,
  ) => Promise<ConnectionOptions | 'undici is missing' | undefined>
  /** Closes idle connections now, and each other one when its request has ended. */
  readonly close: () => void
}

interface Entry {
  /** One per credential and CAs; another one means that the files were renewed. */
  readonly agent: Agent
  readonly options: ConnectionOptions
  readonly close: () => void
}

/** What the runtimes have in place of agents. */
interface Runtimes {
  readonly Deno?: { createHttpClient(options: object): { close(): void } }
  readonly Bun?: object
}

/** A dispatcher of undici on Node.js, a client on Deno, TLS options on Bun: one for each certificate, kept while it is the same. */
export function connections(): Connections {
  const entries = new Map<string, Entry>()

  return {
    async optionsFor(tls) {
      const { agent, credential } = tls ?? {}
      if (!tls || !agent) return undefined
      const files = credential ? `${credential.cert}\n${credential.key ?? ''}` : ''
      const known = entries.get(files)
      if (known?.agent === agent) return known.options
      const made = await connect(agent, tls)
      if (!made) return 'undici is missing'
      // A replaced one is not closed, as a request may be about to use it; its idle connections end by themselves.
      entries.delete(files)
      const [oldest] = entries.keys()
      if (oldest !== undefined && entries.size >= MAX_ENTRIES) entries.delete(oldest)
      entries.set(files, { agent, ...made })
      return made.options
    },
    close() {
      for (const { close } of entries.values()) close()
      entries.clear()
    },
  }
}

/** As for the agents of axios. */
const MAX_ENTRIES = 500

async function connect(agent: Agent, tls: TlsChoice): Promise<Omit<Entry, 'agent'> | undefined> {
  const { Deno, Bun } = globalThis as Runtimes
  const pem = tls.credential?.pem()
  const ca = tls.trustedCas?.ca
  if (Deno) {
    const client = Deno.createHttpClient({ ...pem, ...(ca && { caCerts: ca }) })
    return {
      options: { client },
      close: () => {
        client.close()
      },
    }
  }
  if (Bun) return { options: { tls: { ...pem, ...(ca && { ca }) } }, close: () => undefined }
  const undici = await loadUndici()
  if (!undici) return undefined
  const dispatcher = new undici.Agent({ connect: connectOptions(agent) })
  const { Dispatcher1Wrapper: Wrapper } = undici
  return {
    // undici 8 has another interface than the fetch of Node.js 24 and earlier.
    options: { dispatcher: Wrapper ? new Wrapper(dispatcher) : dispatcher },
    close: () => void dispatcher.close().catch(() => undefined),
  }
}

/** The key is in the context, not as text in the options. */
function connectOptions({ options }: Agent): object {
  const all = options as Record<string, unknown>
  return Object.fromEntries(
    CONNECT_OPTIONS.filter((name) => all[name] !== undefined).map((name) => [name, all[name]]),
  )
}

const CONNECT_OPTIONS = ['secureContext', 'rejectUnauthorized', 'checkServerIdentity']

/** The part of undici that is used. */
interface Undici {
  readonly Agent: new (options: object) => { close(): Promise<void> }
  readonly Dispatcher1Wrapper?: new (dispatcher: object) => object
}

/** Loaded on first use: most requests present no certificate. Undefined when it is not installed. */
async function loadUndici(): Promise<Undici | undefined> {
  try {
    return await import('undici')
  } catch (error) {
    const { code } = error as { code?: unknown }
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

/** Whether the program has replaced the dispatcher of Node.js, for a network proxy or a test: that one then connects. */
export function hasOwnDispatcher(): boolean {
  const all = globalThis as Record<symbol, { constructor?: { name?: string } } | undefined>
  // undici 8 sets the second one, and a wrapper as the first.
  const dispatcher =
    all[Symbol.for('undici.globalDispatcher.2')] ?? all[Symbol.for('undici.globalDispatcher.1')]
  return dispatcher !== undefined && dispatcher.constructor?.name !== 'Agent'
}
