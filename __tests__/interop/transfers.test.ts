/** Downloads and uploads of the command, with XRootD, Apache and nginx as servers, and davix and curl as the other clients. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { igwnAuth, runtimeFile, shell } from '../support/command'
import { createAuthority, type Authority } from '../support/pki'
import { put } from '../support/tokens'
import { startApache, type Apache } from './support/apache'
import { caFolder } from './support/ca-folder'
import { createIssuer } from './support/issuer'
import { startNginx } from './support/nginx'
import { newFolder } from './support/room'
import { startXrootd, type Xrootd } from './support/xrootd'

const issuer = createIssuer()
const content = randomBytes(20_000_000)

let authority: Authority
let xrootd: Xrootd
let apache: Apache
let certificates: string
let folder: string
let source: string

beforeAll(async () => {
  authority = await createAuthority()
  xrootd = await startXrootd({ authority, issuer, files: { 'data/f.txt': 'secret data' } })
  apache = await startApache({ authority, issuer })
  certificates = caFolder(newFolder('certificates'), authority)
  process.env.X509_CERT_DIR = certificates
}, 60_000)
beforeEach(() => {
  folder = newFolder('transfers')
  source = path.join(folder, 'source')
  fs.writeFileSync(source, content)
})

function token(scope: string, aud = 'ANY'): string {
  return put(runtimeFile(), issuer.mint({ aud, scope }))
}

describe('XRootD', () => {
  const scope = 'read:/data write:/data create:/data'
  const bearer = () => `Authorization: Bearer ${fs.readFileSync(runtimeFile(), 'utf8')}`

  it('stores an upload, which curl and davix read', async () => {
    token(scope, xrootd.origin)
    const url = `${xrootd.origin}/data/upload.gwf`
    expect(await igwnAuth(['request', url, '-T', source])).toMatchObject({ code: 0, stderr: '' })
    expect(xrootd.read('data/upload.gwf').equals(content)).toBe(true)
    const maxBuffer = 2 * content.length
    const byCurl = execFileSync('curl', ['-sf', '--capath', certificates, '-H', bearer(), url], { maxBuffer })
    expect(byCurl.equals(content)).toBe(true)
    const copy = path.join(folder, 'copy')
    execFileSync('davix-get', ['--capath', certificates, '-H', bearer(), url, copy])
    expect(fs.readFileSync(copy).equals(content)).toBe(true)
  })

  it('has a file of davix, which is downloaded', async () => {
    token(scope, xrootd.origin)
    const url = `${xrootd.origin}/data/of-davix.gwf`
    execFileSync('davix-put', ['--capath', certificates, '-H', bearer(), source, url])
    const file = path.join(folder, 'file')
    expect(await igwnAuth(['request', url, '-o', file])).toMatchObject({ code: 0 })
    expect(fs.readFileSync(file).equals(content)).toBe(true)
  })

  it('refuses an upload before its body, and has no file then', async () => {
    token('read:/data', xrootd.origin)
    const { code, stderr } = await igwnAuth(['request', `${xrootd.origin}/data/refused`, '-T', source])
    expect(code).toBe(1)
    expect(stderr).toContain('403 Forbidden')
    expect(() => xrootd.read('data/refused')).toThrow('ENOENT')
  })
})

describe('Apache', () => {
  it('stores an upload that it redirects from another origin, and gets its body once', async () => {
    token('write:/files')
    await apache.requests()
    const url = `${apache.origin}/other/files/upload`
    expect(
      await igwnAuth([
        'request',
        url,
        '-T',
        source,
        '--trusted-origin',
        apache.origin,
        '--trusted-origin',
        apache.origin.replace('localhost', '127.0.0.1'),
      ]),
    ).toMatchObject({ code: 0 })
    expect(apache.read('files/upload').equals(content)).toBe(true)
    const [first, second] = await apache.requests()
    expect(first).toMatchObject({ status: 307 })
    expect(first?.received).toBeLessThan(10_000)
    expect(second).toMatchObject({ status: 201 })
    expect(second?.received).toBeGreaterThan(content.length)
  })

  it('refuses an upload with 401 before its body', async () => {
    token('read:/data')
    await apache.requests()
    const { code } = await igwnAuth(['request', `${apache.origin}/files/refused`, '-T', source])
    expect(code).toBe(1)
    const [refused] = await apache.requests()
    expect(refused).toMatchObject({ status: 401 })
    expect(refused?.received).toBeLessThan(10_000)
  })
})

it('a download from nginx resumes at its end after SIGKILL', async () => {
  const large = Buffer.concat([content, content])
  const nginx = await startNginx({ 'large.gwf': large })
  const file = path.join(folder, 'large.gwf')
  const words = ['request', `${nginx.origin}/large.gwf`, '-o', file]
  const size = () => fs.statSync(`${file}.part`, { throwIfNoEntry: false })?.size ?? 0
  await igwnAuth(words, {
    meanwhile: async ({ child }) => {
      while (size() < 20_000_000) await wait(1)
      child.kill('SIGKILL')
    },
  })
  const begun = size()
  const { code, stderr } = await igwnAuth([...words, '--verbose'])
  expect(code).toBe(0)
  expect(stderr).toContain(`(bytes=${begun}-${large.length - 1})`)
  expect(fs.readFileSync(file).equals(large)).toBe(true)
}, 60_000)

const canMount = process.getuid?.() === 0
;(canMount ? it : it.skip)(
  'a download to a full disk continues where the disk was full',
  async () => {
    const nginx = await startNginx({ 'large.gwf': content })
    const disk = path.join(folder, 'disk')
    fs.mkdirSync(disk)
    const get = `$IGWN_AUTH get ${nginx.origin}/large.gwf -o ${disk}/large.gwf`
    const line = [
      `mount -t tmpfs -o size=4m tmpfs ${disk}`,
      `{ ${get}; test $? = 23; }`,
      `mount -o remount,size=64m ${disk}`,
      `${get} --verbose`,
      `cmp ${disk}/large.gwf ${source}`,
      `ls ${disk}`,
    ].join(' && ')
    const { code, stdout, stderr } = await shell(`exec unshare --mount sh -c '${line}'`)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'large.gwf\n' })
    expect(stderr).toContain('large.gwf.part cannot be written (ENOSPC)')
    expect(stderr).toMatch(/has (?:3\.\d|4\.\d|4) MB of 20 MB; run the same command again to resume/)
    expect(stderr).toMatch(/\(bytes=[34]\d{6}-19999999\)/)
  },
  60_000,
)
