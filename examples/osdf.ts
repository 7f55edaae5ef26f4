/** Downloads a frame from OSDF, verified by its digest, after a look whether the token lasts for it. */
import { createWriteStream } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { explain, igwnAxios, isIgwnAuthError } from 'axios-igwn-auth'

const url = 'osdf:///igwn/frames/f.txt'
const { lifetime, problem } = await explain(url, {}, { bytes: 2e9 })
if (problem) throw new Error(problem.message)
if (lifetime?.isEnough === false) console.warn(lifetime.message)

const { data } = await igwnAxios.get<Readable>(url, { responseType: 'stream', igwnAuth: { integrity: true } })
try {
  // Another digest than that of the server is an error at the end of the stream.
  await pipeline(data, createWriteStream('f.txt.part'))
  await rename('f.txt.part', 'f.txt') // whole and verified, or not there
} catch (error) {
  await rm('f.txt.part', { force: true })
  if (isIgwnAuthError(error)) console.error(error.code) // ERR_IGWN_INTEGRITY
  throw error
}
console.log((await stat('f.txt')).size) // → 15
