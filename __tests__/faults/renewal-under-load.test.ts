/** A token file that another thread renews during requests: by rename, and in pieces. */
import { Worker } from 'node:worker_threads'
import axios from 'axios'
import { applyIgwnAuth } from '../support/all'
import { serve } from '../support/server'
import { emptyPlaces, mint, put, runtimeFile, temporaryFile } from '../support/tokens'

beforeEach(emptyPlaces)

/**
 * Writes one token after the other, one in about a millisecond, and reports which is in place. After every sixth it waits for two
 * requests, of which the second began with this token in place: on a busy host all may be written during one.
 */
const WRITER = `
const fs = require('node:fs')
const { workerData: { tokens, file, shared, how } } = require('node:worker_threads')
const written = new Int32Array(shared)
const pause = (ms) => Atomics.wait(written, 2, 0, ms)
const ways = {
  rename(token) {
    fs.writeFileSync(file + '.new', token, { mode: 0o600 })
    fs.renameSync(file + '.new', file)
  },
  pieces(token) {
    const descriptor = fs.openSync(file, 'w', 0o600)
    pause(0.5)
    for (let at = 0; at < token.length; at += 100) {
      fs.writeSync(descriptor, token.slice(at, at + 100))
      pause(0.3)
    }
    fs.closeSync(descriptor)
    pause(1)
  },
}
tokens.forEach((token, index) => {
  ways[how](token)
  Atomics.store(written, 0, index)
  pause(0.7)
  if (index % 6 === 5)
    for (let count = Atomics.load(written, 1), last = count; last < count + 2; last = Atomics.load(written, 1))
      Atomics.wait(written, 1, last, 10_000)
})
`

/** Sends requests one after the other while the token is renewed. */
async function requestsWhile(how: 'rename' | 'pieces', count: number) {
  const tokens = Array.from({ length: count }, () => mint({ aud: 'ANY' }))
  const shared = new SharedArrayBuffer(12)
  const written = new Int32Array(shared)
  put(runtimeFile(), tokens[0]!)
  const server = await serve(() => ({}))
  const instance = applyIgwnAuth(axios.create({ proxy: false, baseURL: server.origin }))
  const writer = new Worker(WRITER, { eval: true, workerData: { tokens, file: runtimeFile(), shared, how } })
  const writing = { isOver: false }
  const ended = new Promise<void>((resolve, reject) => {
    writer.once('error', reject)
    writer.once('exit', () => {
      writing.isOver = true
      resolve()
    })
  })
  /** The index of the token in place when a request started, and of the one that arrived; -1 for another token. */
  const sent: { before: number; arrived: number; authorization: string | undefined }[] = []
  try {
    while (!writing.isOver) {
      const before = Atomics.load(written, 0)
      await instance.get('/')
      Atomics.add(written, 1, 1)
      Atomics.notify(written, 1)
      const authorization = server.authorizations.at(-1)
      sent.push({
        before,
        arrived: tokens.indexOf(authorization?.slice('Bearer '.length) ?? ''),
        authorization,
      })
    }
    await ended
  } finally {
    await writer.terminate()
  }
  return sent
}

it('by rename: each request has a whole token, none older than at its start', async () => {
  const sent = await requestsWhile('rename', 60)
  for (const { before, arrived } of sent) expect(arrived).toBeGreaterThanOrEqual(before)
  expect(new Set(sent.map(({ arrived }) => arrived)).size).toBeGreaterThan(5)
})

it('in pieces: each request has a whole token, that of the file or the next candidate', async () => {
  const fallback = mint({ aud: 'ANY', sub: 'fallback' })
  put(temporaryFile(), fallback)
  const sent = await requestsWhile('pieces', 30)
  const others = sent.filter(({ arrived }) => arrived < 0).map(({ authorization }) => authorization)
  expect(new Set(others)).toEqual(new Set([`Bearer ${fallback}`]))
  expect(sent.length - others.length).toBeGreaterThan(0)
})
