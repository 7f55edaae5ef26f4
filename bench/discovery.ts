import fs from 'node:fs'
import path from 'node:path'
import { discoveredTokens, findSciToken } from 'axios-igwn-auth'
import { compare, spreadOf, type Spread } from './measure'
import { counted, measured, type Result } from './report'
import type { Setting } from './setting'
import { settled } from './environment'

const AUDIENCE = 'https://service.example.org'
const COUNTS = [1, 10, 1000] as const

/**
 * The first discovery, and the second without changes: time and file system calls. `findSciToken` keeps nothing between calls,
 * so it reads the token each time.
 */
export async function* discovery({ mint, environment, quick }: Setting): AsyncGenerator<Result> {
  const effort = { rounds: quick ? 9 : 101, batch: quick ? 100 : 500 }
  const usual = () => findSciToken({ audience: AUDIENCE })
  await usual()
  const alone = await compare({ usual }, effort)
  yield measured('findSciToken, token in $XDG_RUNTIME_DIR/bt_u<euid>', 'µs', alone.usual.time.cpu)
  yield* callsOf('findSciToken', usual, READS_ONE_TOKEN)

  const folders = new Map<number, string>()
  await settled(() => {
    for (const count of COUNTS)
      folders.set(count, candidates(count, mint, environment.folder(`use-${count}`)))
  })
  const warm: Record<string, () => unknown> = {}
  for (const count of COUNTS) {
    const inFolder = () => {
      const find = freshFind()
      return () => {
        process.env._CONDOR_CREDS = folders.get(count)
        return find()
      }
    }
    yield measured(`first discovery, ${candidateWord(count)}`, 'µs', await cold(inFolder, quick ? 5 : 25))
    const again = inFolder()
    await again()
    yield* callsOf(`second discovery of ${candidateWord(count)}`, again, 0)
    warm[count] = again
  }
  const compared = await compare(warm, effort)
  for (const count of COUNTS) {
    const { time, ratio } = compared[count] ?? {}
    if (time) yield measured(`second discovery, ${candidateWord(count)}`, 'µs', time.cpu)
    if (ratio && count > 1) yield measured('  over that of 1', '×', ratio.cpu, 1.1)
  }
  delete process.env._CONDOR_CREDS
}

function candidateWord(count: number): string {
  return count === 1 ? '1 .use file' : `${count} .use files`
}

/** A folder of HTCondor credentials in which only the last token by name is suitable: all others are skipped. */
function candidates(count: number, mint: (audience: string) => string, folder: string): string {
  for (let index = 1; index <= count; index++) {
    const token = mint(index === count ? AUDIENCE : `https://other-${index}.example.org`)
    fs.writeFileSync(path.join(folder, `service-${String(index).padStart(4, '0')}.use`), token, {
      mode: 0o600,
    })
  }
  return folder
}

/** A discovery with an empty cache of its own. */
function freshFind(): () => Promise<unknown> {
  const source = discoveredTokens()
  const query = { audience: [AUDIENCE], scope: [], issuer: [], minTimeLeft: 60 }
  return () => Promise.resolve(source.getToken(query))
}

/** The wall time of the first discovery with an empty cache, in microseconds. */
async function cold(make: () => () => Promise<unknown>, times: number): Promise<Spread> {
  const taken: number[] = []
  for (let one = 0; one < times; one++) {
    const find = make()
    const begin = performance.now()
    await find()
    taken.push((performance.now() - begin) * 1000)
  }
  return spreadOf(taken)
}

/** A token file is opened, checked, read to its end with two calls and closed; the header and the claims are parsed. */
const READS_ONE_TOKEN = 7

/** The file system calls of one run; more than `most` besides stats is a missed target. */
async function* callsOf(what: string, run: () => Promise<unknown>, most: number): AsyncGenerator<Result> {
  const calls = await watched(run)
  const stats = ['statSync', 'lstatSync'].reduce((sum, name) => sum + (calls.get(name) ?? 0), 0)
  const all = [...calls.values()].reduce((sum, count) => sum + count, 0)
  yield counted(`${what}: stats`, stats)
  yield counted('  other calls of fs, and of JSON.parse', all - stats, most)
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
  // Classes such as fs.Stats are not called.
  if (typeof original !== 'function' || /^[A-Z]/.test(name)) return () => undefined
  methods[name] = (...args: unknown[]): unknown => {
    calls.set(label, (calls.get(label) ?? 0) + 1)
    return Reflect.apply(original, owner, args) as unknown
  }
  return () => {
    methods[name] = original
  }
}
