import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** A machine of our own to measure on. */
export interface Environment {
  /** Makes a folder in it. */
  folder(name: string): string
  /** Takes it off the disk again. */
  remove(): void
}

/** What would change the result, or lead to somebody's credentials. */
const FROM_OUTSIDE =
  /^(SCITOKEN|BEARER_TOKEN|_CONDOR|X509_|IGWN_|NETRC$|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|SSL_CERT|NODE_EXTRA_CA|ALL_PROXY$|HTTPS?_PROXY$|NO_PROXY$)/i

/**
 * Gives this process, and those it starts, a home and a runtime folder that are empty, and an environment without
 * credentials. What is in the default places of the machine, in `/tmp`, is named by user ids that nobody has.
 */
export function isolatedEnvironment(): Environment {
  for (const name of Object.keys(process.env))
    if (FROM_OUTSIDE.test(name)) Reflect.deleteProperty(process.env, name)
  const top = fs.mkdtempSync(path.join(os.tmpdir(), 'axios-igwn-auth-bench-'))
  const folder = (name: string): string => {
    const made = path.join(top, name)
    fs.mkdirSync(made, { mode: 0o700 })
    return made
  }
  process.env.HOME = folder('home')
  process.env.XDG_RUNTIME_DIR = folder('run')
  process.env.TMPDIR = folder('tmp')
  process.getuid = process.geteuid = () => NOBODY
  return {
    folder,
    remove() {
      fs.rmSync(top, { recursive: true, force: true })
    },
  }
}

const NOBODY = 4_200_000_123

/** Where htgettoken puts a token, and where discovery finds it: the usual case, and the one with most places before it. */
export function usualTokenFile(): string {
  return path.join(process.env.XDG_RUNTIME_DIR ?? '', `bt_u${NOBODY}`)
}

/** Writes a file and lets the clock of the file system move on, past the time in which a change could go unseen. */
export async function settled(write: () => void): Promise<void> {
  write()
  await new Promise((resolve) => setTimeout(resolve, 200))
}
