import fs from 'node:fs'
import path from 'node:path'
import type { findSciToken } from 'axios-igwn-auth'
import { compare, spreadOf, type Effort, type Spread } from './measure'
import { counted, measured, type Result } from './report'
import { settled, type Surroundings } from './surroundings'

type Find = typeof findSciToken

const AUDIENCE = 'https://service.example.org'
const COUNTS = [1, 10, 1000] as const

/** A second discovery with nothing changed: what it asks of the file system, and how long it takes. */
export async function* discovery(
  mint: (audience: string) => string,
  surroundings: Surroundings,
  effort: Effort,
): AsyncGenerator<Result> {
  const usual = await freshFind()
  await usual()
  const alone = await compare({ usual }, effort)
  yield measured('findSciToken again, token in $XDG_RUNTIME_DIR/bt_u<euid>', 'µs', alone.usual.microseconds)
  yield* callsOf('that token', usual)

  const folders = new Map<number, string>()
  await settled(() => {
    for (const count of COUNTS)
      folders.set(count, candidates(count, mint, surroundings.folder(`use-${count}`)))
  })
  const warm: Record<string, () => unknown> = {}
  for (const count of COUNTS) {
    const inFolder = async () => {
      const find = await freshFind()
      return () => {
        process.env._CONDOR_CREDS = folders.get(count)
        return find()
      }
    }
    yield measured(`first discovery, ${candidateWord(count)}`, 'µs', await cold(inFolder))
    const again = await inFolder()
    await again()
    yield* callsOf(candidateWord(count), again)
    warm[count] = again
  }
  const compared = await compare(warm, effort)
  for (const count of COUNTS) {
    const name = `second discovery, ${candidateWord(count)}`
    const { microseconds, ratio } = compared[count] ?? {}
    if (microseconds) yield measured(name, 'µs', microseconds)
    if (ratio && count > 1) yield measured('  over that of 1', '×', ratio, 1.2)
  }
  delete process.env._CONDOR_CREDS
}

function candidateWord(count: number): string {
  return count === 1 ? '1 .use file' : `${count} .use files`
}

/** A folder as of HTCondor where only the last token by name is for our audience: all before it have to be passed over. */
function candidates(count: number, mint: (audience: string) => string, folder: string): string {
  for (let index = 1; index <= count; index++) {
    const token = mint(index === count ? AUDIENCE : `https://other-${index}.example.org`)
    fs.writeFileSync(path.join(folder, `service-${String(index).padStart(4, '0')}.use`), token, {
      mode: 0o600,
    })
  }
  return folder
}

let copies = 0

/** `findSciToken` of a copy of the package of its own, which remembers nothing yet. */
async function freshFind(): Promise<() => ReturnType<Find>> {
  copies += 1
  const copy = (await import(`${import.meta.resolve('axios-igwn-auth')}?copy=${copies}`)) as {
    findSciToken: Find
  }
  return () => copy.findSciToken({ audience: AUDIENCE })
}

/** The first discovery of copies of the package that have found nothing yet, in microseconds. */
async function cold(make: () => Promise<() => Promise<unknown>>): Promise<Spread> {
  const times: number[] = []
  for (let copy = 0; copy < 15; copy++) {
    const find = await make()
    const begin = performance.now()
    await find()
    times.push((performance.now() - begin) * 1000)
  }
  return spreadOf(times)
}

/** What one run asks of the file system, and whether it reads a token again. */
async function* callsOf(what: string, run: () => Promise<unknown>): AsyncGenerator<Result> {
  const calls = await watched(run)
  const stats = ['statSync', 'lstatSync'].reduce((sum, name) => sum + (calls.get(name) ?? 0), 0)
  const all = [...calls.values()].reduce((sum, count) => sum + count, 0)
  const parses = calls.get('JSON.parse') ?? 0
  yield counted(`second discovery of ${what}: stats`, stats)
  yield counted(`second discovery of ${what}: other calls of fs`, all - stats - parses, 0)
  yield counted(`second discovery of ${what}: JSON.parse`, parses, 0)
}

/** Counts the calls of every function of fs, and of JSON.parse, while something runs. */
async function watched(run: () => Promise<unknown>): Promise<Map<string, number>> {
  const calls = new Map<string, number>()
  const restore = [
    ...Object.keys(fs).map((name) => countCalls(fs, name, name, calls)),
    ...Object.keys(fs.promises).map((name) => countCalls(fs.promises, name, `promises.${name}`, calls)),
    countCalls(JSON, 'parse', 'JSON.parse', calls),
  ]
  try {
    await run()
  } finally {
    for (const one of restore) one()
  }
  return calls
}

function countCalls(owner: object, name: string, label: string, calls: Map<string, number>): () => void {
  const methods = owner as Record<string, unknown>
  const original = methods[name]
  // Classes, as fs.Stats, are not called.
  if (typeof original !== 'function' || /^[A-Z]/.test(name)) return () => undefined
  methods[name] = (...args: unknown[]): unknown => {
    calls.set(label, (calls.get(label) ?? 0) + 1)
    return Reflect.apply(original, owner, args) as unknown
  }
  return () => {
    methods[name] = original
  }
}
