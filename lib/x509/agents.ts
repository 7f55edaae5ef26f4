import https from 'node:https'
import { secureAgent } from './create-x509-agent'
import type { TrustedCas } from './trusted-cas'
import type { X509Credential } from './x509-credential'

/** The agents of one axios instance. They hold private keys; neither `inspect` nor JSON shows them. */
export interface X509Agents {
  /**
   * The agent that presents this credential and trusts these CAs; the same one while neither has changed. Undefined when both
   * are: Node's own agent does.
   */
  agentFor(
    credential: X509Credential | undefined,
    trustedCas: TrustedCas | undefined,
  ): https.Agent | undefined
  /** Closes idle connections; requests in flight complete. */
  close(): void
}

/** Keeps one agent per credential. A renewed file, or changed CAs, get a new agent; the old one closes with its last request. */
export function x509Agents(): X509Agents {
  const agents = new Map<string, AgentEntry>()

  function agentFor(credential: X509Credential | undefined, trustedCas: TrustedCas | undefined) {
    if (!credential && !trustedCas) return undefined
    const files = credential ? `${credential.cert}\n${credential.key ?? ''}` : ''
    const current = { cert: credential?.pem().cert, cas: trustedCas?.version }
    const entry = agents.get(files)
    if (entry?.cert === current.cert && entry?.cas === current.cas && entry) return entry.agent

    const agent = secureAgent(credential, {
      ...(trustedCas && { ca: [...trustedCas.ca] }),
      ...globalOptions(credential ? SERVER_OPTIONS : [...SERVER_OPTIONS, ...IDENTITY_OPTIONS]),
    })
    if (entry) retire(entry.agent)
    else if (agents.size >= MAX_AGENTS) retireOldest()
    agents.delete(files)
    agents.set(files, { ...current, agent })
    return agent
  }

  function retireOldest(): void {
    for (const [files, { agent }] of agents) {
      retire(agent)
      agents.delete(files)
      return
    }
  }

  return {
    agentFor,
    close() {
      for (const { agent } of agents.values()) retire(agent)
      agents.clear()
    },
  }
}

/** The TLS options that the program set for all connections; ours replaces the agent that has them. */
function globalOptions(names: readonly (keyof https.AgentOptions)[]): https.AgentOptions {
  const { options } = https.globalAgent
  return Object.fromEntries(
    names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]),
  )
}

const SERVER_OPTIONS = [
  'ca',
  'crl',
  'rejectUnauthorized',
  'checkServerIdentity',
  'ciphers',
  'minVersion',
  'maxVersion',
  'secureOptions',
] as const
const IDENTITY_OPTIONS = ['cert', 'key', 'pfx', 'passphrase'] as const

interface AgentEntry {
  /** The certificates that the agent presents; a different key has a different certificate. */
  readonly cert: string | undefined
  readonly cas: string | undefined
  readonly agent: https.Agent
}

/** A portal may act for many users; beyond this number the oldest agent is replaced. */
const MAX_AGENTS = 500

/**
 * Closes idle connections now, and each other one when its request has completed. (`agent.destroy()` would abort requests.)
 */
function retire(agent: https.Agent): void {
  Object.assign(agent, { keepAlive: false })
  for (const sockets of Object.values(agent.freeSockets))
    for (const socket of [...(sockets ?? [])]) socket.destroy()
}
