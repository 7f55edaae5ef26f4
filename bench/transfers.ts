import { fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { compared, spreadOf } from './measure'
import { counted, measured, measuredTwice, type Note, type Result } from './report'
import type { Setting } from './setting'

export const CLI = fileURLToPath(new URL('../dist/cli.cjs', import.meta.url))

/** What a program takes that does the same and nothing else. */
const PLAIN = {
  'to a file': `require('node:http').get(process.argv[1], async (response) => {
    const file = require('node:fs').createWriteStream(process.argv[2], { flush: true })
    await require('node:stream/promises').pipeline(response, file)
  })`,
  'to a pipe': `require('node:http').get(process.argv[1], (response) => response.pipe(process.stdout))`,
  upload: `const { createReadStream, statSync } = require('node:fs')
    const headers = { 'Content-Length': statSync(process.argv[2]).size }
    const request = require('node:http').request(process.argv[1], { method: 'PUT', headers })
    request.on('response', (response) => response.resume())
    createReadStream(process.argv[2]).pipe(request)`,
}

export interface Run {
  /** Microseconds. */
  readonly wall: number
  readonly cpu: number
  /** The most memory, in MB. */
  readonly memory: number
}

/** Large files over loopback, with the whole life of each process: a plain Node.js program, the command, and curl. */
export async function* transfers({ quick, environment }: Setting): AsyncGenerator<Result | Note> {
  const size = quick ? 100_000_000 : 1_000_000_000
  const rounds = quick ? 1 : 9
  const folder = environment.folder('transfers')
  const file = path.join(folder, 'file')
  const source = path.join(folder, 'source')
  fs.writeFileSync(source, '')
  fs.truncateSync(source, size)
  const server = fork(new URL('file-server.ts', import.meta.url), { execArgv: ['--import', 'tsx'] })
  const [origin] = (await once(server, 'message')) as [string]
  const url = `${origin}/${size}`
  const hasCurl = spawnSync('curl', ['--version']).status === 0
  if (!hasCurl) yield { note: 'curl is not installed here' }
  const node = (...words: string[]) => [process.execPath, ...words]
  try {
    for (const [what, program] of Object.entries(PLAIN)) {
      const isUpload = what === 'upload'
      const target = isUpload ? source : file
      const save = what === 'to a file' ? ['-o', file] : isUpload ? ['-T', source] : []
      const variants: Record<string, string[]> = {
        plain: node('-e', program, url, target),
        ours: node(CLI, 'request', url, ...save),
        // It does not sync a file.
        ...(hasCurl && { curl: ['curl', '-s', url, ...save] }),
      }
      const runs: Record<string, Run[]> = {}
      const names = Object.keys(variants)
      for (let round = 0; round < rounds; round++)
        for (const name of round % 2 === 0 ? names : [...names].reverse()) {
          fs.rmSync(file, { force: true })
          ;(runs[name] ??= []).push(await run(variants[name] ?? []))
        }
      const { plain = [], ours = [], curl } = runs
      const goal = isUpload ? undefined : 1.05
      yield measured(`${what}: a plain Node.js program`, 's', seconds(plain))
      yield measuredTwice('  igwn-auth, over it', '×', compared(ours, plain).ratio, goal)
      if (curl) yield measuredTwice('  igwn-auth, over curl', '×', compared(ours, curl).ratio)
      yield counted('  memory of a plain Node.js program', memoryOf(plain), undefined, 'MB')
      yield counted('  memory of igwn-auth', memoryOf(ours), isUpload ? undefined : 80, 'MB')
    }
  } finally {
    server.kill()
  }
}

const seconds = (runs: readonly Run[]) => spreadOf(runs.map(({ wall }) => wall / 1e6))
const memoryOf = (runs: readonly Run[]) => spreadOf(runs.map(({ memory }) => memory)).median

/** Runs a program and reads what it prints. GNU time or a shell would say the same; `times` of the shell is everywhere. */
export async function run([program = '', ...words]: readonly string[]): Promise<Run> {
  const begin = performance.now()
  const line = '"$@" & wait $!; code=$?; times >&2; exit $code'
  const child = spawn('sh', ['-c', line, 'sh', program, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  let memory = 0
  const watch = setInterval(() => (memory = Math.max(memory, memoryBelow(child.pid ?? 0))), 50)
  let text = ''
  child.stdout.resume()
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const [code] = (await once(child, 'close')) as [number]
  clearInterval(watch)
  const wall = (performance.now() - begin) * 1000
  if (code !== 0) throw new Error(`${path.basename(program)} ended with ${code}: ${text}`)
  const times = Array.from(
    text.matchAll(/(\d+)m([\d.]+)s/g),
    ([, minutes, rest]) => Number(minutes) * 60 + Number(rest),
  )
  // The second line has those of children: user and system.
  const cpu = ((times[2] ?? NaN) + (times[3] ?? NaN)) * 1e6
  return { wall, cpu, memory }
}

/** The peak of the child of a shell, which is asked while it runs; 0 without /proc. */
function memoryBelow(pid: number): number {
  try {
    const [child = ''] = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
    const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(fs.readFileSync(`/proc/${child}/status`, 'utf8')) ?? []
    return Number(kilobytes ?? 0) / 1000
  } catch {
    return 0
  }
}
