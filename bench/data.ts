import { fork } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import https from 'node:https'
import path from 'node:path'
import { Writable, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import axios, { type AxiosInstance } from 'axios'
import { applyIgwnAuth, type IgwnAuthOptions } from 'axios-igwn-auth'
import type { ListeningFederation } from './data-server'
import { compare, compared } from './measure'
import { measured, type Result } from './report'
import type { Setting } from './setting'
import { CLI, run, type Run } from './transfers'

/** Microseconds that a request may take longer because its object is in a federation. */
const RESOLVING = 100
/** Processor time of a verified download, over one that is not verified. */
const VERIFYING = 1.1

/** Objects of a federation: what it costs to find one that is known, and to verify a download. Processor time of the client. */
export async function* data({ quick, environment, token }: Setting): AsyncGenerator<Result> {
  const size = quick ? 50_000_000 : 500_000_000
  const server = fork(new URL('data-server.ts', import.meta.url), [String(size)], {
    execArgv: ['--import', 'tsx'],
  })
  const [listening] = (await once(server, 'message')) as [ListeningFederation]
  const folder = environment.folder('data')
  const file = (name: string, text: string) => {
    fs.writeFileSync(path.join(folder, name), text, { mode: 0o600 })
    return path.join(folder, name)
  }
  const httpsAgent = new https.Agent({ keepAlive: true, ca: listening.ca })
  try {
    yield* finding(listening, { httpsAgent, token, quick })
    process.env.BEARER_TOKEN_FILE = file('token', token)
    process.env.SSL_CERT_FILE = file('ca.pem', listening.ca)
    yield* verifyingStreams(listening, path.join(folder, 'stream'), quick)
    yield await verifyingCommand(listening, path.join(folder, 'file'), quick)
  } finally {
    delete process.env.BEARER_TOKEN_FILE
    delete process.env.SSL_CERT_FILE
    httpsAgent.destroy()
    server.kill()
  }
}

async function* finding(
  { federation, cache }: ListeningFederation,
  { httpsAgent, token, quick }: { httpsAgent: https.Agent; token: string; quick: boolean },
): AsyncGenerator<Result> {
  const instance = applyIgwnAuth(axios.create({ httpsAgent }), { token, cert: false })
  const get = (origin: string) => () => instance.get(`${origin}/igwn/frames/f.txt`)
  const variants = { direct: get(cache), object: get(federation) }
  const { direct, object } = await compare(variants, {
    rounds: quick ? 9 : 121,
    batch: quick ? 10 : 25,
    warmUp: quick ? 10 : 32,
  })
  yield measured('a request to a cache by its https URL', 'µs', direct.time.cpu)
  yield measured('  the same object by its pelican URL, more', 'µs', object.extra.cpu, RESOLVING)
}

/** A download ends in a file. Where its bytes are dropped, nothing else is left to compare the checksum with. */
async function* verifyingStreams(
  { federation, ca }: ListeningFederation,
  file: string,
  quick: boolean,
): AsyncGenerator<Result> {
  // No connection is kept: the server may close one while it is idle during the other download.
  const httpsAgent = new https.Agent({ ca })
  const download = (sink: () => Writable, options: IgwnAuthOptions) => {
    const instance: AxiosInstance = applyIgwnAuth(axios.create({ httpsAgent }), { cert: false, ...options })
    return async () => {
      const url = `${federation}/igwn/frames/large`
      const { data: body } = await instance.get<Readable>(url, { responseType: 'stream' })
      await pipeline(body, sink())
    }
  }
  const verified = async (sink: () => Writable) => {
    const variants = { plain: download(sink, {}), verified: download(sink, { integrity: 'adler32' }) }
    return (await compare(variants, { rounds: quick ? 3 : 9, batch: 1, warmUp: 1 })).verified.ratio.cpu
  }
  const toFile = await verified(() => fs.createWriteStream(file))
  yield measured('a stream to a file: verified (adler32), over not', '×', toFile, VERIFYING)
  const dropped = await verified(() => new Writable({ write: (_chunk, _encoding, done) => done() }))
  yield measured('  the same, its bytes dropped', '×', dropped)
}

async function verifyingCommand(
  { federation }: ListeningFederation,
  file: string,
  quick: boolean,
): Promise<Result> {
  const runs: Record<'plain' | 'verified', Run[]> = { plain: [], verified: [] }
  const words = { plain: ['--no-checksum'], verified: ['--checksum', 'adler32'] }
  const names = ['plain', 'verified'] as const
  for (let round = 0; round < (quick ? 3 : 9); round++)
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      fs.rmSync(file, { force: true })
      const url = `${federation}/igwn/frames/large`
      runs[name].push(await run([process.execPath, CLI, 'get', url, '-o', file, ...words[name]]))
    }
  const { ratio } = compared(runs.verified, runs.plain)
  return measured('igwn-auth get -o: verified (adler32), over --no-checksum', '×', ratio.cpu, VERIFYING)
}
