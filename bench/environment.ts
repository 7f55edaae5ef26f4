import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** An isolated environment for measurements. */
export interface Environment {
  /** Makes a folder in it. */
  folder(name: string): string
  /** Deletes its folders. */
  remove(): void
}

/** Variables that would change the result, or lead to credentials of the user. */
const FROM_OUTSIDE =
  /^(SCITOKEN|BEARER_TOKEN|_CONDOR|X509_|IGWN_|NETRC$|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|SSL_CERT|NODE_EXTRA_CA|ALL_PROXY$|HTTPS?_PROXY$|NO_PROXY$)/i

/**
 * Gives this process and its children an empty home and runtime folder, and an environment without credentials. The default
 * files in `/tmp` are named after the user id, so an unused id is set.
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
  process.getuid = process.geteuid = () => UNUSED_ID
  return {
    folder,
    remove() {
      fs.rmSync(top, { recursive: true, force: true })
    },
  }
}

const UNUSED_ID = 4_200_000_123

/** Where htgettoken stores a token: the usual case, with the most locations before it. */
export function usualTokenFile(): string {
  return path.join(process.env.XDG_RUNTIME_DIR ?? '', `bt_u${UNUSED_ID}`)
}

/** Writes files, and waits until a later change is certain to have another modification time. */
export async function settled(write: () => void): Promise<void> {
  write()
  await new Promise((resolve) => setTimeout(resolve, 200))
}
