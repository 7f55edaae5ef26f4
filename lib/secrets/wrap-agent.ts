import { ClientRequest, type Agent } from 'node:http'
import { hideFromInspection } from './hide-response'

/** Methods that Node calls on agents and requests and that its types lack. */
interface AddingAgent extends Agent {
  addRequest(request: ClientRequest, options: RequestOptions, ...rest: unknown[]): void
}

interface RequestOptions {
  headers?: unknown
  href?: unknown
  search?: unknown
  pathname?: unknown
}

interface SocketTaker {
  onSocket: (this: ClientRequest, socket: object | null, ...rest: unknown[]) => void
}

/** Wrappers by agent; they hold nothing about a user. */
const wrappers = new WeakMap<object, Agent>()

/**
 * The same agent and pool, for requests that carry a credential: `inspect` of the agent then shows neither their header lines
 * nor their sockets, during the request and after it.
 */
export function wrapAgent<T>(agent: T): T {
  if (!addsRequests(agent) || hasOwnProxy(agent)) return agent
  const known = wrappers.get(agent)
  if (known) return known as T
  const wrapper = agentWith(agent, hideInAgent)
  wrappers.set(agent, wrapper)
  return wrapper
}

/** The same as {@link wrapAgent}, and calls back with each request before it is sent. */
export function observeAgent<T>(agent: T, onRequest: (request: ClientRequest) => void): T {
  if (!addsRequests(agent) || hasOwnProxy(agent)) return agent
  return agentWith(agent, (request, options) => {
    hideInAgent(request, options)
    onRequest(request)
  })
}

/** A proxy, not an object that inherits from the agent: V8 would deoptimize each change to a pool of a prototype. */
function agentWith<T extends AddingAgent>(
  agent: T,
  before: (request: ClientRequest, options: RequestOptions) => void,
): T {
  const addRequest: AddingAgent['addRequest'] = (request, options, ...rest) => {
    before(request, options)
    agent.addRequest(request, options, ...rest)
  }
  return new Proxy(agent, {
    get: (target, name) => (name === 'addRequest' ? addRequest : (Reflect.get(target, name) as unknown)),
  })
}

/** Hides a request before its agent stores it, and its socket as soon as it is assigned. */
export function hideInAgent(request: ClientRequest, options: RequestOptions): void {
  hideFromInspection(request)
  ;(request as ClientRequest & SocketTaker).onSocket = onHiddenSocket
  // This object is the request's own copy. The header lines are written already; sockets keep the options that opened them.
  options.headers = undefined
  if (options.href !== undefined) options.href = undefined
  if (options.search !== undefined) options.search = undefined
  if (options.pathname !== undefined) options.pathname = undefined
}

const prototype = ClientRequest.prototype as ClientRequest & SocketTaker

function onHiddenSocket(this: ClientRequest, socket: object | null, ...rest: unknown[]): void {
  if (socket) hideFromInspection(socket)
  prototype.onSocket.call(this, socket, ...rest)
}

function addsRequests(agent: unknown): agent is AddingAgent {
  return typeof (agent as AddingAgent | null | undefined)?.addRequest === 'function'
}

/** Agents of Node 24 with a network proxy of their own: axios copies such an agent, without replaced methods. */
function hasOwnProxy(agent: Agent): boolean {
  return (agent as { options?: { proxyEnv?: unknown } }).options?.proxyEnv !== undefined
}
