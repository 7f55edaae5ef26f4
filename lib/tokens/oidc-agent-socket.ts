import net from 'node:net'
import { objectIn } from '../formats/json'
import path from 'node:path'
import { LONGEST_DELAY } from '../clock'
import { variable, type Environment } from '../environment'
import { sharedFolderCheck } from '../files/access'
import { isStats, statOf, type FileProblem } from '../files/read-file'
import { pathName } from '../secrets/sanitize'

/** The UNIX socket of oidc-agent. */
export interface AgentSocket {
  readonly path: string
  /** Its name in messages. */
  readonly source: string
  /** Neither an option nor `OIDC_SOCK` names it. */
  readonly isDefault: boolean
}

/**
 * The socket that is named, else that of `OIDC_SOCK`, else where `oidc-agent-service` of version 5 puts it; undefined on a
 * platform without user ids.
 */
export function agentSocket(
  named: string | undefined,
  { env, uid, temporaryFolder }: Environment,
): AgentSocket | undefined {
  const ofVariable = variable(env, 'OIDC_SOCK')
  const given = named ?? ofVariable
  if (given !== undefined) {
    const suffix = named === undefined ? ' (OIDC_SOCK)' : ''
    return { path: given, source: `oidc-agent at ${pathName(given)}${suffix}`, isDefault: false }
  }
  if (uid === undefined) return undefined
  const folder = variable(env, 'TMPDIR') ?? temporaryFolder
  const file = path.join(folder, `oidc-agent-service-${uid}`, 'oidc-agent.sock')
  return { path: file, source: `oidc-agent at ${pathName(file)}`, isDefault: true }
}

/** Why a socket cannot be used. In a folder that others can write to, it must belong to this user or root, as token files must. */
export function socketProblem({ path }: AgentSocket, { euid }: Environment): FileProblem | undefined {
  const stats = statOf(path)
  if (stats === undefined) return { problem: 'absent', what: 'does not run: there is no such socket' }
  if (!isStats(stats)) return stats
  if (!stats.isSocket()) return { problem: 'not-a-file', what: 'is not a socket' }
  return sharedFolderCheck(() => euid)(path, stats)
}

export interface AskOptions {
  /** Milliseconds; 0 for no limit. */
  readonly timeout: number
  readonly signal?: AbortSignal | undefined
}

/** Why there is no response. */
export class NoResponse extends Error {
  constructor(
    /** `closed`: nothing listens. `late`: it did not respond in time. `malformed`: the response is not JSON. */
    readonly kind: 'closed' | 'late' | 'malformed',
    /** Continues a sentence that begins with the agent. */
    readonly what: string,
  ) {
    super(what)
  }
}

/**
 * Sends one request to oidc-agent, as JSON without encryption, which it accepts on its socket, and returns its response. It takes
 * one request per connection, and handles one connection at a time: the connection is closed whatever happens.
 *
 * It rejects with {@link NoResponse}, or with the reason of the signal.
 */
export function askAgent(
  { path }: AgentSocket,
  request: Readonly<Record<string, unknown>>,
  { timeout, signal }: AskOptions,
): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason)
      return
    }
    const chunks: Buffer[] = []
    let length = 0
    const socket = net.connect(path)
    const timer = setTimeout(
      () => {
        end(new NoResponse('late', `did not respond within ${timeout / 1000} seconds`))
      },
      Math.min(timeout || LONGEST_DELAY, LONGEST_DELAY),
    )
    const onAbort = () => {
      end(signal?.reason)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    const end = (failure: unknown, response?: Readonly<Record<string, unknown>>) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      socket.destroy()
      if (response) resolve(response)
      else reject(failure)
    }

    socket.once('connect', () => {
      // In one piece: the agent reads once.
      socket.write(JSON.stringify(request))
    })
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      length += chunk.length
      if (length > MAX_BYTES) end(new NoResponse('malformed', `sent more than ${MAX_BYTES / 1024} KiB`))
      else if (isLast(chunk)) {
        const response = objectIn(Buffer.concat(chunks).toString('utf8'))
        if (response) end(undefined, response)
      }
    })
    socket.once('close', () => {
      const what =
        length === 0 ? 'closed the connection without a response' : 'sent a response that is not JSON'
      end(new NoResponse('malformed', what))
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      end(new NoResponse('closed', `cannot be reached (${error.code ?? 'unknown error'})`))
    })
  })
}

/** More than a token that can be sent in a header, and its issuer. */
const MAX_BYTES = 128 * 1024

/** Whether a chunk may be the last one: an object ends with a brace. */
function isLast(chunk: Buffer): boolean {
  return chunk.toString('latin1').trimEnd().endsWith('}')
}
