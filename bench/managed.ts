import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { reuse, type TokenSource } from 'axios-igwn-auth'
import { compare, type Effort, type Spread } from './measure'
import { counted, measured, type Result } from './report'
import type { Setting } from './setting'

/** The cost of a kept token, and the renewals of processes that share an expired one. */
export async function* managed({ mint, environment, quick }: Setting): AsyncGenerator<Result> {
  yield* warm(mint('ANY'), { rounds: quick ? 9 : 101, batch: 2 })
  yield* fleet(mint('ANY'), environment.folder('fleet'))
}

/** A kept token, a thousand times in each run, because one time is too short to measure. */
async function* warm(token: string, effort: Effort): AsyncGenerator<Result> {
  const query = { audience: ['https://gracedb.example.org'], scope: [], issuer: [], minTimeLeft: 60 }
  const constant: TokenSource = { getToken: () => token }
  const kept = reuse({ getToken: () => Promise.resolve(token) })
  await kept.getToken(query)
  const often = (source: TokenSource) => () => {
    for (let i = 0; i < TIMES; i += 1) if (source.getToken(query) !== token) throw new Error('not held')
  }
  const times = await compare({ constant: often(constant), kept: often(kept) }, effort)
  yield measured('reuse, warm: over a source that is a constant', '×', times.kept.ratio.cpu)
  const each = ({ median, low, high }: Spread) => ({
    median: median / TIMES,
    low: low / TIMES,
    high: high / TIMES,
  })
  yield measured('  one token of it', 'µs', each(times.kept.time.cpu), 2)
}

const TIMES = 1000

/** Eight processes that start at the same time with an expired token in a file. */
async function* fleet(token: string, folder: string): AsyncGenerator<Result> {
  let renewals = 0
  const issuer = http.createServer((_, response) => {
    renewals += 1
    setTimeout(() => response.end(token), 50)
  })
  issuer.listen(0, '127.0.0.1')
  await once(issuer, 'listening')
  const file = path.join(folder, 'tokens.json')
  // In a process with the user id that owns the folder, which a store checks; this process has another.
  await run(`
    import { fileStore } from 'axios-igwn-auth'
    await fileStore(${JSON.stringify(file)}).set('fleet', { access_token: 'expired', expires_at: 1 })`)
  const program = `
    import { fileStore, reuse } from 'axios-igwn-auth'
    const source = {
      getToken: async () => (await fetch('http://127.0.0.1:${(issuer.address() as AddressInfo).port}')).text()
    }
    const kept = reuse(source, { store: fileStore(${JSON.stringify(file)}), storeKey: () => 'fleet' })
    process.exitCode = (await kept.getToken({})) === ${JSON.stringify(token)} ? 0 : 1`
  const codes = await Promise.all(Array.from({ length: 8 }, () => run(program)))
  issuer.close()
  issuer.closeAllConnections()
  fs.rmSync(folder, { recursive: true })
  yield counted('8 processes on one expired stored token: renewals', renewals, 1)
  yield counted('  processes that failed', codes.filter((code) => code !== 0).length, 0)
}

/** A folder from which the package resolves by its own name. */
const cwd = new URL('..', import.meta.url)

async function run(program: string): Promise<unknown> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { cwd, stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [unknown]
  return code
}
