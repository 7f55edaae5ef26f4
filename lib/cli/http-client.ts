import { addAbortSignal, type Readable } from 'node:stream'
import { AxiosHeaders, type AxiosResponse } from 'axios'
import type { IgwnAxiosError, Refusal } from '../explain/refusal'
import { igwnAxios } from '../instance/igwn-axios'
import type { IgwnAuthOptions } from '../options'
import { EXIT } from './exit-code'
import { BrokenOff } from './failure'
import { connectionFailure } from './connection-failure'
import type { Outgoing } from './request-options'
import { patience, type Patience } from './idle-timeout'

/** An answer, whatever its status. */
export interface Reply {
  readonly status: number
  readonly statusText: string
  readonly httpVersion: string
  readonly headers: AxiosHeaders
  /** What is known of a refusal: 401 and 403. */
  readonly refusal: Refusal | undefined
  /**
   * The body as it was sent. To stop reading lets go of the connection.
   *
   * @throws BrokenOff when the connection ends before the body does
   */
  body(): AsyncGenerator<Buffer>
  /** Lets go of the connection, unread. */
  discard(): void
}

/**
 * Sends the request, each time with credentials found afresh.
 *
 * @param more - header fields for this time
 * @throws Failure when there is no answer; IgwnAuthError when nothing leaves
 */
export type Courier = (more?: Readonly<Record<string, string>>) => Promise<Reply>

export interface Limits {
  /** Seconds that the server may say nothing. */
  readonly silence: number
  /** Ends all, also between two sends. */
  readonly signal: AbortSignal
}

export function courier(outgoing: Outgoing, igwnAuth: IgwnAuthOptions, { silence, signal }: Limits): Courier {
  const { url, method, headers, data } = outgoing
  const late = () => new BrokenOff(EXIT.timeout, `${url.host} was silent for ${silence} seconds`)

  return async (more = {}) => {
    const waiting = patience(silence * 1000, signal, late)
    try {
      const response = await waiting.during(
        igwnAxios.request<Readable>({
          url: url.href,
          method,
          headers: AxiosHeaders.concat(headers, more),
          data,
          responseType: 'stream',
          // As it was sent: what a file holds is what the server has.
          decompress: false,
          validateStatus: (status) => status < 400,
          signal: waiting.signal,
          igwnAuth,
        }),
      )
      return replyOf(response, waiting)
    } catch (error) {
      const { response, igwnAuth: refusal } = error as IgwnAxiosError<Readable>
      if (response) return replyOf(response, waiting, refusal)
      throw waiting.reason() ?? connectionFailure(error, url)
    }
  }
}

function replyOf(response: AxiosResponse<Readable>, waiting: Patience, refusal?: Refusal): Reply {
  const { status, statusText, data } = response
  const { httpVersion } = data as { httpVersion?: string }
  return {
    status,
    statusText,
    httpVersion: httpVersion ?? '1.1',
    headers: AxiosHeaders.from(response.headers as AxiosHeaders),
    refusal,
    body: () => chunksOf(data, waiting),
    discard: () => {
      data.on('error', () => undefined).destroy()
    },
  }
}

async function* chunksOf(data: Readable, waiting: Patience): AsyncGenerator<Buffer> {
  // axios stops heeding its signal at some time; we do not.
  addAbortSignal(waiting.signal, data)
  const chunks = data[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  try {
    for (;;) {
      const next = await waiting.during(chunks.next())
      if (next.done) return
      yield next.value
    }
  } catch (error) {
    throw waiting.reason() ?? brokenOff(error)
  } finally {
    data.on('error', () => undefined).destroy()
  }
}

function brokenOff(error: unknown): BrokenOff {
  const { code, message } = error as NodeJS.ErrnoException
  return new BrokenOff(EXIT.partial, `the answer broke off (${code ?? message})`)
}
