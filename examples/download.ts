/** Downloads a large file with a certificate, in constant memory. (`igwn-auth get` can also resume downloads.) */
import { createWriteStream } from 'node:fs'
import { rename, stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { igwnAxios } from 'axios-igwn-auth'

const { data } = await igwnAxios.get<Readable>('https://storage.example.org/grid/frames.gwf', {
  responseType: 'stream',
  igwnAuth: { cert: true }, // fail without a certificate
})
await pipeline(data, createWriteStream('frames.gwf.part'))
await rename('frames.gwf.part', 'frames.gwf') // complete, or not there
console.log((await stat('frames.gwf')).size > 0) // → true
