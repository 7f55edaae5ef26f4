/** The demo, run as `npm run demo` runs it after the build; also with a broken temporary folder, rename and `openssl`. */
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

/** Runs the demo to its end, or interrupts it. */
async function demo(
  env: NodeJS.ProcessEnv = {},
  { interruptWhen }: { interruptWhen?: (stdout: string) => boolean } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', TSX, 'demo/demo.ts'], {
    cwd: ROOT,
    env: { ...process.env, TMPDIR: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  const watch = setInterval(() => {
    if (interruptWhen?.(output.stdout)) child.kill('SIGINT')
  }, 5)
  const [code] = (await once(child, 'close')) as [number | null]
  clearInterval(watch)
  return { code, ...output }
}

/** One run to the end, which several tests examine. */
let complete: Promise<Ended & { readonly folder: string }> | undefined
const completeRun = () => (complete ??= demo().then((ended) => ({ ...ended, folder })))

/** A PATH with only a Node.js program named openssl, or with nothing. */
function pathWith(program?: string): { PATH: string } {
  const bin = path.join(folder, '..', `bin-${path.basename(folder)}`)
  fs.mkdirSync(bin)
  if (program !== undefined)
    fs.writeFileSync(path.join(bin, 'openssl'), `#!${process.execPath}\n${program}\n`, { mode: 0o755 })
  return { PATH: bin }
}

/** Whether openssl is installed and accepts proxies. */
function hasSServer(): boolean {
  const { stdout, stderr } = spawnSync('openssl', ['s_server', '-help'], { encoding: 'utf8' })
  return `${stdout}${stderr}`.includes('-allow_proxy_certs')
}

const BY_OPENSSL = '✓ allowed: openssl s_server verified the same chain by the rules of RFC 3820'
const BY_SERVER_ONLY = 'No openssl that accepts proxies is installed, so only the server above verified it'

/** The content of the temporary folder, without the cache of tsx. */
function left(of = folder): string[] {
  return fs.readdirSync(of).filter((name) => !name.startsWith('tsx-'))
}

it('shows allowed, refused and renewed requests, and exits with 0', async () => {
  const { code, stdout, stderr } = await completeRun()
  expect(stderr).toBe('')
  expect(code).toBe(0)
  for (const line of [
    '✓ ERR_IGWN_TOKEN_NOT_FOUND, with every place that was searched',
    '✓ allowed: the server checked the signature, the audience, the time and the scope',
    '✓ the refusal is an AxiosError with the response of the server',
    '✓ the error says why each of the two was skipped',
    '✓ the next request used the renewed token; nothing was restarted',
    '✓ ERR_IGWN_INSECURE_TRANSPORT: nothing was sent, although the token is suitable',
    '✓ the body from the first cache has another digest than the server names',
    '✓ the director, which repeats tokens in URLs, got none',
    '✓ allowed: the server verified each signature, name and date of the chain itself',
    '✓ ERR_IGWN_CERT_NOT_FOUND: the error says why the proxy was skipped',
    '✓ no connection was made',
    '✓ allowed: there is no suitable token, so the username and password for that host were sent',
    '✓ refused: the error has the reasons, with the command that fixes it',
  ])
    expect(stdout).toContain(line)
  expect(stdout).toMatch(
    /~\/\.netrc +is accessible to other users \(mode 0644\) and is not used; run chmod 600 ~\/\.netrc$/m,
  )
  expect(stdout).toMatch(/All \d+ checks passed\./)
})

it('verifies the proxy with openssl too, if it is installed', async () => {
  const { code, stdout } = await completeRun()
  expect(code).toBe(0)
  expect(stdout.includes(BY_OPENSSL)).toBe(hasSServer())
  expect(stdout.includes(BY_SERVER_ONLY)).toBe(!hasSServer())
})

it.each([
  ['there is no openssl', undefined],
  ['openssl cannot do this', 'process.exit(1)'],
  ['openssl exits before it listens', "console.log('ACCEPT nothing'); process.exit(0)"],
])('continues without openssl if %s', async (_, program) => {
  const { code, stdout, stderr } = await demo(pathWith(program))
  expect(stderr).toBe('')
  expect(code).toBe(0)
  expect(stdout).toContain(BY_SERVER_ONLY)
  expect(stdout).not.toContain('s_server')
  expect(stdout).toMatch(/All \d+ checks passed\./)
})

it('prints no secret, no color outside of a terminal, at most 100 columns, and leaves no files', async () => {
  const { stdout, folder } = await completeRun()
  expect(stdout).not.toMatch(/eyJ[\w-]+\.eyJ|-----BEGIN|login \S+ password (?!\.\.\.)/)
  expect(stdout).not.toContain('\u001b')
  // The temporary folder of this test has a longer path than /tmp.
  const lines = stdout.replaceAll(folder, '/tmp').split('\n')
  expect(lines.filter((line) => line.length > 100)).toEqual([])
  expect(left(folder)).toEqual([])
})

it('ignores the credentials, switches and network proxies of the user who runs it', async () => {
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

it('names the step that failed, exits with 1, and leaves no files', async () => {
  const preload = path.join(folder, '..', 'renames-nothing.cjs')
  fs.writeFileSync(
    preload,
    `const fs = require('node:fs')
     const rename = fs.renameSync
     fs.renameSync = (from, to) => { if (!fs.existsSync(to)) rename(from, to) }
     require('node:module').syncBuiltinESMExports()`,
  )
  const { code, stderr } = await demo({ NODE_OPTIONS: `--require "${preload}"` })
  expect(stderr).toBe('\ndemo: step 4 failed: a request that should have failed before it was sent did not\n')
  expect(code).toBe(1)
  expect(left()).toEqual([])
})

it('exits with 1 if there is no temporary folder', async () => {
  const file = path.join(folder, 'a-file')
  fs.writeFileSync(file, '')
  const { code, stdout, stderr } = await demo({ TMPDIR: file, TSX_DISABLE_CACHE: '1' })
  expect(stderr).toMatch(/^\ndemo: the start failed: ENOTDIR: not a directory/)
  expect(stdout).toBe('')
  expect(code).toBe(1)
})

it('leaves no files when it is interrupted', async () => {
  const { code, stdout } = await demo({}, { interruptWhen: (stdout) => stdout !== '' })
  expect(code).toBe(130)
  expect(stdout).not.toContain('checks passed')
  expect(left()).toEqual([])
})

it('stops openssl when it is interrupted', async () => {
  const trace = path.join(folder, '..', 'trace')
  // Never listens, and reports when it is stopped.
  const env = pathWith(`
    const fs = require('node:fs')
    process.on('SIGTERM', () => { fs.writeFileSync(${JSON.stringify(trace)}, 'stopped'); process.exit() })
    fs.writeFileSync(${JSON.stringify(trace)}, 'started')
    setInterval(() => undefined, 1000)`)
  const { code } = await demo(env, { interruptWhen: () => fs.existsSync(trace) })
  expect(code).toBe(130)
  while (fs.readFileSync(trace, 'utf8') !== 'stopped') await wait(5)
  expect(left()).toEqual([])
})
