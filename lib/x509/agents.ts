import https from 'node:https'
import { secureAgent } from './create-x509-agent'
import type { TrustedCas } from './trusted-cas'
import type { X509Credential } from './x509-credential'

/** The agents of one axios instance. */
export interface X509Agents {
  /**
   * The agent that presents this credential and trusts these authorities; the same one as long as neither has changed.
   * Undefined when there is neither, for then Node's own agent does.
   */
  agentFor(credential: X509Credential | undefined, trust: TrustedCas | undefined): https.Agent | undefined
  /** Retires all of them. */
  close(): void
}

/**
 * Keeps one agent for each credential. When its file has been renewed, or the authorities have changed, a new agent takes
 * its place, and the old one goes as its last request ends.
 */
export function x509Agents(): X509Agents {
  const held = new Map<string, Held>()

  return {
    agentFor(credential, trust) {
      if (!credential && !trust) return undefined
      const place = credential ? `${credential.cert}\n${credential.key ?? ''}` : ''
      const now = { cert: credential?.pem().cert, trust: trust?.version }
      const before = held.get(place)
      if (before?.cert === now.cert && before?.trust === now.trust && before) return before.agent

      const agent = secureAgent(credential, {
        ...(trust && { ca: [...trust.ca] }),
        ...saidForAll(credential ? TRUST : [...TRUST, ...IDENTITY]),
      })
      if (before) retire(before.agent)
      else if (held.size >= MAX_HELD) retireOldest()
      held.delete(place)
      held.set(place, { ...now, agent })
      return agent
    },
    close() {
      for (const { agent } of held.values()) retire(agent)
      held.clear()
    },
  }

  function retireOldest(): void {
    for (const [place, { agent }] of held) {
      retire(agent)
      held.delete(place)
      return
    }
  }
}

/** What a program says of TLS for all connections stands with the agent that ours takes the place of. */
function saidForAll(names: readonly (keyof https.AgentOptions)[]): https.AgentOptions {
  const { options } = https.globalAgent
  return Object.fromEntries(
    names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]),
  )
}

const TRUST = [
  'ca',
  'crl',
  'rejectUnauthorized',
  'checkServerIdentity',
  'ciphers',
  'minVersion',
  'maxVersion',
  'secureOptions',
] as const
const IDENTITY = ['cert', 'key', 'pfx', 'passphrase'] as const

interface Held {
  /** The certificates that were read from that place; they tell the key too. */
  readonly cert: string | undefined
  readonly trust: string | undefined
  readonly agent: https.Agent
}

/** A portal may act for very many users; past this many, those who came first connect anew. */
const MAX_HELD = 500

/**
 * Lets an agent go without harm: its idle connections close now, each other one when its request has ended.
 * (`agent.destroy()` would cut requests off.)
 */
export function retire(agent: https.Agent): void {
  Object.assign(agent, { keepAlive: false })
  for (const sockets of Object.values(agent.freeSockets))
    for (const socket of [...(sockets ?? [])]) socket.destroy()
}
