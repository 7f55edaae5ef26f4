import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Environment } from '../bench/environment'
import { LOGIN } from './login'
import type { Site } from './site'
import type { Ask } from './start-site'

/** Milliseconds. */
const EVERY = 1000

/**
 * Writes the credentials and renews them every second: usually by rename, sometimes in place and in pieces. Sometimes all
 * older tokens are refused at once.
 */
export async function renewal(environment: Environment, site: Site, ask: Ask) {
  const folder = environment.folder('credentials')
  const file = (name: string) => path.join(folder, name)
  const byRename = (name: string, text: string) => {
    fs.writeFileSync(file('new'), text, { mode: 0o600 })
    fs.renameSync(file('new'), file(name))
  }
  process.env.SCITOKEN_FILE = file('token-a')
  process.env._CONDOR_CREDS = environment.folder('condor')
  process.env.BEARER_TOKEN_FILE = file('token-b')
  process.env.X509_USER_PROXY = file('proxy')
  process.env.NETRC = file('netrc')
  process.env.REQUESTS_CA_BUNDLE = file('ca')
  byRename('ca', site.ca)

  let count = 0
  await renew()
  return {
    get count() {
      return count
    },
    async until(end: number): Promise<void> {
      while (Date.now() < end) {
        await wait(EVERY)
        await renew()
      }
    },
  }

  async function renew(): Promise<void> {
    const { a, b } = await ask('renew')
    // The next candidate while the first file is incomplete.
    fs.writeFileSync(path.join(folder, 'new'), a, { mode: 0o600 })
    fs.renameSync(file('new'), path.join(String(process.env._CONDOR_CREDS), 'a.use'))
    byRename('token-b', b)
    if (count % 4 === 3) await inPieces(file('token-a'), a)
    else byRename('token-a', a)
    if (count % 5 === 0) byRename('proxy', await ask('proxy'))
    if (count % 7 === 0)
      byRename(
        'netrc',
        `machine 127.0.0.1 login ${LOGIN.username} password "${LOGIN.password}"\n# ${count}\n`,
      )
    await ask('placed')
    if (count % 3 === 2) await ask('revoke')
    count += 1
  }
}

async function inPieces(file: string, text: string): Promise<void> {
  const descriptor = fs.openSync(file, 'w', 0o600)
  for (let at = 0; at < text.length; at += 60) {
    fs.writeSync(descriptor, text.slice(at, at + 60))
    await wait(1)
  }
  fs.closeSync(descriptor)
}
