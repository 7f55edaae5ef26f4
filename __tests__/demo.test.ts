/**
 * The demo, run as `npm run demo` runs it once the package is built. What breaks it here is put under it from outside: a
 * temporary folder that is none, a Node.js that renames nothing, an `openssl` that never listens.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

const ROOT = path.join(__dirname, '..')
const TSX = pathToFileURL(require.resolve('tsx')).href

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

let folder: string
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(process.env.TMPDIR ?? '', 'demo-'))
})

/** Runs the demo to its end, or interrupts it when it is time for that. */
async function demo(
  env: NodeJS.ProcessEnv = {},
  { interruptWhen }: { interruptWhen?: (stdout: string) => boolean } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', TSX, 'demo/demo.ts'], {
    cwd: ROOT,
    env: { ...process.env, TMPDIR: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
    })
  const watch = setInterval(() => {
    if (interruptWhen?.(said.stdout)) child.kill('SIGINT')
  }, 5)
  const [code] = (await once(child, 'close')) as [number | null]
  clearInterval(watch)
  return { code, ...said }
}

/** A program in the place of openssl, alone on the PATH: Node.js that runs this. Without a program: no openssl at all. */
function pathWith(program?: string): { PATH: string } {
  const bin = path.join(folder, '..', `bin-${path.basename(folder)}`)
  fs.mkdirSync(bin)
  if (program !== undefined)
    fs.writeFileSync(path.join(bin, 'openssl'), `#!${process.execPath}\n${program}\n`, { mode: 0o755 })
  return { PATH: bin }
}

/** Whether the openssl of this machine, where it has one, can stand beside the site. */
function hasSServer(): boolean {
  const { stdout, stderr } = spawnSync('openssl', ['s_server', '-help'], { encoding: 'utf8' })
  return `${stdout}${stderr}`.includes('-allow_proxy_certs')
}

const BY_OPENSSL = '✓ allowed. openssl s_server verified the same chain, by the rules of RFC 3820'
const BY_THE_SITE_ALONE =
  'No openssl here that takes proxies, so the site itself is the only one that verified it'

/** What is in the temporary folder, but for what tsx keeps there for its next run. */
function left(): string[] {
  return fs.readdirSync(folder).filter((name) => !name.startsWith('tsx-'))
}

it('shows a request allowed, refused and renewed, and ends well', async () => {
  const { code, stdout, stderr } = await demo()
  expect(stderr).toBe('')
  expect(code).toBe(0)
  for (const line of [
    '✓ ERR_IGWN_TOKEN_NOT_FOUND, with every place that was looked at',
    '✓ allowed: the server checked the signature, the audience, the time and the scope',
    '✓ the refusal comes back as the AxiosError it is, with what the server said',
    '✓ each of the two says why it will not do',
    '✓ the very next request carried the renewed token; nothing was restarted',
    '✓ ERR_IGWN_INSECURE_TRANSPORT: nothing left, though the token would have satisfied',
    '✓ allowed. The site itself verified the chain, each signature, name and date of it',
    '✓ ERR_IGWN_CERT_NOT_FOUND: the proxy is passed over, and why',
    '✓ that was known before any connection',
    '✓ allowed: no token satisfies, so the login for that host went along',
    '✓ refused; the reasons are joined to the error, with the command that mends it',
    '~/.netrc      can be reached by others (mode 0644) and is not used; chmod 600 ~/.netrc',
  ])
    expect(stdout).toContain(line)
  expect(stdout).toMatch(/All \d+ checks hold\./)
})

it('has openssl verify the proxy too, and says so, where the machine has one that can', async () => {
  const { code, stdout } = await demo()
  expect(code).toBe(0)
  expect(stdout.includes(BY_OPENSSL)).toBe(hasSServer())
  expect(stdout.includes(BY_THE_SITE_ALONE)).toBe(!hasSServer())
})

