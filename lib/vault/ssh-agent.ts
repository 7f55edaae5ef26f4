import net from 'node:net'
import { sharedFolderCheck } from '../files/access'
import { isStats, statOf } from '../files/read-file'
import { processEnvironment } from '../environment'
import { pathName } from '../secrets/sanitize'

/** A key that an SSH agent holds. */
export interface AgentKey {
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`. */
  readonly type: string
  readonly blob: Buffer
}

/** The agent does not have it, or cannot be asked. Its message continues a sentence that begins with "The SSH agent". */
export class SshAgentError extends Error {}

export interface SshAgent {
  keys(): Promise<readonly AgentKey[]>
  /**
   * Signs with a key. The result is the raw signature, without the name of its algorithm; that of an RSA key is one with SHA-1, since
   * Vault verifies it as such.
   */
  sign(key: AgentKey, data: Buffer): Promise<Buffer>
}

/**
 * A client of the SSH agent at a socket (draft-ietf-sshm-ssh-agent, sections 4 and 5). Its methods reject with
 * {@link SshAgentError}.
 *
 * @param timeout - milliseconds for one response; an agent may ask its user
 */
export function sshAgent(socket: string, timeout = 30_000, signal?: AbortSignal): SshAgent {
  return {
    async keys() {
      const reader = new Reader(await ask(Buffer.of(REQUEST_IDENTITIES), IDENTITIES_ANSWER))
      const count = reader.number()
      const keys: AgentKey[] = []
      for (let index = 0; index < count; index++) {
        const blob = reader.string()
        reader.string() // the comment
        keys.push({ type: new Reader(blob).string().toString('latin1'), blob })
      }
      return keys
    },
    async sign({ blob }, data) {
      const request = [Buffer.of(SIGN_REQUEST), withLength(blob), withLength(data), Buffer.alloc(4)]
      const reader = new Reader(await ask(Buffer.concat(request), SIGN_RESPONSE))
      const signature = new Reader(reader.string())
      signature.string() // the algorithm
      return signature.string()
    },
  }

  /** One request on a connection of its own; the body of the response. */
  function ask(request: Buffer, expected: number): Promise<Buffer> {
    const stats = statOf(socket)
    const problem = isStats(stats) ? isFromOthers(socket, stats) : undefined
    if (problem) return Promise.reject(new SshAgentError(`is not used: ${pathName(socket)} ${problem.what}`))
    return new Promise((resolve, reject) => {
      const connection = net.connect({ path: socket, ...(signal && { signal }) })
      let received = Buffer.alloc(0)
      const fail = (problem: string) => {
        connection.destroy()
        reject(new SshAgentError(problem))
      }
      const timer = setTimeout(() => fail(`did not respond within ${timeout} ms`), timeout)
      connection.once('close', () => clearTimeout(timer))
      connection.once('error', ({ name, code }: NodeJS.ErrnoException) =>
        fail(
          name === 'AbortError'
            ? 'did not respond before the login was canceled'
            : `cannot be reached at ${pathName(socket)} (${code ?? name})`,
        ),
      )
      connection.once('close', () => fail('closed the connection'))
      connection.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk])
        const length = received.length < 4 ? 0 : received.readUInt32BE()
        if (length > MAX_RESPONSE) fail('sent a response that is too long')
        if (length === 0 || received.length < 4 + length) return
        const body = received.subarray(5, 4 + length)
        if (received[4] !== expected) {
          fail(received[4] === FAILURE ? 'refused' : 'sent an unknown response')
          return
        }
        resolve(body)
        connection.destroy()
      })
      connection.write(withLength(request))
    })
  }
}

const isFromOthers = /* @__PURE__ */ sharedFolderCheck(() => processEnvironment.euid)

const FAILURE = 5
const REQUEST_IDENTITIES = 11
const IDENTITIES_ANSWER = 12
const SIGN_REQUEST = 13
const SIGN_RESPONSE = 14

/** Bytes; as in OpenSSH. */
const MAX_RESPONSE = 256 * 1024

function withLength(data: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  return Buffer.concat([length, data])
}

/** Reads the data types of SSH (RFC 4251 section 5). */
class Reader {
  #left: Buffer

  constructor(data: Buffer) {
    this.#left = data
  }

  number(): number {
    return this.#take(4).readUInt32BE()
  }

  string(): Buffer {
    return this.#take(this.number())
  }

  #take(length: number): Buffer {
    if (this.#left.length < length) throw new SshAgentError('sent a response that is cut')
    const taken = this.#left.subarray(0, length)
    this.#left = this.#left.subarray(length)
    return taken
  }
}
