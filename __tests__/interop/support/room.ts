import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

/** The folder of the whole run, which the runner creates and removes. Servers that run as other users can enter it. */
export const RUN_FOLDER = process.env.INTEROP_FOLDER ?? ''
if (RUN_FOLDER === '') throw new Error('Run these tests with `npm run test:interop`.')

/** A folder for one server or one test file, removed when the run ends. Other users can enter it if they know its name. */
export function newFolder(name: string): string {
  const folder = fs.mkdtempSync(path.join(RUN_FOLDER, `${name}-`))
  fs.chmodSync(folder, 0o711)
  return folder
}

/** Writes a file and creates its folders. By default, only the owner can read it. */
export function write(file: string, text: string | Uint8Array, mode = 0o600): string {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, text, { mode })
  fs.chmodSync(file, mode)
  return file
}

/** The user that a program runs as. */
export interface Identity {
  readonly uid: number
  readonly gid: number
}

/**
 * The user that a server runs as if the tests run as root, which some servers refuse. Undefined without root: no other user is
 * possible.
 */
export function identityOf(user: string): Identity | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

/** Changes the owner of a folder and its contents to the user that a server runs as. */
export function handOver(folder: string, to: Identity | undefined): void {
  if (!to) return
  fs.chownSync(folder, to.uid, to.gid)
  for (const name of fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    fs.lchownSync(path.join(folder, name), to.uid, to.gid)
}
