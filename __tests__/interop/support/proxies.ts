/**
 * Proxy certificates from the usual grid tools. Each function returns the path of a new proxy file. `of` is the credential that
 * signs it: a file with the certificate and one with the key; for a proxy, both are the same file.
 */
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import type { Issued } from '../../support/pki'
import { newFolder, write } from './room'
import { subjectOf } from './subject-of'

export interface CredentialFiles {
  readonly cert: string
  readonly key: string
}

/** The certificate and key of a user: `usercert.pem`, `userkey.pem`. */
export function userFiles(user: Issued): CredentialFiles {
  const folder = newFolder('globus')
  return {
    cert: write(path.join(folder, 'usercert.pem'), user.certificate, 0o644),
    key: write(path.join(folder, 'userkey.pem'), user.key, 0o400),
  }
}

/** A proxy file as the credential for the next proxy. */
export function ofProxy(file: string): CredentialFiles {
  return { cert: file, key: file }
}

/** With Globus. `-limited`: a proxy that must not start jobs; `-old`: a legacy proxy from before RFC 3820. */
export function gridProxyInit(of: CredentialFiles, certificates: string, ...options: string[]): string {
  return make(
    (out) => [
      ...[
        'grid-proxy-init',
        '-q',
        '-cert',
        of.cert,
        '-key',
        of.key,
        '-out',
        out,
        '-valid',
        '11:00',
        '-bits',
        '2048',
      ],
      ...options,
    ],
    certificates,
  )
}

/** With VOMS, without attributes from a server. */
export function vomsProxyInit(of: CredentialFiles, certificates: string, ...options: string[]): string {
  return make(
    (out) => [
      ...['voms-proxy-init', '-rfc', '-quiet', '-cert', of.cert, '-key', of.key, '-out', out],
      ...['-valid', '11:00', '-bits', '2048', '-vomses', '/dev/null'],
      ...options,
    ],
    certificates,
  )
}

/** With VOMS, with attributes signed by the attribute issuer. */
export function vomsProxyFake(
  of: CredentialFiles,
  certificates: string,
  { vo, issuer }: { vo: string; issuer: CredentialFiles },
): string {
  return make(
    (out) => [
      ...[
        'voms-proxy-fake',
        '-rfc',
        '-quiet',
        '-cert',
        of.cert,
        '-key',
        of.key,
        '-out',
        out,
        '-hours',
        '11',
        '-bits',
        '2048',
      ],
      ...['-certdir', certificates, '-hostcert', issuer.cert, '-hostkey', issuer.key],
      ...['-voms', vo, '-fqan', `/${vo}/Role=NULL/Capability=NULL`, '-uri', 'localhost:15000'],
    ],
    certificates,
  )
}

/** With OpenSSL only, without grid tools. */
export function opensslProxy(
  of: CredentialFiles,
  { limited = false, pathLength }: { limited?: boolean; pathLength?: number } = {},
): string {
  const folder = newFolder('openssl')
  const at = (name: string) => path.join(folder, name)
  const serial = String(randomInt(1, 2 ** 31))
  const policy = limited ? '1.3.6.1.4.1.3536.1.1.1.9' : 'id-ppl-inheritAll'
  const constraint = pathLength === undefined ? '' : `,pathlen:${pathLength}`
  write(
    at('extensions'),
    `keyUsage=critical,digitalSignature,keyEncipherment\nproxyCertInfo=critical,language:${policy}${constraint}\n`,
  )
  const subject = `${subjectOf(fs.readFileSync(of.cert, 'utf8'))}/CN=${serial}`
  run([
    'openssl',
    'req',
    '-new',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-subj',
    subject,
    '-keyout',
    at('key'),
    '-out',
    at('request'),
  ])
  run([
    ...[
      'openssl',
      'x509',
      '-req',
      '-sha256',
      '-in',
      at('request'),
      '-CA',
      of.cert,
      '-CAkey',
      of.key,
      '-out',
      at('certificate'),
    ],
    ...['-set_serial', serial, '-days', '1', '-extfile', at('extensions')],
  ])
  const issuers = fs
    .readFileSync(of.cert, 'utf8')
    .match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----\n/g)
  const parts = [
    fs.readFileSync(at('certificate'), 'utf8'),
    fs.readFileSync(at('key'), 'utf8'),
    ...(issuers ?? []),
  ]
  return write(at('proxy'), parts.join(''))
}

function make(command: (out: string) => string[], certificates: string): string {
  const out = path.join(newFolder('proxy'), 'x509up')
  run(command(out), { X509_CERT_DIR: certificates })
  return out
}

/** @throws if the tool fails, with its output */
function run([program = '', ...args]: readonly string[], env: Readonly<Record<string, string>> = {}): void {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', HOME: process.env.HOME, ...env },
  })
  if (error) throw error
  if (status !== 0) throw new Error(`${program} ended with ${status ?? 'a signal'}:\n${stdout}${stderr}`)
}
