import fs from 'node:fs'
import type { Command } from 'commander'
import type { IgwnAuthOptions } from '../options'
import { pathName } from '../secrets/sanitize'
import { EXIT } from './exit-code'
import { Failure, usageFailure } from './failure'
import { filled, seconds, texts } from './values'

/** What the command line says of tokens. */
export interface TokenFlags {
  readonly scope?: readonly string[]
  readonly audience?: readonly string[]
  readonly issuer?: readonly string[]
  readonly minTimeLeft?: number
  readonly strict?: boolean
  readonly verify?: boolean
}

/** What it says of a certificate. */
export interface CertificateFlags {
  readonly cert?: string
  readonly key?: string
  readonly passphraseFile?: string
}

/** What it says of all credentials; what is on unless it is switched off is never undefined. */
export interface CredentialFlags extends TokenFlags, CertificateFlags {
  readonly token: boolean
  readonly x509: boolean
  readonly netrc: boolean
  readonly netrcFile?: string
  readonly failIfNoAuth?: boolean
  readonly allowInsecureHttp?: boolean
  readonly trustedOrigin?: readonly string[]
}

export function addTokenFlags(command: Command): Command {
  return command
    .optionsGroup('Which token:')
    .option('--scope <scope>', 'a scope it must give; several by spaces, or by several --scope', texts)
    .option('--audience <audience>', 'whom it must be for; of several --audience one will do', texts)
    .option('--issuer <issuer>', 'who must have made it; of several --issuer one will do', texts)
    .option('--min-time-left <seconds>', 'life it must have left (default: 60)', seconds)
    .option('--strict', 'stop at the first broken token in place of passing it over')
    .option('--verify', "check its signature with the issuer's keys, over the network")
}

export function addCertificateFlags(command: Command): Command {
  return command
    .optionsGroup('Which certificate:')
    .option(
      '--cert <file>',
      'the certificate, with its chain; with its key too, unless --key names that',
      filled,
    )
    .option('--key <file>', 'the key of --cert', filled)
    .option('--passphrase-file <file>', 'has the passphrase of an encrypted key in its first line', filled)
}

export function addCredentialFlags(command: Command): Command {
  return addCertificateFlags(addTokenFlags(command))
    .optionsGroup('Which credentials:')
    .option('--no-token', 'no token')
    .option('--no-x509', 'no certificate')
    .option('--no-netrc', 'no login from netrc')
    .option('--netrc-file <file>', 'logins are in this file', filled)
    .option('--fail-if-no-auth', 'send nothing without a credential')
    .option('--allow-insecure-http', 'let credentials cross clear-text http')
}

/** The same as options of the library. */
export function authOptionsOf(flags: CredentialFlags): IgwnAuthOptions {
  const { scope, audience, issuer, minTimeLeft, strict, verify } = flags
  const { token, x509, netrc, netrcFile, failIfNoAuth, allowInsecureHttp, trustedOrigin } = flags
  if (!x509 && flags.cert !== undefined) throw usageFailure('--cert and --no-x509 contradict each other')
  if (!netrc && netrcFile !== undefined)
    throw usageFailure('--netrc-file and --no-netrc contradict each other')
  const certificate = x509 ? certOf(flags) : false
  const netrcOption = netrc ? netrcFile : false
  return {
    ...(!token && { token: false }),
    tokenScope: scope,
    tokenAudience: audience,
    tokenIssuer: issuer,
    tokenMinTimeLeft: minTimeLeft,
    ...(certificate !== undefined && { cert: certificate }),
    passphrase: passphraseOf(flags),
    ...(netrcOption !== undefined && { netrc: netrcOption }),
    strict,
    verify,
    failIfNoAuth,
    allowInsecureHttp,
    trustedOrigins: trustedOrigin,
  }
}

/** The certificate that is named; undefined for none. */
export function certOf({ cert, key }: CertificateFlags): string | [string, string] | undefined {
  if (key === undefined) return cert
  if (cert === undefined) throw usageFailure('--key needs --cert, the certificate it belongs to')
  return [cert, key]
}

/**
 * The passphrase. Words of a command line can be read by everybody on the machine, so it is in a file; a pipe will do, as
 * `<(pass show grid)` makes one.
 */
export function passphraseOf({ passphraseFile }: CertificateFlags): (() => string) | undefined {
  if (passphraseFile === undefined) return undefined
  const text = readPassphrase(passphraseFile)
  return () => text
}

function readPassphrase(file: string): string {
  const name = pathName(file)
  let text: string
  try {
    const stats = fs.statSync(file)
    if (stats.isFile() && (stats.mode & 0o077) !== 0 && process.getuid)
      throw new Failure(EXIT.refused, `${name} can be reached by others`, [`to mend it: chmod 600 ${name}`])
    text = fs.readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure(
      EXIT.unreadable,
      `${name} cannot be read (${(error as NodeJS.ErrnoException).code ?? ''})`,
    )
  }
  return text.split(/\r?\n/, 1)[0] ?? ''
}
