import fs from 'node:fs'
import { urlWithoutSecrets } from '../events'
import { pathName, printable } from '../secrets/sanitize'
import { CommandError, EXIT, fileError, usageError } from './errors'
import { json } from './format'
import type { Response } from './http-client'
import { fieldOf } from './partial-content'
import type { RequestOptions } from './request-options'

/** What happened to one URL. */
export interface Transfer {
  readonly request: RequestOptions
  /** Milliseconds since the epoch. */
  readonly start: number
  /** The same, when the last response started. */
  responseStart?: number
  /** The last response. */
  response?: Response
  /** Bytes. */
  sizeDownload: number
  sizeUpload: number
  /** How many requests were sent, downloads that were resumed included. */
  requests: number
  file?: string
  error?: CommandError
}

/** The variables of `--write-out`, by the names that curl gives them. */
export function variablesOf(transfer: Transfer): Record<string, string | number | null> {
  const { request, response, error, file, start, responseStart } = transfer
  const location = response && fieldOf(response.headers, 'Location')
  const { address = null, port = 0, lookup, connect, secureConnect } = response?.connection ?? {}
  const until = (time: number | undefined) => (time === undefined ? 0 : (time - start) / 1000)
  const seconds = until(Date.now())
  const speed = (size: number) => Math.round(size / Math.max(seconds, 0.001))
  return {
    url: urlWithoutSecrets(request.url),
    url_effective: urlWithoutSecrets(new URL(response?.url ?? request.url)),
    scheme: request.url.protocol.slice(0, -1),
    method: request.method,
    http_code: response?.status ?? 0,
    response_code: response?.status ?? 0,
    http_version: response?.httpVersion ?? '0',
    content_type: (response && fieldOf(response.headers, 'Content-Type')) ?? null,
    redirect_url:
      location !== undefined && URL.canParse(location, request.url.href)
        ? urlWithoutSecrets(new URL(location, request.url))
        : null,
    num_redirects: response?.redirects ?? 0,
    num_retries: Math.max(0, transfer.requests - 1),
    size_download: transfer.sizeDownload,
    size_upload: transfer.sizeUpload,
    speed_download: speed(transfer.sizeDownload),
    speed_upload: speed(transfer.sizeUpload),
    time_namelookup: until(lookup),
    time_connect: until(connect),
    time_appconnect: until(secureConnect),
    time_starttransfer: until(responseStart),
    time_total: seconds,
    remote_ip: address,
    remote_port: port,
    filename_effective: file === undefined ? null : pathName(file),
    exitcode: error?.exitCode ?? EXIT.ok,
    errormsg: error?.message ?? null,
  }
}

/** The text of a `--write-out` option: `@FILE` reads it from a file, `@-` from stdin. */
export function writeOutFormat(word: string): string {
  if (!word.startsWith('@')) return word
  const file = word.slice(1)
  try {
    return fs.readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw fileError(EXIT.unreadable, pathName(file), error)
  }
}

/** Checks the names of variables before anything is sent. */
export function checkFormat(format: string, transfer: Transfer): void {
  for (const [, name = ''] of format.matchAll(/%\{(\w*)\}/g))
    if (!SPECIAL.includes(name) && !Object.hasOwn(variablesOf(transfer), name))
      throw usageError(`--write-out has no variable ${name.slice(0, 40)}`)
}

const SPECIAL = ['json', 'stdout', 'stderr', 'onerror']

/** Prints the text of `--write-out` for one transfer. */
export function writeOut(format: string, transfer: Transfer): void {
  const variables = variablesOf(transfer)
  let stream: NodeJS.WriteStream = process.stdout
  for (const [piece] of format.matchAll(PIECES)) {
    if (piece === '%{stdout}') stream = process.stdout
    else if (piece === '%{stderr}') stream = process.stderr
    else if (piece === '%{onerror}') {
      if (!transfer.error) return
    } else stream.write(textOf(piece, variables, transfer))
  }
}

const PIECES = /%%|%\{\w*\}|%header\{[^}]*\}|\\[nrt\\]|[%\\]|[^%\\]+/g

const ESCAPES: Readonly<Record<string, string>> = {
  '%%': '%',
  '\\n': '\n',
  '\\r': '\r',
  '\\t': '\t',
  '\\\\': '\\',
}

/** Fit to be printed: a server may send secrets back, and characters that control a terminal. */
function shown(text: string, { response }: Transfer): string {
  return printable(response?.hide(text) ?? text)
}

function textOf(piece: string, variables: ReturnType<typeof variablesOf>, transfer: Transfer): string {
  if (piece === '%{json}') return json(recordOf(transfer, variables), 0)
  const header = /^%header\{(.*)\}$/.exec(piece)?.[1]
  if (header !== undefined)
    return shown((transfer.response && fieldOf(transfer.response.headers, header)) ?? '', transfer)
  const name = /^%\{(.*)\}$/.exec(piece)?.[1]
  return name === undefined ? (ESCAPES[piece] ?? piece) : shown(String(variables[name] ?? ''), transfer)
}

/** What `%{json}` prints: the variables, and for a failure its fixes. */
function recordOf(transfer: Transfer, variables: ReturnType<typeof variablesOf>): object {
  const { error } = transfer
  const { fixes = [], lines = [], data } = error?.details ?? {}
  const texts = Object.entries(variables).map(([name, value]) => {
    return [name, typeof value === 'string' ? (transfer.response?.hide(value) ?? value) : value]
  })
  return { ...(Object.fromEntries(texts) as object), ...(error && { details: lines, fixes }), ...data }
}
