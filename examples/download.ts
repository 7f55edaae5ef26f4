/** A large file to disk, in constant memory, with the certificate that the storage wants. (The command does more: `igwn-auth get`.) */
import { createWriteStream } from 'node:fs'
import { rename, stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { igwnAxios } from 'axios-igwn-auth'

const { data } = await igwnAxios.get<Readable>('https://storage.example.org/grid/frames.gwf', {
  responseType: 'stream',
  igwnAuth: { cert: true }, // send nothing without one
})
await pipeline(data, createWriteStream('frames.gwf.part'))
await rename('frames.gwf.part', 'frames.gwf') // whole, or not there
console.log((await stat('frames.gwf')).size > 0) // → true
