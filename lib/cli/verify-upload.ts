import { checksum } from '../formats/checksum'
import { DIGEST_ALGORITHMS, type DigestAlgorithm } from '../formats/digest-algorithms'
import { isPelicanUrl } from '../formats/url'
import { CommandError, EXIT, Interrupted } from './errors'
import { hostOf, type Response, type Send } from './http-client'
import type { RequestBody } from './request-body'
import type { RequestFlags, RequestOptions } from './request-options'
import type { StreamedBody } from './transport'
import { checksumChoice, digestOf, type ChecksumChoice } from './verify-download'

/** An upload whose digest is compared with the one that the server names afterwards. */
export interface VerifiedUpload {
  readonly request: RequestOptions
  /**
   * @param head - sends a HEAD request, with more header fields
   * @throws CommandError where the server stored something else, or names no digest that is required
   */
  check(response: Response, head: Send): Promise<void>
}

/** Undefined for a request that is no upload, or is not verified. */
export function verifiedUpload(request: RequestOptions, flags: RequestFlags): VerifiedUpload | undefined {
  const { method, body, url } = request
  const choice = checksumChoice(flags, isPelicanUrl(url.href))
  if (method !== 'PUT' || body === undefined || choice === undefined) return undefined
  const hashed = new HashedBody(body, choice)
  return {
    request: { ...request, body: hashed },
    async check({ status }, head) {
      if (status >= 300) return
      const host = hostOf(url)
      const { algorithms } = hashed
      const digest = await digestOf(choice, host, head, { algorithms }).catch((error: unknown) => {
        // The file is stored. A token that may write may lack the right to read.
        if (choice === 'offered' && !(error instanceof Interrupted)) return undefined
        throw error
      })
      if (!digest && choice === 'offered') return
      if (!digest)
        throw new CommandError(
          EXIT.transfer,
          `${host} does not say what it stored, so the upload is not verified`,
          {
            fixes: ['give the token the right to read, or leave --checksum out'],
          },
        )
      const { algorithm, value } = digest
      const actual = hashed.digest(algorithm)
      if (actual === value) return
      throw new CommandError(
        EXIT.transfer,
        `${host} stored a file with ${algorithm} ${value}, and what was sent has ${actual ?? 'another one'}`,
        { fixes: ['upload it again'] },
      )
    },
  }
}

/** The upload as HEAD: in a federation it is the origin that was written to, not a cache. */
export function headOfUpload({ url, ...request }: RequestOptions): RequestOptions {
  const target = new URL(url)
  if (isPelicanUrl(url.href) && !target.searchParams.has('directread'))
    target.search = target.search === '' ? '?directread' : `${target.search}&directread`
  return { ...request, url: target, method: 'HEAD', body: undefined }
}

/** Those that storage servers have. What comes from a pipe is sent once, before the server says which one it has. */
const HASHED: readonly DigestAlgorithm[] = ['adler32', 'crc32', 'crc32c', 'md5']

/** A body that is hashed while it is sent. */
class HashedBody implements StreamedBody {
  readonly algorithms: readonly DigestAlgorithm[]
  readonly #body: RequestBody
  #sums: Map<DigestAlgorithm, ReturnType<typeof checksum>> = new Map()

  constructor(body: RequestBody, choice: ChecksumChoice) {
    this.#body = body
    this.algorithms = DIGEST_ALGORITHMS.filter((name) =>
      choice === 'any' || choice === 'offered' ? HASHED.includes(name) : name === choice,
    )
  }

  get size(): number | undefined {
    return Buffer.isBuffer(this.#body) ? this.#body.length : this.#body.size
  }

  get canResend(): boolean {
    return Buffer.isBuffer(this.#body) || this.#body.canResend
  }

  async *chunks(): AsyncGenerator<Buffer> {
    this.#sums = new Map(this.algorithms.map((name) => [name, checksum(name)]))
    for await (const chunk of Buffer.isBuffer(this.#body) ? [this.#body] : this.#body.chunks()) {
      for (const sum of this.#sums.values()) sum.update(chunk)
      yield chunk
    }
  }

  digest(algorithm: DigestAlgorithm): string | undefined {
    return this.#sums.get(algorithm)?.digest()
  }
}
