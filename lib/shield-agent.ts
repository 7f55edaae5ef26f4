import type { Agent, ClientRequest } from 'node:http'

/** What `http.request` calls on an agent; not in the types of Node. */
interface RequestTaker extends Agent {
  addRequest(request: ClientRequest, options: { headers?: Record<string, unknown> }, ...rest: unknown[]): void
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
  const shield = Object.create(agent, {
    addRequest: {
      value: (request: ClientRequest, options: { headers?: Record<string, unknown> }, ...rest: unknown[]) => {
        veil(request)
        request.once('socket', veil)
        agent.addRequest(request, { ...options, headers: withoutAuthorization(options.headers) }, ...rest)
      },
    },
  }) as Agent
  shields.set(agent, shield)
  return shield as T
}

function isRequestTaker(agent: unknown): agent is RequestTaker {
  return typeof (agent as RequestTaker | null | undefined)?.addRequest === 'function'
}

/** Node 24's agents with a proxy of their own: axios takes such an agent apart, and no agent with a method replaced. */
function isProxying(agent: Agent): boolean {
  return (agent as { options?: { proxyEnv?: unknown } }).options?.proxyEnv !== undefined
}

const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/** Printed, a veiled thing shows its kind alone; for code it is what it was. */
export function veil(thing: object): void {
  if (Object.hasOwn(thing, INSPECT)) return
  const shown = () => `${thing.constructor.name} {}`
  Object.defineProperties(thing, {
    [INSPECT]: { value: shown, configurable: true },
    toJSON: { value: shown, configurable: true },
  })
}

function withoutAuthorization(headers: Record<string, unknown> = {}): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'),
  )
}
