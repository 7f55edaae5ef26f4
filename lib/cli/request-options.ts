import fs from 'node:fs'
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { AxiosHeaders } from 'axios'
import { version } from '../../package.json'
import { pathName } from '../secrets/sanitize'
import { EXIT } from './exit-code'
import { Failure, usageFailure } from './failure'
import type { GetFlags } from './flags'
import { urlOf } from './url-of'

/** A request as the command line says it, without credentials. */
export interface Outgoing {
  readonly url: URL
  readonly method: string
  readonly headers: AxiosHeaders
  readonly data: Buffer | undefined
}

/** Reads files and stdin where the command line names them. */
export async function outgoingOf(word: string, flags: GetFlags): Promise<Outgoing> {
  const { method = flags.head ? 'HEAD' : flags.data ? 'POST' : 'GET' } = flags
  if (!TOKEN.test(method)) throw usageFailure(`--method must be the name of a method, as PUT`)
  return {
    url: urlOf(word),
    method: method.toUpperCase(),
    headers: headersOf(flags.header ?? []),
    data: flags.data && (await bodyOf(flags.data)),
  }
}

/** As `token` of RFC 9110 section 5.6.2. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/

/** What no field may hold (RFC 9110 section 5.5). */
const NOT_IN_FIELD = /[^\t\x20-\x7e\x80-\xff]/

/** What a header line says of its field; `false` keeps one out that would be there by itself. */
function headersOf(words: readonly string[]): AxiosHeaders {
  const headers = new AxiosHeaders({
    Accept: '*/*',
    // Else what is taken up could be of another coding than what is there.
    'Accept-Encoding': 'identity',
    'User-Agent': `igwn-auth/${version}`,
  })
  const given = new Map<string, { readonly name: string; readonly values: string[] }>()
  for (const line of words.flatMap(linesOf)) {
    const [, name = '', mark, rest = ''] = /^([^:;\s]+)([:;])(.*)$/s.exec(line) ?? []
    const value = rest.trim()
    // Without the line: it may hold a password.
    if (!TOKEN.test(name) || NOT_IN_FIELD.test(value) || (mark === ';' && value !== ''))
      throw usageFailure(
        "a --header must be 'Name: value' in one line; 'Name:' leaves one out, 'Name;' has it empty",
      )
    const field = given.get(name.toLowerCase()) ?? { name, values: [] }
    given.set(name.toLowerCase(), field)
    if (value !== '' || mark === ';') field.values.push(value)
  }
  for (const { name, values } of given.values())
    headers.set(name, values.length === 0 ? false : values.length === 1 ? (values[0] ?? '') : values)
  return headers
}

function linesOf(word: string): string[] {
  if (!word.startsWith('@')) return [word]
  const file = word.slice(1)
  try {
    return fs.readFileSync(file, 'latin1').split(/\r?\n/).filter(Boolean)
  } catch (error) {
    throw cannotRead(file, error)
  }
}

/** Several are joined by `&`, as curl joins them. */
async function bodyOf(words: readonly string[]): Promise<Buffer> {
  const parts: Buffer[] = []
  for (const word of words) {
    if (parts.length > 0) parts.push(Buffer.from('&'))
    parts.push(await dataOf(word))
  }
  return Buffer.concat(parts)
}

async function dataOf(word: string): Promise<Buffer> {
  if (!word.startsWith('@')) return Buffer.from(word)
  const file = word.slice(1)
  try {
    return file === '-' ? await buffer(process.stdin) : await readFile(file)
  } catch (error) {
    throw cannotRead(file === '-' ? 'stdin' : file, error)
  }
}

function cannotRead(file: string, error: unknown): Failure {
  const { code } = error as NodeJS.ErrnoException
  return new Failure(EXIT.unreadable, `${pathName(file)} cannot be read (${code ?? 'unknown error'})`)
}
