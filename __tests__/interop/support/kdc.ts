import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { freePorts, startDaemon } from './daemon'
import { newFolder, write } from './room'

export interface Kdc {
  /** Variables for programs that use it: their tickets are in a folder of this test. */
  readonly env: Readonly<Record<string, string>>
  /** The file with the key of an account, which needs no password. */
  keytab(account: string): string
  /** Gets a ticket, for so many seconds. */
  kinit(account: string, seconds?: number): void
  /** Removes all tickets. */
  kdestroy(): void
}

const REALM = 'LAB.EXAMPLE'

/** A KDC of MIT Kerberos with these accounts. It ends with the test file. */
export async function startKdc(accounts: readonly string[]): Promise<Kdc> {
  const folder = newFolder('kdc')
  const file = (name: string) => path.join(folder, name)
  const { kdc } = await freePorts('kdc')
  write(
    file('krb5.conf'),
    `[libdefaults]
  default_realm = ${REALM}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  udp_preference_limit = 1
[realms]
  ${REALM} = {
    kdc = 127.0.0.1:${kdc}
  }
[domain_realm]
  localhost = ${REALM}
`,
  )
  write(
    file('kdc.conf'),
    `[kdcdefaults]
  kdc_listen = 127.0.0.1:${kdc}
  kdc_tcp_listen = 127.0.0.1:${kdc}
[realms]
  ${REALM} = {
    database_name = ${file('principal')}
    key_stash_file = ${file('stash')}
    supported_enctypes = aes256-cts-hmac-sha1-96:normal
  }
[logging]
  kdc = FILE:${file('kdc.log')}
  default = FILE:${file('krb.log')}
`,
  )
  const env = {
    KRB5_CONFIG: file('krb5.conf'),
    KRB5_KDC_PROFILE: file('kdc.conf'),
    KRB5CCNAME: `FILE:${file('tickets')}`,
    KRB5RCACHENAME: `file2:${file('replays')}`,
  }
  const run = (program: string, ...args: string[]) =>
    execFileSync(program, args, { env: { PATH: `${process.env.PATH}:/usr/sbin`, ...env }, stdio: 'pipe' })
  run('kdb5_util', 'create', '-s', '-r', REALM, '-P', 'master')
  for (const account of accounts) {
    run('kadmin.local', '-q', `addprinc -randkey ${account}`)
    run('kadmin.local', '-q', `ktadd -k ${keytab(account)} ${account}`)
  }
  await startDaemon({ command: ['/usr/sbin/krb5kdc', '-n'], folder, port: kdc, env })
  return {
    env,
    keytab,
    kinit: (account, seconds = 3600) => {
      run('kinit', '-l', `${seconds}s`, '-k', '-t', keytab(account), account)
    },
    kdestroy: () => {
      run('kdestroy', '-q', '-A')
    },
  }

  function keytab(account: string): string {
    return file(`${account.replace('/', '-')}.keytab`)
  }
}
