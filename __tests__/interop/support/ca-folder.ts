import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import type { Authority } from '../../support/pki'
import { write } from './room'
import { subjectOf } from './subject-of'

/**
 * A folder of grid CAs such as `/etc/grid-security/certificates`: each certificate under the hash of its name, as OpenSSL computes
 * it now and before 1.0, with its signing policy.
 */
export function caFolder(folder: string, ...authorities: readonly Authority[]): string {
  for (const [index, authority] of authorities.entries())
    write(path.join(folder, `ca-${index}.pem`), authority.certificate, 0o644)
  fs.chmodSync(folder, 0o755)
  execFileSync('openssl', ['rehash', '-compat', folder])
  for (const link of fs.readdirSync(folder).filter((name) => name.endsWith('.0'))) {
    const certificate = fs.readFileSync(path.join(folder, link), 'utf8')
    write(path.join(folder, `${link.slice(0, -2)}.signing_policy`), policyFor(certificate), 0o644)
  }
  return folder
}

/** The signing policy that Globus and VOMS also require: the subjects that a CA may sign. */
function policyFor(certificate: string): string {
  return `access_id_CA X509 '${subjectOf(certificate)}'
pos_rights globus CA:sign
cond_subjects globus '"/DC=org/DC=example/*"'
`
}
