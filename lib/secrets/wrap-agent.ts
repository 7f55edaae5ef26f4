import type { Agent, ClientRequest } from 'node:http'

/** What `http.request` calls on an agent; not in the types of Node. */
interface RequestTaker extends Agent {
  addRequest(request: ClientRequest, options: RequestOptions, ...rest: unknown[]): void
}

interface RequestOptions {
  headers?: Record<string, unknown>
}

const shields = new WeakMap<object, Agent>()

/**
 * The caller's agent, which stands in configs that are printed, with our requests and their sockets veiled: those lead to
 * the header lines of every request in flight, and long after to the options of the last. All else is the agent's own,
 * its pool too.
 */
export function shieldAgent<T>(agent: T): T {
  if (!isRequestTaker(agent) || isProxying(agent)) return agent
  const known = shields.get(agent)
  if (known) return known as T
  const addRequest: RequestTaker['addRequest'] = (request, options, ...rest) => {
    veil(request)
    veilSocketOf(request)
    // These options are the request's own copy, and its headers are written already; TLS sockets keep them.
    options.headers = { ...options.headers, Authorization: undefined }
    agent.addRequest(request, options, ...rest)
  }
  // Not an object that has the agent for its prototype: V8 then has every change to a pool of its undo what was compiled.
  const shield = new Proxy(agent, {
    get: (target, name) => (name === 'addRequest' ? addRequest : (Reflect.get(target, name) as unknown)),
  })
  shields.set(agent, shield)
  return shield
}

function isRequestTaker(agent: unknown): agent is RequestTaker {
  return typeof (agent as RequestTaker | null | undefined)?.addRequest === 'function'
}

/** Node 24's agents with a proxy of their own: axios takes such an agent apart, and no agent with a method replaced. */
function isProxying(agent: Agent): boolean {
  return (agent as { options?: { proxyEnv?: unknown } }).options?.proxyEnv !== undefined
}

/** Veils the socket as it is assigned, before anything is written to it. (An event would come later, and cost more.) */
function veilSocketOf(request: ClientRequest): void {
  const taker = request as ClientRequest & SocketTaker
  const onSocket = taker.onSocket.bind(taker)
  taker.onSocket = (socket, ...rest) => {
    if (socket) veil(socket)
    onSocket(socket, ...rest)
  }
}

/** What an agent calls on a request; not in the types of Node. */
interface SocketTaker {
  onSocket: (socket: object | null, ...rest: unknown[]) => void
}

const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/** Printed, a veiled thing shows its kind alone; for code it is what it was. */
export function veil(thing: object): void {
  if (!Object.hasOwn(thing, INSPECT)) Object.defineProperties(thing, VEIL)
}

function kindAlone(this: object): string {
  return `${this.constructor.name} {}`
}

const VEIL = {
  [INSPECT]: { value: kindAlone, configurable: true },
  toJSON: { value: kindAlone, configurable: true },
}
