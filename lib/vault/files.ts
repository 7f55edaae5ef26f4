import fs from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { homeOf, processEnvironment, variable, type Environment } from '../environment'
import { IgwnAuthError, type Reason } from '../errors'
import { sharedFolderCheck } from '../files/access'
import { reasonFor } from '../files/describe-file'
import { readTextFile } from '../files/read-file'
import { failureText, removeTextFile, writeTextFile } from '../files/write-file'
import { pathName } from '../secrets/sanitize'

/** The file of htgettoken and igwn_auth_utils: the files of WLCG Bearer Token Discovery 1.0. */
export function defaultOutFile({ env, euid, temporaryFolder }: Environment): string {
  const named = variable(env, 'BEARER_TOKEN_FILE')
  if (named !== undefined) return named
  if (euid === undefined) throw noUserId('options.outfile or BEARER_TOKEN_FILE')
  return `${variable(env, 'XDG_RUNTIME_DIR') ?? temporaryFolder}/bt_u${euid}`
}

export function defaultVaultTokenFile({ euid, temporaryFolder }: Environment): string {
  if (euid === undefined) throw noUserId('options.vaulttokenfile')
  return `${temporaryFolder}/vt_u${euid}`
}

function noUserId(names: string): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_INVALID_OPTION',
    `This platform has no user ids, so there is no default file. Set ${names}.`,
  )
}

/** A path as htgettoken expands it: `%uid`, and `~` at its beginning. */
export function expanded(file: string, { env, euid }: Environment): string {
  return file.replaceAll('%uid', String(euid ?? '')).replace(/^~(?=\/|$)/, () => homeOf(env) ?? '~')
}

/** Whether a path is that of standard input or output, or of a file descriptor: nothing of it stays on a disk. */
export function isDevice(file: string): boolean {
  return descriptorOf(file) !== undefined
}

/** What they lead to may be a socket, which cannot be opened by its path. */
function descriptorOf(file: string): number | undefined {
  const [, name, number] = /^\/dev\/(?:(stdin|stdout|stderr)|fd\/(\d{1,4}))$/.exec(file) ?? []
  if (name !== undefined) return ['stdin', 'stdout', 'stderr'].indexOf(name)
  return number === undefined ? undefined : Number(number)
}

/** The line in a file; a reason if there is none, or another user could have put it there. */
export function readLine(file: string): { readonly text: string } | Reason {
  const source = pathName(file)
  const descriptor = descriptorOf(file)
  if (descriptor !== undefined) return lineIn(readDescriptor(file, descriptor), source)
  const found = readTextFile(file, MAX_BYTES, { check: isFromOthers })
  if (!found) return { code: 'absent', source, message: `${source} does not exist` }
  return 'problem' in found ? reasonFor(source, found) : lineIn(found.text, source)
}

function lineIn(text: string, source: string): { readonly text: string } | Reason {
  const line = text.trim()
  if (line === '') return { code: 'empty', source, message: `${source} is empty` }
  return /^[\x21-\x7e]+$/.test(line)
    ? { text: line }
    : { code: 'malformed', source, message: `${source} is not one line with one word` }
}

function readDescriptor(file: string, descriptor: number): string {
  try {
    return fs.readFileSync(descriptor, 'utf8')
  } catch (error) {
    throw unusable(file, failureText(error, 'read'))
  }
}

const isFromOthers = /* @__PURE__ */ sharedFolderCheck(() => processEnvironment.euid)

/** More than any Vault token has. */
const MAX_BYTES = 64 * 1024

/**
 * Writes one line into a file that only this user can read; the file is replaced in one step.
 *
 * @param mode - default is 0600
 * @throws {@link IgwnAuthError} `ERR_IGWN_STORE_UNUSABLE`
 */
export async function writeLine(file: string, line: string, mode = 0o600): Promise<void> {
  try {
    const descriptor = descriptorOf(file)
    if (descriptor === undefined) await writeTextFile(file, `${line}\n`, mode)
    else fs.writeFileSync(descriptor, `${line}\n`)
  } catch (error) {
    throw unusable(file, failureText(error, 'written'))
  }
}

/** Writes the key of the secret that the first login returned. */
export async function writeCredkey(file: string, credkey: string): Promise<void> {
  const folder = path.dirname(file)
  try {
    await mkdir(folder, { recursive: true })
  } catch (error) {
    throw unusable(folder, failureText(error, 'created'))
  }
  await writeLine(file, credkey, 0o644)
}

/** Removes a file, and of a link its target; false if there is none. */
export async function removeFile(file: string): Promise<boolean> {
  if (isDevice(file)) return false
  try {
    return await removeTextFile(file)
  } catch (error) {
    throw unusable(file, failureText(error, 'removed'))
  }
}

function unusable(file: string, problem: string): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_STORE_UNUSABLE',
    `${pathName(file)} ${problem}. Remove it, or name another file.`,
  )
}
