/**
 * Runs before every test file: creates a home, a runtime folder, a cache and a temporary folder, removes credentials from the
 * environment, and replaces `/tmp` by a folder, so that `/tmp/bt_u<uid>` and `/tmp/x509up_u<uid>` of this host are never read.
 * Lists of different lengths are not equal.
 */
import './watch-errors'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { processEnvironment } from '../../lib/environment'

const FROM_OUTSIDE =
  /^(SCITOKEN|BEARER_TOKEN|_CONDOR|X509_|IGWN_|NETRC$|OIDC_|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|SSL_CERT|NODE_EXTRA_CA|HTGETTOKEN|ALL_PROXY$|HTTPS?_PROXY$|NO_PROXY$)/i

for (const name of Object.keys(process.env)) if (FROM_OUTSIDE.test(name)) delete process.env[name]

// Of a program that is not found, messages name folders of PATH that cannot be read.
process.env.PATH = (process.env.PATH ?? '')
  .split(path.delimiter)
  .filter((one) => isReadable(one))
  .join(path.delimiter)

function isReadable(one: string): boolean {
  try {
    fs.accessSync(one, fs.constants.X_OK)
    return true
  } catch {
    return false
  }
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'axios-igwn-auth-test-'))
const room = (name: string) => {
  const made = path.join(folder, name)
  fs.mkdirSync(made, { mode: 0o700 })
  return made
}
process.env.HOME = room('home')
process.env.XDG_RUNTIME_DIR = room('run')
delete process.env.XDG_STATE_HOME
process.env.XDG_CACHE_HOME = room('cache')
process.env.TMPDIR = room('tmp')

processEnvironment.temporaryFolder = room('slash-tmp')
// The mode of /tmp: all users can create files in it.
fs.chmodSync(processEnvironment.temporaryFolder, 0o1777)

// toEqual ignores undefined at the end of a list: no request at all would be equal to one without a header field.
const { addEqualityTesters } = expect as unknown as {
  addEqualityTesters: (testers: ((one: unknown, other: unknown) => boolean | undefined)[]) => void
}
addEqualityTesters([
  (one, other) =>
    Array.isArray(one) && Array.isArray(other) && one.length !== other.length ? false : undefined,
])

const workingFolder = process.cwd()
afterAll(() => {
  // A test that timed out may have left the process in the folder; without a working folder, all later test files fail.
  process.chdir(workingFolder)
  fs.rmSync(folder, { recursive: true, force: true })
})