it.each([
  ['there is no openssl', undefined],
  ['openssl cannot do this', 'process.exit(1)'],
  ['openssl ends after a word', "console.log('ACCEPT nothing'); process.exit(0)"],
])('says that the site alone verified the proxy where %s, and goes on', async (_, program) => {
  const { code, stdout, stderr } = await demo(pathWith(program))
  expect(stderr).toBe('')
  expect(code).toBe(0)
  expect(stdout).toContain(BY_THE_SITE_ALONE)
  expect(stdout).not.toContain('s_server')
  expect(stdout).toMatch(/All \d+ checks hold\./)
})

it('prints no secret and no colour where nobody looks, in at most 100 columns, and leaves nothing behind', async () => {
  const { stdout } = await demo()
  expect(stdout).not.toMatch(/eyJ[\w-]+\.eyJ|-----BEGIN|password (?!\.\.\.|is )/)
  expect(stdout).not.toContain('\u001b')
  // The folder of this test is longer than one of the machine's own.
  const lines = stdout.replaceAll(folder, '/tmp').split('\n')
  expect(lines.filter((line) => line.length > 100)).toEqual([])
  expect(left()).toEqual([])
})

it('looks at no credential, switch or proxy of whoever runs it', async () => {
  const { code, stderr } = await demo({
    BEARER_TOKEN: 'not-a-token',
    X509_USER_PROXY: path.join(folder, 'none'),
    X509_USER_CERT: path.join(folder, 'none'),
    X509_CERT_DIR: path.join(folder, 'none'),
    REQUESTS_CA_BUNDLE: path.join(folder, 'none'),
    CURL_CA_BUNDLE: path.join(folder, 'none'),
    SSL_CERT_FILE: path.join(folder, 'none'),
    NETRC: path.join(folder, 'none'),
    IGWN_AUTH_UTILS_FIND_SCITOKEN: 'perhaps',
    IGWN_AUTH_UTILS_FIND_X509: 'perhaps',
    HTTPS_PROXY: 'http://127.0.0.1:9',
    HTTP_PROXY: 'http://127.0.0.1:9',
  })
  expect(stderr).toBe('')
  expect(code).toBe(0)
})

it('says at which step something is not as it should be, exits with 1, and leaves nothing behind', async () => {
  const preload = path.join(folder, '..', 'renames-nothing.cjs')
  fs.writeFileSync(
    preload,
    `const fs = require('node:fs')
     const rename = fs.renameSync
     fs.renameSync = (from, to) => { if (!fs.existsSync(to)) rename(from, to) }
     require('node:module').syncBuiltinESMExports()`,
  )
  const { code, stderr } = await demo({ NODE_OPTIONS: `--require "${preload}"` })
  expect(stderr).toBe(
    '\ndemo: step 4 is not as it should be: a request that should have been refused before it left was not\n',
  )
  expect(code).toBe(1)
  expect(left()).toEqual([])
})

it('says so and exits with 1 when there is no temporary folder to work in', async () => {
  const file = path.join(folder, 'a-file')
  fs.writeFileSync(file, '')
  const { code, stdout, stderr } = await demo({ TMPDIR: file, TSX_DISABLE_CACHE: '1' })
  expect(stderr).toMatch(/^\ndemo: the start is not as it should be: ENOTDIR: not a directory/)
  expect(stdout).toBe('')
  expect(code).toBe(1)
})

it('leaves nothing behind when it is interrupted', async () => {
  const { code, stdout } = await demo({}, { interruptWhen: (stdout) => stdout !== '' })
  expect(code).toBe(130)
  expect(stdout).not.toContain('checks hold')
  expect(left()).toEqual([])
})

it('leaves no openssl behind either', async () => {
  const trace = path.join(folder, '..', 'trace')
  // Has the demo wait for it, and tells when it is ended.
  const env = pathWith(`
    const fs = require('node:fs')
    fs.writeFileSync(${JSON.stringify(trace)}, 'begun')
    process.on('SIGTERM', () => { fs.writeFileSync(${JSON.stringify(trace)}, 'ended'); process.exit() })
    setInterval(() => undefined, 1000)`)
  const { code } = await demo(env, { interruptWhen: () => fs.existsSync(trace) })
  expect(code).toBe(130)
  while (fs.readFileSync(trace, 'utf8') !== 'ended') await wait(5)
  expect(left()).toEqual([])
})
