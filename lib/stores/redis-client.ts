import { kindOf } from '../check-values'
import { pause } from '../clock'
import { IgwnAuthError } from '../errors'
import { redact } from '../secrets/redact'

/** A client of Redis or Valkey: of ioredis, which has `call`, or of node-redis (`redis`, `@redis/client`), which has `sendCommand`. */
export interface RedisLike {
  /** ioredis: sends a command. */
  call?(command: string, ...parameters: string[]): Promise<unknown>
  /** node-redis: sends a command with its parameters. */
  sendCommand?(...parameters: never[]): unknown
}

/** Sends a command until Redis responds, so that a restart of Redis loses none. */
export type SendCommand = (...command: string[]) => Promise<unknown>

/**
 * Sends commands by the methods of either client. A command may be sent again after the connection was lost, so it has to have the
 * same result when it runs twice.
 *
 * The returned function rejects with {@link IgwnAuthError} `ERR_IGWN_STORE_UNUSABLE` when Redis refuses the command, and
 * `ERR_IGWN_STORE_UNREACHABLE` when it does not respond for ten seconds.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for anything that is not such a client
 */
export function redisCommands(client: RedisLike, owner: string, patience = PATIENCE): SendCommand {
  const has = (name: keyof RedisLike) =>
    typeof (client as RedisLike | null | undefined)?.[name] === 'function'
  if (!has('call') && !has('sendCommand'))
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      `${owner} needs a connected client of ioredis or node-redis, not ${kindOf(client)} without call and sendCommand.`,
    )
  const send = (command: string[]): Promise<unknown> => {
    const [name = '', ...parameters] = command
    return Promise.resolve(
      has('call') ? client.call?.(name, ...parameters) : client.sendCommand?.(...([command] as never[])),
    )
  }

  return async (...command) => {
    const deadline = performance.now() + patience
    for (;;) {
      try {
        return await within(Math.max(1, deadline - performance.now()), send(command))
      } catch (error) {
        const { name, message } = (error ?? {}) as { name?: unknown; message?: unknown }
        // Without the error as a cause: ioredis keeps the parameters of the command in it.
        const shown = redact(String(message), command)
        if (REPLIES.has(String(name)) && !STARTING.test(String(message)))
          throw new IgwnAuthError(
            'ERR_IGWN_STORE_UNUSABLE',
            `Redis refuses ${command[0] ?? ''}: ${shown}. Check the rights of its user.`,
          )
        if (performance.now() >= deadline)
          throw new IgwnAuthError(
            'ERR_IGWN_STORE_UNREACHABLE',
            `Redis did not respond within ${patience / 1000} seconds (${shown}). Check its address, and that it runs.`,
          )
        await pause(50)
      }
    }
  }
}

/** Milliseconds. */
const PATIENCE = 10_000

/** Names of the errors with which Redis itself responds: of ioredis, and of node-redis. */
const REPLIES: ReadonlySet<string> = new Set(['ReplyError', 'ErrorReply', 'SimpleError', 'BlobError'])

/** Replies of a Redis that starts, or that becomes the primary. */
const STARTING = /^(?:LOADING|BUSY|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|READONLY)\b/

/** A client waits for its connection, and may do so for a long time. */
async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error('no response'))
    }, milliseconds)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
