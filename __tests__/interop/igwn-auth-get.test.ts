/** The built command with XRootD: a large download that is interrupted and resumed. */
import { createHash, randomBytes } from 'node:crypto'
import fs from 'node:fs'
import https from 'node:https'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import axios from 'axios'
import { igwnAuth, runtimeFile, type Running } from '../support/command'
import { createAuthority } from '../support/pki'
import { put } from '../support/tokens'
import { caFolder } from './support/ca-folder'
import { createIssuer } from './support/issuer'
import { newFolder } from './support/room'
import { startXrootd, type Xrootd } from './support/xrootd'

const issuer = createIssuer()
const SIZE = 64 * 1024 * 1024
const content = randomBytes(SIZE)
const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

let xrootd: Xrootd
let folder: string
let file: string

beforeAll(async () => {
  const authority = await createAuthority()
  xrootd = await startXrootd({ authority, issuer, files: { 'data/f.txt': 'secret data' } })
  process.env.X509_CERT_DIR = caFolder(newFolder('certificates'), authority)
  put(runtimeFile(), issuer.mint({ aud: xrootd.origin, scope: 'read:/data write:/data create:/data' }))
  const { status } = await axios.put(`${xrootd.origin}/data/big.gwf`, content, {
    httpsAgent: new https.Agent({ ca: authority.certificate }),
    headers: { Authorization: `Bearer ${fs.readFileSync(runtimeFile(), 'utf8')}` },
    maxBodyLength: Infinity,
  })
  expect(status).toBe(200)
}, 60_000)
beforeEach(() => {
  folder = newFolder('downloads')
  file = path.join(folder, 'big.gwf')
})

const get = (words: readonly string[] = [], meanwhile?: (running: Running) => unknown) =>
  igwnAuth(['get', `${xrootd.origin}/data/big.gwf`, '-o', file, ...words], meanwhile ? { meanwhile } : {})

async function interrupt({ child }: Running): Promise<void> {
  while ((fs.statSync(`${file}.part`, { throwIfNoEntry: false })?.size ?? 0) < 1024 * 1024) await wait(1)
  child.kill('SIGINT')
}

it('is complete', async () => {
  expect(await get()).toMatchObject({ code: 0, stderr: '' })
  expect(digest(fs.readFileSync(file))).toBe(digest(content))
  expect(fs.readdirSync(folder)).toEqual(['big.gwf'])
})

it('is resumed with a range that XRootD understands', async () => {
  const first = await get(['--same-size'], interrupt)
  expect(first.signal).toBe('SIGINT')
  expect(first.stderr).toMatch(
    /interrupted\n {2}\S+\.part has \d+(?:\.\d)? MB of 67\.1 MB; run the same command again to resume/,
  )
  expect(fs.readdirSync(folder).sort()).toEqual(['big.gwf.part', 'big.gwf.part.json'])
  const begun = fs.statSync(`${file}.part`).size

  const second = await get(['--same-size', '--verbose'])
  expect(second).toMatchObject({ code: 0 })
  expect(second.stderr).toContain('206')
  expect(begun).toBeGreaterThan(1024 * 1024)
  expect(digest(fs.readFileSync(file))).toBe(digest(content))
  expect(fs.readdirSync(folder)).toEqual(['big.gwf'])
})

it('starts again without --same-size, because XRootD sends no version of a file', async () => {
  expect((await get([], interrupt)).signal).toBe('SIGINT')
  expect(fs.readdirSync(folder)).toEqual([])
  expect((await get()).code).toBe(0)
  expect(digest(fs.readFileSync(file))).toBe(digest(content))
})

it('is refused with a reason if no scope covers it, and no file is created', async () => {
  put(runtimeFile(), issuer.mint({ aud: xrootd.origin, scope: 'read:/other' }))
  const { code, stderr } = await get()
  expect(code).toBe(1)
  expect(stderr).toContain('the server refused with 403 and gave no reason')
  expect(stderr).toContain('and none of its scopes covers /data/big.gwf')
  expect(fs.readdirSync(folder)).toEqual([])
})
