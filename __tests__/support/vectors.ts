/**
 * The conformance vectors, and the files, links, modes and owners that they describe, in the folders of this test. Their
 * format is in conformance/README.md.
 */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { asOtherUser, giveToOtherUser, takeBack } from './as-other-user'
import { processEnvironment } from '../../lib/environment'

export interface Vector<Input, Expected> {
  readonly name: string
  readonly source: string
  readonly status: 'must' | 'should' | 'choice'
  readonly note?: string
  readonly input: Input
  readonly expected: Expected
  readonly others?: Readonly<Record<string, unknown>>
}

export interface VectorFile {
  readonly title: string
  /** The claims of each token that cases name. */
  readonly tokens?: Readonly<Record<string, object>>
  /** The properties of each certificate that cases name. */
  readonly certificates?: Readonly<Record<string, object>>
  readonly groups: readonly {
    readonly operation: string
    readonly cases: readonly Vector<unknown, unknown>[]
  }[]
}

export const CONFORMANCE = path.join(__dirname, '../../conformance')

export function vectorFile(name: string): VectorFile {
  return JSON.parse(fs.readFileSync(path.join(CONFORMANCE, name), 'utf8')) as VectorFile
}

/** The cases of one operation, each with its name first, for `it.each`. */
export function vectors<Input, Expected>(
  file: string,
  operation: string,
): [name: string, input: Input, expected: Expected][] {
  const found = vectorFile(file).groups.find((group) => group.operation === operation)
  if (!found) throw new Error(`${file} has no operation ${operation}`)
  const cases = found.cases as readonly Vector<Input, Expected>[]
  return cases.map(({ name, input, expected }) => [name, input, expected])
}

/** Replaces `{ "now": 60 }`, at any depth, by the time in 60 seconds, in seconds since the epoch. */
export function inTime(value: unknown, now: number): unknown {
  if (Array.isArray(value)) return value.map((one) => inTime(one, now))
  if (typeof value !== 'object' || value === null) return value
  const { now: ahead } = value as { now?: unknown }
  if (typeof ahead === 'number' && Object.keys(value).length === 1) return now + ahead
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, inTime(one, now)]))
}

/** The values of names in `${}`. */
export type Names = Readonly<Record<string, string>>

export function filledIn(text: string, names: Names): string {
  return text.replace(/\$\{([^}]+)\}/g, (_, name: string) => {
    const value = names[name]
    if (value === undefined) throw new Error(`nothing is known of ${name}`)
    return value
  })
}

/** The folders and ids that every file of vectors may name. */
export function usualNames(): Names {
  return {
    HOME: process.env.HOME!,
    RUN: path.join(process.env.HOME!, '..', 'run'),
    TMP: processEnvironment.temporaryFolder,
    EUID: String(process.geteuid?.() ?? 0),
    UID: String(process.getuid?.() ?? 0),
  }
}

/** A file of a case, or a link, a folder, a FIFO. */
export interface GivenFile<Content> {
  readonly path: string
  readonly content?: Content
  readonly linkTo?: string
  readonly kind?: 'folder' | 'fifo'
  /** Octal; default is `0600`. */
  readonly mode?: string
  /** A user id; default is the user of this process. */
  readonly owner?: number
}

/**
 * A test with these files; as another user if a file has mode 0000. A test that is not possible here is skipped, with the
 * reason in its name.
 */
export function itOnMachine(
  name: string,
  files: readonly GivenFile<unknown>[] | undefined,
  run: () => void,
): void {
  const isRoot = process.geteuid?.() === 0
  const some = (is: (file: GivenFile<unknown>) => boolean) => files?.some(is) ?? false
  if (some(({ owner }) => owner !== undefined) && !isRoot)
    it.skip(`${name} (skipped: only root can give files away)`, run)
  else if (some(({ mode }) => mode === '0000'))
    it(name, () => {
      const folder = path.join(process.env.HOME!, '..')
      giveToOtherUser(folder)
      try {
        asOtherUser(run)
      } finally {
        takeBack(folder)
      }
    })
  else it(name, run)
}

/** Empties the folders of the test, and puts the files of a case there; they are a minute old. */
export function furnish<Content>(
  files: readonly GivenFile<Content>[],
  names: Names,
  textOf: (content: Content) => string,
): void {
  for (const folder of [names.HOME, names.RUN, names.TMP]) {
    fs.rmSync(folder!, { recursive: true, force: true })
    fs.mkdirSync(folder!)
    fs.chmodSync(folder!, folder === names.TMP ? 0o1777 : 0o700)
  }
  for (const { path: template, content, linkTo, kind, mode = '0600', owner } of files) {
    const file = filledIn(template, names)
    fs.mkdirSync(path.dirname(file), { recursive: true })
    if (linkTo !== undefined) fs.symlinkSync(filledIn(linkTo, names), file)
    else if (kind === 'folder') fs.mkdirSync(file)
    else if (kind === 'fifo') execFileSync('mkfifo', ['-m', mode, file])
    else fs.writeFileSync(file, textOf(content as Content))
    if (linkTo === undefined && kind === undefined) {
      fs.chmodSync(file, parseInt(mode, 8))
      fs.utimesSync(file, Date.now() / 1000 - 60, Date.now() / 1000 - 60)
    }
    if (owner !== undefined) fs.lchownSync(file, owner, owner)
  }
}

/** Sets the variables that discovery reads to those of a case, and unsets the others. */
export function setVariables(all: readonly string[], env: Names, names: Names): void {
  for (const name of all) delete process.env[name]
  for (const [name, value] of Object.entries(env)) process.env[name] = filledIn(value, names)
}
