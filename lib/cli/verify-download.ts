import { createReadStream } from 'node:fs'
import type { AxiosHeaders } from 'axios'
import { publish, type IgwnAuthEventListener } from '../events'
import { checksum, type Checksum } from '../formats/checksum'
import { DIGEST_ALGORITHMS, type DigestAlgorithm } from '../formats/digest-algorithms'
import { isPelicanUrl } from '../formats/url'
import { parseDigests, wantDigest, type Digest } from '../formats/digest-fields'
import { CommandError, EXIT } from './errors'
import { hostOf, type Response } from './http-client'
import type { PartFile } from './part-file'
import type { RequestFlags } from './request-options'

/** What `--checksum` asks for: `any` or an algorithm is required; `offered` is verified where the server has a digest. */
export type ChecksumChoice = 'offered' | 'any' | DigestAlgorithm

/** @param isDefault - whether it is verified without the option, where the server has a digest */
export function checksumChoice(
  { checksum: chosen }: RequestFlags,
  isDefault: boolean,
): ChecksumChoice | undefined {
  if (chosen !== undefined) return chosen === false ? undefined : chosen
  return isDefault ? 'offered' : undefined
}

export interface DigestOptions {
  /** Those that are accepted. Default is all. */
  readonly algorithms?: readonly DigestAlgorithm[]
  /** Gets a warning where a digest is not used. */
  readonly onEvent?: IgwnAuthEventListener | undefined
}

/** The digest of the whole file, as the server names it in response to HEAD; undefined for none that is needed. */
export async function digestOf(
  choice: ChecksumChoice,
  host: string,
  head: (fields: Readonly<Record<string, string>>) => Promise<Response>,
  { algorithms = DIGEST_ALGORITHMS, onEvent }: DigestOptions = {},
): Promise<Digest | undefined> {
  const named = algorithms.filter((one) => one === choice)
  const accepted = named.length > 0 ? named : algorithms
  const response = await head(wantDigest(accepted))
  response.discard()
  // A 404 may come from a cache whose origin does not respond; the download has an error of its own.
  const { digests, skipped } =
    response.status < 300
      ? parseDigests((name) => fieldOf(response.headers, name))
      : { digests: [], skipped: [] }
  const digest = digests.find(({ algorithm }) => accepted.includes(algorithm))
  if (digest ?? (choice === 'offered' || response.status >= 300)) {
    const message = `a digest is not used: ${skipped.join('; ')}`
    if (skipped.length > 0) publish({ type: 'warning', source: host, message }, onEvent)
    return digest
  }
  throw noDigest(choice, host, skipped)
}

/** The error for a server without a digest that is required. */
export function noDigest(choice: ChecksumChoice, host: string, lines: readonly string[] = []): CommandError {
  const kind = choice === 'any' ? '' : `${choice} `
  return new CommandError(EXIT.transfer, `${host} names no ${kind}digest of the file`, {
    lines,
    fixes: ['leave --checksum out'],
  })
}

function fieldOf(headers: AxiosHeaders, name: string): string | undefined {
  return headers.get(name)?.toString()
}

/** A part file that is hashed while it is written. */
export interface VerifiedPart {
  readonly part: PartFile
  /** @throws CommandError when the file has another digest; the part file is then dropped */
  check(): Promise<void>
}

/**
 * Hashes a part file while it is written; what was there already is read first.
 *
 * @param digest - of the whole file
 */
export function verifiedPart(part: PartFile, url: URL, { algorithm, value }: Digest): VerifiedPart {
  let sum: Checksum = checksum(algorithm)
  let hashed = 0
  const add = (chunk: Uint8Array) => {
    sum.update(chunk)
    hashed += chunk.length
  }
  const reset = () => {
    sum = checksum(algorithm)
    hashed = 0
  }
  const catchUp = async () => {
    if (hashed === part.position) return
    reset()
    const rest = createReadStream(part.path, { end: part.position - 1, highWaterMark: READ_BYTES })
    for await (const chunk of rest) add(chunk as Buffer)
  }

  return {
    part: Object.create(part, {
      write: {
        async value(chunk: Buffer) {
          await catchUp()
          add(chunk)
          await part.write(chunk)
        },
      },
      restart: {
        async value(...[source]: Parameters<PartFile['restart']>) {
          reset()
          await part.restart(source)
        },
      },
    }) as PartFile,
    async check() {
      await catchUp()
      const actual = sum.digest()
      if (actual === value) return
      // To resume it would give the same file again.
      await part.restart(undefined)
      throw new CommandError(
        EXIT.transfer,
        `the file has ${algorithm} ${actual}, and ${hostOf(url)} names ${value}; it was not saved`,
        {
          fixes: [
            isPelicanUrl(url.href)
              ? 'run the same command again; a cache of a federation may have a damaged copy: add ?directread'
              : 'run the same command again; if the server names a wrong digest, add --no-checksum',
          ],
        },
      )
    },
  }
}

const READ_BYTES = 1024 * 1024
