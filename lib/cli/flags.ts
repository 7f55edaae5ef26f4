import fs from 'node:fs'
import { InvalidArgumentError } from 'commander'
import { withoutByteOrderMark } from '../formats/line-ends'
import { DIGEST_ALGORITHMS, type DigestAlgorithm } from '../formats/digest-algorithms'
import { isPelicanUrl, parseUrl } from '../formats/url'
import type { IgwnAuthOptions } from '../options'
import { pathName, shellWord } from '../secrets/sanitize'
import { withScheme } from '../tokens/target-audience'
import { CommandError, EXIT, fileError, usageError } from './errors'

export interface TokenFlags {
  readonly scope?: readonly string[]
  readonly audience?: readonly string[]
  readonly issuer?: readonly string[]
  readonly minTimeLeft?: number
  readonly strict?: boolean
  readonly verify?: boolean
}

export interface CertificateFlags {
  readonly cert?: string
  readonly key?: string
  readonly passphraseFile?: string
}

export interface TrustFlags {
  readonly cacert?: string
  readonly capath?: string
}

export interface CredentialFlags extends TokenFlags, CertificateFlags, TrustFlags {
  /** False with `--no-token`; the same for the next two. */
  readonly token: boolean
  readonly x509: boolean
  readonly netrc: boolean
  readonly netrcFile?: string
  readonly failIfNoAuth?: boolean
  readonly allowInsecureHttp?: boolean
  readonly trustedOrigin?: readonly string[]
}

/** The same as options of the library, without undefined ones. */
export function authOptions(flags: CredentialFlags): IgwnAuthOptions {
  const { token, x509, netrc, netrcFile, scope, audience, issuer, minTimeLeft } = flags
  const { strict, verify, failIfNoAuth, allowInsecureHttp, trustedOrigin } = flags
  if (!x509 && flags.cert !== undefined) throw usageError('--cert and --no-x509 contradict each other')
  if (!netrc && netrcFile !== undefined) throw usageError('--netrc-file and --no-netrc contradict each other')
  return defined({
    token: token ? undefined : false,
    tokenScope: scope,
    tokenAudience: audience,
    tokenIssuer: issuer,
    tokenMinTimeLeft: minTimeLeft,
    cert: x509 ? certOf(flags) : false,
    passphrase: passphraseOf(flags),
    netrc: netrc ? netrcFile : false,
    strict,
    verify,
    failIfNoAuth,
    allowInsecureHttp,
    trustedOrigins: trustedOrigin,
  })
}

/** The same object without undefined values. */
export function defined<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>
}

type Defined<T> = { [Name in keyof T]?: Exclude<T[Name], undefined> }

/** The certificate that `--cert` and `--key` name. */
export function certOf({ cert, key }: CertificateFlags): string | [string, string] | undefined {
  if (key === undefined) return cert
  if (cert === undefined) throw usageError('--key needs --cert, the certificate it belongs to')
  return [cert, key]
}

/** Reads the passphrase from a file, because others can see the arguments of a process. The file may be a pipe. */
export function passphraseOf({ passphraseFile }: CertificateFlags): (() => string) | undefined {
  if (passphraseFile === undefined) return undefined
  const name = pathName(passphraseFile)
  let text: string
  try {
    const stats = fs.statSync(passphraseFile)
    if (stats.isFile() && (stats.mode & 0o077) !== 0 && process.getuid)
      throw new CommandError(EXIT.refused, `${name} is accessible by others`, {
        fixes: [`chmod 600 ${shellWord(passphraseFile)}`],
      })
    text = withoutByteOrderMark(fs.readFileSync(passphraseFile, 'utf8')).split(/\r?\n/, 1)[0] ?? ''
  } catch (error) {
    throw error instanceof CommandError ? error : fileError(EXIT.unreadable, name, error)
  }
  return () => text
}

/** `--cacert` and `--capath` set the variables that the library reads. */
export function useTrustFlags({ cacert, capath }: TrustFlags): void {
  if (cacert !== undefined) process.env.REQUESTS_CA_BUNDLE = cacert
  if (capath !== undefined) process.env.X509_CERT_DIR = capath
}

/** Names `--cacert` and `--capath` in an error about the variables that they set. */
export function nameTrustFlags(error: CommandError, { cacert, capath }: TrustFlags): void {
  for (const [value, variable, option] of [
    [cacert, 'REQUESTS_CA_BUNDLE', '--cacert'],
    [capath, 'X509_CERT_DIR', '--capath'],
  ] as const) {
    if (value === undefined || !error.message.includes(variable)) continue
    const message = error.message.replaceAll(`${variable}=`, `${option} `).replaceAll(variable, option)
    error.message = message.replace(', or unset it', ', or leave it out')
    const fixes = error.details.fixes?.filter((fix) => fix !== `unset ${variable}`)
    error.details = { ...error.details, fixes }
  }
}

/** The URL of an argument. As with igwn-auth-utils, a host without a scheme means https. */
export function parseUrlArgument(word: string): URL {
  if (!isPelicanUrl(word)) return parseHttpUrl(word)
  const url = parseUrl(word)
  if (!url) throw usageError('invalid URL; expected a path in a federation, such as osdf:///igwn/file')
  return url
}

export function parseHttpUrl(word: string): URL {
  const url = parseUrl(withScheme(word))
  // The message does not repeat the text, which can hold a password.
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === '')
    throw usageError('invalid URL; expected http or https, such as https://host.example.org/path')
  return url
}

/** Parser of an option that can be repeated. */
export function parseList(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, parseText(text)]
}

/** The same; values can be empty. */
export function parseDataList(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}

export function parseOrigins(text: string, before: readonly string[] = []): readonly string[] {
  if (parseUrl(text)?.origin === text) return [...before, text]
  throw new InvalidArgumentError('Expected an origin, such as https://host or https://host:port.')
}

export function parseChecksum(text: string): 'any' | DigestAlgorithm {
  const found = (['any', ...DIGEST_ALGORITHMS] as const).find((one) => one === text)
  if (found) return found
  throw new InvalidArgumentError(`Expected any, ${DIGEST_ALGORITHMS.join(', ')}.`)
}

export function parseText(text: string): string {
  if (text.trim() !== '') return text
  throw new InvalidArgumentError('It is empty.')
}

export function parseSeconds(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && value < Infinity) return value
  throw new InvalidArgumentError('Expected a number of seconds, 0 or more.')
}

/** A duration in seconds: `300`, `300s`, `5m`, `12h`, `2d`. */
export function parseDuration(text: string): number {
  const [, count, unit = 's'] = /^(\d+(?:\.\d+)?)([smhd])?$/.exec(text) ?? []
  if (count !== undefined) return Number(count) * (UNIT_SECONDS[unit] ?? 1)
  throw new InvalidArgumentError('Expected a duration, such as 12h, 30m or 300s.')
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

export function parseCount(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Expected a whole number, 0 or more.')
}
