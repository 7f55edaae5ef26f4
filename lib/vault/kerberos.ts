import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { variable } from '../environment'
import type { ReasonCode } from '../errors'
import { printable } from '../secrets/sanitize'

/** The part of the package `kerberos` that is used. */
export interface KerberosModule {
  /** Makes a client for a service, named `host@vault.example.org`. */
  initializeClient(service: string): Promise<{
    /** The first token of a negotiation, in Base64. */
    step(challenge: string): Promise<string>
  }>
}

/** A token for `Authorization: Negotiate`, or why there is none. Secret. */
export type KerberosToken =
  { readonly token: string } | { readonly code: ReasonCode; readonly problem: string }

/** Gets a Kerberos token for a service with the tickets or the keytab of this user. It is good for one request. */
export async function kerberosToken(host: string, given: KerberosModule | undefined): Promise<KerberosToken> {
  try {
    const kerberos = given ?? (await loadKerberos())
    if (!kerberos)
      return {
        code: 'unsupported',
        problem: 'is not available: the package kerberos is not installed. Run npm install kerberos',
      }
    const token = await withoutReverseDns(async () => {
      const client = await kerberos.initializeClient(`host@${host}`)
      return client.step('')
    })
    return { token }
  } catch (error) {
    return problemOf(error as Error)
  }
}

/** Its errors are plain ones, without a code. */
function problemOf({ message }: Error): KerberosToken {
  const said = printable(message.replace(/\s+/g, ' ').trim()).slice(-200)
  if (/No Kerberos credentials|No credentials cache/i.test(message))
    return { code: 'absent', problem: 'has no ticket. Run kinit' }
  if (/ticket expired/i.test(message)) return { code: 'expired', problem: 'has an expired ticket. Run kinit' }
  return { code: 'failed', problem: `failed: ${said}` }
}

/**
 * A server with several names has a service for one of them only, which the address does not lead to. The library reads its
 * configuration from the files that an environment variable names, so that one is set for as long as it takes.
 */
async function withoutReverseDns<T>(work: () => Promise<T>): Promise<T> {
  if (process.platform === 'win32') return work()
  const before = last
  const turn = (async () => {
    await before
    const file = path.join(os.tmpdir(), `krb5-${randomUUID()}.conf`)
    const configuration = process.env.KRB5_CONFIG
    fs.writeFileSync(file, '[libdefaults]\n  rdns = false\n', { flag: 'wx', mode: 0o600 })
    process.env.KRB5_CONFIG = `${file}:${variable(process.env, 'KRB5_CONFIG') ?? '/etc/krb5.conf'}`
    try {
      return await work()
    } finally {
      if (configuration === undefined) delete process.env.KRB5_CONFIG
      else process.env.KRB5_CONFIG = configuration
      fs.rmSync(file, { force: true })
    }
  })()
  last = turn.catch(() => undefined)
  return turn
}

/** The variable belongs to the process: one login after the other. */
let last: Promise<unknown> = Promise.resolve()

/** Loaded on first use; undefined if it is not installed. */
async function loadKerberos(): Promise<KerberosModule | undefined> {
  try {
    const { default: kerberos } = await import('kerberos')
    return kerberos
  } catch (error) {
    const { code } = error as { code?: unknown }
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}
