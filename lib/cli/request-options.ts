import fs from 'node:fs'
import path from 'node:path'
import { AxiosHeaders } from 'axios'
import { version } from '../../package.json'
import { formatBasicCredentials } from '../formats/basic-credentials'
import type { DigestAlgorithm } from '../formats/digest-algorithms'
import { pathName } from '../secrets/sanitize'
import { EXIT, fileError, usageError } from './errors'
import { defined, parseUrlArgument, type CredentialFlags } from './flags'
import { bytesOf, dataBody, formBody, uploadBody, type DataFlag, type RequestBody } from './request-body'
import { askPassword } from './terminal'

/** Flags of `igwn-auth request`, as commander parses them. */
export interface RequestFlags extends CredentialFlags {
  readonly output?: readonly string[]
  readonly remoteName?: boolean
  readonly request?: string
  readonly header?: readonly string[]
  readonly userAgent?: string
  readonly referer?: string
  readonly cookie?: string
  readonly range?: string
  readonly user?: string
  readonly data?: readonly DataFlag[]
  readonly get?: boolean
  readonly form?: readonly string[]
  readonly uploadFile?: string
  readonly head?: boolean
  readonly include?: boolean
  readonly dumpHeader?: string
  readonly writeOut?: string
  readonly fail?: boolean
  readonly silent?: boolean
  readonly showError?: boolean
  readonly verbose?: boolean
  readonly progressMeter?: boolean
  readonly compressed?: boolean
  readonly ipv4?: boolean
  readonly ipv6?: boolean
  readonly timeout: number
  readonly maxTime?: number
  /** Bytes per second. */
  readonly speedLimit?: number
  /** Seconds. */
  readonly speedTime?: number
  readonly retry: number
  readonly resume: boolean
  readonly sameSize?: boolean
  readonly checksum?: 'any' | DigestAlgorithm | false
}

/** A request without credentials. */
export interface RequestOptions {
  readonly url: URL
  readonly method: string
  readonly headers: AxiosHeaders
  readonly body: RequestBody | undefined
  readonly compressed: boolean
  /** Version of IP; both without. */
  readonly family: 4 | 6 | undefined
}

/** Makes the requests of a command line, one for each URL. Files and stdin are read once. */
export async function requestsOf(words: readonly string[], flags: RequestFlags): Promise<RequestOptions[]> {
  const { data, form, uploadFile, get, compressed = false, ipv4, ipv6 } = flags
  const bodies = [data, form, uploadFile].filter((one) => one !== undefined)
  if (bodies.length > 1) throw usageError('--data, --form and --upload-file contradict each other')
  if (get && (form ?? uploadFile) !== undefined) throw usageError('--get needs --data')
  if (flags.head && data && !get) throw usageError('--head has no body; with --get the data is in the URL')
  const method = methodOf(flags)
  const urls = words.map(parseUrlArgument)
  const headers = headersOf(flags)
  if (flags.user !== undefined) headers.set('Authorization', await basicOf(flags.user))
  const multipart = form && (await formBody(form))
  if (multipart) headers.set('Content-Type', multipart.contentType)
  const content = data && (await dataBody(data))
  if (get && content) {
    const query = (await bytesOf(content)).toString()
    for (const url of urls) url.search = [url.search.slice(1), query].filter(Boolean).join('&')
  }
  const body = uploadFile === undefined ? (multipart?.body ?? content) : uploadBody(uploadFile)
  return urls.map((url) => ({
    url: uploadFile === undefined ? url : uploadUrl(url, uploadFile),
    method,
    headers,
    body: get ? undefined : body,
    compressed,
    family: ipv4 ? 4 : ipv6 ? 6 : undefined,
  }))
}

function methodOf({ request, head, get, data, form, uploadFile }: RequestFlags): string {
  const hasBody = !get && (data !== undefined || form !== undefined)
  const method = request ?? (head ? 'HEAD' : uploadFile !== undefined ? 'PUT' : hasBody ? 'POST' : 'GET')
  if (!TOKEN.test(method)) throw usageError('--request must be a method, such as PUT')
  return method.toUpperCase()
}

/** `token` of RFC 9110 section 5.6.2. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/

/** What a field value cannot hold (RFC 9110 section 5.5). */
const NOT_IN_FIELD = /[^\t\x20-\x7e\x80-\xff]/

/** A value of `false` removes a header that axios or we would add. */
function headersOf(flags: RequestFlags): AxiosHeaders {
  const { header = [], userAgent, referer, cookie, range, compressed, data, uploadFile } = flags
  if ([userAgent, referer, cookie, range].some((value = '') => NOT_IN_FIELD.test(value)))
    throw usageError('a header value must be one line')
  if (cookie !== undefined && !cookie.includes('='))
    throw usageError("--cookie must be 'name=value'; cookies are not read from files")
  const isJson = data?.some(({ kind }) => kind === 'json')
  const headers = new AxiosHeaders({
    Accept: isJson ? 'application/json' : '*/*',
    // A download could otherwise be resumed in another coding.
    'Accept-Encoding': compressed ? 'gzip, deflate, br' : 'identity',
    // Empty: no such header, as in curl.
    'User-Agent': userAgent === '' ? false : (userAgent ?? `igwn-auth/${version}`),
    ...(isJson && { 'Content-Type': 'application/json' }),
    ...defined({ Referer: referer, Cookie: cookie, Range: range && `bytes=${range}` }),
    // axios would call an upload a form.
    ...(uploadFile !== undefined && { 'Content-Type': false }),
  })
  const given = new Map<string, { readonly name: string; readonly values: string[] }>()
  for (const line of header.flatMap(headerLines)) {
    const [, name = '', mark, rest = ''] = /^([^:;\s]+)([:;])(.*)$/s.exec(line) ?? []
    const value = rest.trim()
    // The message does not repeat the line, which can hold a password.
    if (!TOKEN.test(name) || NOT_IN_FIELD.test(value) || (mark === ';' && value !== ''))
      throw usageError(
        "--header must be one line 'Name: value'; 'Name:' removes a header, 'Name;' sends it empty",
      )
    const field = given.get(name.toLowerCase()) ?? { name, values: [] }
    given.set(name.toLowerCase(), field)
    if (value !== '' || mark === ';') field.values.push(value)
  }
  for (const { name, values } of given.values())
    headers.set(name, values.length === 0 ? false : values.length === 1 ? (values[0] ?? '') : values)
  return headers
}

function headerLines(word: string): string[] {
  if (!word.startsWith('@')) return [word]
  // In Latin-1 the byte order mark of UTF-8 is three characters.
  const text = readLatin1(word.slice(1)).replace(/^\xef\xbb\xbf/, '')
  return text.split(/\r?\n/).filter(Boolean)
}

function readLatin1(file: string): string {
  try {
    return fs.readFileSync(file === '-' ? 0 : file, 'latin1')
  } catch (error) {
    throw fileError(EXIT.unreadable, pathName(file), error)
  }
}

/** `user:password`, or `user`, whose password is asked for: others can see the arguments of a process. */
async function basicOf(user: string): Promise<string> {
  const colon = user.indexOf(':')
  const username = colon < 0 ? user : user.slice(0, colon)
  const password = colon < 0 ? await askPassword(`Password of ${username}: `) : user.slice(colon + 1)
  return formatBasicCredentials({ username, password })
}

/** To a URL that ends with a slash, the name of the file is appended, as curl does. */
function uploadUrl(url: URL, file: string): URL {
  if (!url.pathname.endsWith('/') || file === '-') return url
  const next = new URL(url)
  next.pathname += encodeURIComponent(path.basename(file))
  return next
}
