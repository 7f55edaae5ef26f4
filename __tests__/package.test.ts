/**
 * The package as npm delivers it: packed, unpacked into projects in other folders, and used there. `npm test` builds it before
 * Jest starts.
 */
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import { isBuiltin } from 'node:module'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { BUNDLES, bundleSize } from '../bench/bundles'
import { mint } from './support/tokens'
import { serve, type TestServer } from './support/server'

interface Manifest {
  main: string
  module: string
  types: string
  exports: unknown
  bin: Record<string, string>
  sideEffects: unknown
  dependencies: Record<string, string>
  peerDependencies: Record<string, string>
}

const root = path.resolve(__dirname, '..')
const filesIn = (folder: string) =>
  fs
    .readdirSync(path.join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => `${folder}/${name}`)
/** Every document that the README links to, directly or through another one. */
const DOCUMENTS = [
  ...['CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json'],
  ...['conformance/README.md', ...filesIn('docs'), ...filesIn('examples')],
]
const scratch = fs.mkdtempSync(path.join(process.env.TMPDIR ?? '', 'package-'))
const token = mint({ aud: 'ANY', scope: 'read:/' })

let tarball: Buffer
let files: Map<string, string>
let manifest: Manifest
let server: TestServer

beforeAll(async () => {
  server = await serve(({ url }) => (url === '/token' ? { body: '{"access_token":"from-there"}' } : {}))
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', scratch], root)
  const name = fs.readdirSync(scratch).find((one) => one.endsWith('.tgz'))
  tarball = fs.readFileSync(path.join(scratch, name ?? ''))
  files = unpack(tarball)
  manifest = JSON.parse(textOf('package.json')) as Manifest
}, 30_000)

afterAll(() => server.close())

describe('the tarball', () => {
  it('contains the built files and the documents, and nothing else', () => {
    const names = [...files.keys()].map((name) =>
      name.startsWith('dist/') ? name.replace(/-[\w-]{8}\./, '-*.').replace(/[^/]+-\*\.d/, '*.d') : name,
    )
    const built = (name: string) => ['cjs', 'd.cts', 'd.ts', 'js'].map((end) => `dist/${name}.${end}`)
    // Shared by the entry points: code, code that is loaded on first use, and types.
    const shared = [
      'chunk',
      'exchange',
      'integrity',
      'object-requests',
      'verify-signature',
      'without-htgettoken',
    ]
      .flatMap((name) => [`${name}-*.cjs`, `${name}-*.js`])
      .concat('*.d.cts', '*.d.ts')
      .map((name) => `dist/${name}`)
    // The command has only a CommonJS file; the licenses of bundled packages are next to it.
    const command = ['dist/cli.cjs', 'dist/LICENSES.txt']
    expect([...new Set(names)].sort()).toEqual(
      [
        ...DOCUMENTS,
        ...built('index'),
        ...built('fetch'),
        ...built('oauth1'),
        ...built('oauth2'),
        ...built('pelican'),
        ...built('vault'),
        ...shared,
        ...command,
      ].sort(),
    )
  })

  it('is within its budget, packed and unpacked', () => {
    const unpacked = [...files.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0)
    // A little above the current size. Raise it only for a reason.
    expect(tarball.length).toBeLessThan(760_000)
    expect(unpacked).toBeLessThan(2_800_000)
    // The tarball was read correctly.
    expect(tarball.length).toBeGreaterThan(250_000)
    expect(unpacked).toBeGreaterThan(1_000_000)
  })

  it('has the target of every relative link in its documents', () => {
    const targets = [...files]
      .filter(([name]) => name.endsWith('.md'))
      .flatMap(([name, text]) =>
        Array.from(
          text.replace(/^```[^]*?^```$/gm, '').matchAll(/\]\((?![a-z]+:|#)([^)#\s]+)/g),
          ([, target = '']) => path.posix.join(path.posix.dirname(name), target),
        ),
      )
    expect(targets.length).toBeGreaterThan(100)
    expect(targets.filter((target) => !files.has(target))).toEqual([])
  })

  it('has a changelog entry for its version', () => {
    const { version } = JSON.parse(textOf('package.json')) as { version: string }
    const said = textOf('CHANGELOG.md')
      .split(/^## /m)
      .find((section) => section.startsWith(`[${version}] - 20`))
    expect(said).toMatch(/^- /m)
  })

  it('contains no key, no token and no path of the host that packed it', () => {
    for (const [name, text] of files) {
      const finds = text.match(
        /-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[\w+/=]{16}|\beyJ[\w-]+\.[\w-]+\.[\w-]{16,}/g,
      )
      expect([name, finds]).toEqual([name, null])
      expect([name, text.includes(`${root}/`)]).toEqual([name, false])
    }
  })

  it('has every file that its package.json names, with types for ES modules and CommonJS', () => {
    const named = [
      manifest.main,
      manifest.module,
      manifest.types,
      ...pathsIn(manifest.exports),
      ...Object.values(manifest.bin),
    ]
    expect(named.filter((name) => !files.has(path.posix.normalize(name)))).toEqual([])
    expect(manifest.exports).toMatchObject({
      '.': {
        import: { types: './dist/index.d.ts', default: './dist/index.js' },
        require: { types: './dist/index.d.cts', default: './dist/index.cjs' },
      },
      './fetch': {
        import: { types: './dist/fetch.d.ts', default: './dist/fetch.js' },
        require: { types: './dist/fetch.d.cts', default: './dist/fetch.cjs' },
      },
      './oauth1': {
        import: { types: './dist/oauth1.d.ts', default: './dist/oauth1.js' },
        require: { types: './dist/oauth1.d.cts', default: './dist/oauth1.cjs' },
      },
      './oauth2': {
        import: { types: './dist/oauth2.d.ts', default: './dist/oauth2.js' },
        require: { types: './dist/oauth2.d.cts', default: './dist/oauth2.cjs' },
      },
      './pelican': {
        import: { types: './dist/pelican.d.ts', default: './dist/pelican.js' },
        require: { types: './dist/pelican.d.cts', default: './dist/pelican.cjs' },
      },
      './vault': {
        import: { types: './dist/vault.d.ts', default: './dist/vault.js' },
        require: { types: './dist/vault.d.cts', default: './dist/vault.cjs' },
      },
      './package.json': './package.json',
    })
    expect(manifest.sideEffects).toBe(false)
    for (const types of ['.d.ts', '.d.cts'])
      expect(textOfAll(types)).toMatch(/declare module 'axios' \{\s+interface AxiosRequestConfig/)
  })

  it('imports exactly the packages that it declares', () => {
    const declared = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)].sort()
    expect(importsIn(textOfAll('.js'))).toEqual(declared)
    expect(importsIn(textOfAll('.cjs'))).toEqual(declared)
    for (const types of ['.d.ts', '.d.cts'])
      expect(importsIn(textOfAll(types)).filter((name) => !declared.includes(name))).toEqual([])
  })

  it('has an entry point for fetch that loads neither axios nor other packages that it does not need', () => {
    const needed = ['netrc', 'proxy-from-env']
    expect(loadedBy('dist/fetch.js').sort()).toEqual(needed)
    expect(loadedBy('dist/fetch.cjs').sort()).toEqual(needed)
  })

  it('loads packages that are only ES modules with import(), on first use, and does not need their types', () => {
    for (const kind of ['.js', '.cjs'])
      expect(
        new Set(
          textOfAll(kind)
            .match(/.*["']openid-client["'].*/g)
            ?.map((line) => line.replaceAll('"', "'")),
        ),
      ).toEqual(new Set([`  return import('openid-client');`]))
    for (const kind of ['.d.ts', '.d.cts']) expect(importsIn(textOfAll(kind))).not.toContain('openid-client')
  })
})

it.each(BUNDLES)(
  'a bundle of %s with %s is within its limit, without axios',
  (entry, name, limit) => {
    const project = path.join(scratch, 'bundle', entry, name.replace('*', 'all'))
    install(project, 'axios')
    const bytes = bundleSize(entry, name, project)
    expect(bytes).toBeGreaterThan(20_000)
    expect(bytes).toBeLessThan(limit)
  },
  30_000,
)

describe('the command', () => {
  const project = path.join(scratch, 'command')
  const bin = path.join(project, 'node_modules', '.bin')
  beforeAll(() => {
    install(project, 'axios')
  })

  it('runs with npx, by its name, and from a link in another folder, as a global installation does', async () => {
    const elsewhere = path.join(project, 'elsewhere')
    fs.symlinkSync(path.relative(project, bin), elsewhere)
    const { version } = manifest as unknown as { version: string }
    for (const [command, ...words] of [
      ['npx', '--no-install', 'igwn-auth'],
      [path.join(bin, 'igwn-auth')],
      [path.join(elsewhere, 'igwn-auth')],
    ] as [string, ...string[]][])
      expect(await run(command, [...words, '--version'], project)).toBe(`${version}\n`)
  }, 30_000)

  it('makes a request with the token that it finds', async () => {
    server.seen.length = 0
    expect(await run(path.join(bin, 'igwn-auth'), ['get', server.origin], project)).toBe('{"ok":true}')
    expect(arrived()).toEqual([`GET / Bearer ${token}`])
  })

  it('has the license of every bundled package', () => {
    const folder = path.join(root, 'lib', 'cli')
    const sources = fs.readdirSync(folder).map((name) => fs.readFileSync(path.join(folder, name), 'utf8'))
    const installed = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)]
    const builtIn = importsIn(sources.join('\n')).filter((name) => !installed.includes(name))
    expect(builtIn.length).toBeGreaterThan(1)
    for (const name of builtIn)
      expect(textOf('dist/LICENSES.txt')).toMatch(
        new RegExp(`^${name} ${versionOf(name)}\n\n[^]*?permi`, 'm'),
      )
  })

  it('has its bundled packages and their licenses in docs/licenses.md', () => {
    const names = Array.from(
      textOf('dist/LICENSES.txt').matchAll(/^(\S+) \d+\.\d+\.\d+$/gm),
      ([, name = '']) => name,
    )
    const builtIn = [...new Set(names)].sort().map((name) => [name, manifestOf(name).license])
    const listed = fs.readFileSync(path.join(root, 'docs/licenses.md'), 'utf8')
    const rows = listed
      .slice(listed.indexOf('## Bundled into the command'))
      .matchAll(/^\| (\S+) +\| (\S+) +\|$/gm)
    expect(Array.from(rows, ([, name, licence]) => [name, licence]).slice(2)).toEqual(builtIn)
  })
})

/** Compiler settings other than NodeNext. */
const MODULE_SETTINGS = {
  'module: Node16': { module: 'Node16' },
  'moduleResolution: bundler': { module: 'ESNext', moduleResolution: 'bundler' },
  'moduleResolution: node10': { module: 'CommonJS', moduleResolution: 'node10', esModuleInterop: true },
}

describe.each(['axios', 'axios-lowest'])('in a project with %s', (axios) => {
  const project = path.join(scratch, `with-${axios}`)
  const version = versionOf(axios)

  beforeAll(() => {
    install(project, axios)
  })

  beforeEach(() => {
    server.seen.length = 0
  })

  it.each(['consumer.mjs', 'consumer.cjs'])(
    'sends the token that it finds, loaded with %s',
    async (consumer) => {
      fs.copyFileSync(path.join(__dirname, 'package', consumer), path.join(project, consumer))
      const said = await runConsumer(project, consumer)
      expect(arrived()).toEqual(expectedToArrive)
      expect(said).toEqual({ axios: version })
    },
  )

  it('compiles in TypeScript as an ES module and as CommonJS, and sends the token that it finds (trap 21)', async () => {
    const source = fs.readFileSync(path.join(__dirname, 'package/typed-consumer.ts'))
    for (const name of ['typed.mts', 'typed.cts']) fs.writeFileSync(path.join(project, name), source)
    for (const entry of ['fetch', 'oauth1', 'oauth2', 'pelican', 'vault']) {
      const ofEntry = fs.readFileSync(path.join(__dirname, `package/typed-${entry}.ts`))
      for (const name of [`${entry}.mts`, `${entry}.cts`]) fs.writeFileSync(path.join(project, name), ofEntry)
    }
    fs.writeFileSync(path.join(project, 'tsconfig.json'), JSON.stringify(TSCONFIG))
    expect(await compile(project)).toBe('')

    for (const consumer of ['out/typed.mjs', 'out/typed.cjs']) {
      server.seen.length = 0
      const said = await runConsumer(project, consumer)
      expect(arrived()).toEqual(expectedToArrive)
      expect(said).toMatchObject({ ok: true, axios: version })
      expect((said as { reasons: string[] }).reasons).toContain('BEARER_TOKEN: scope')
    }
    for (const consumer of ['out/fetch.mjs', 'out/fetch.cjs']) {
      server.seen.length = 0
      const said = await runConsumer(project, consumer)
      expect(arrived()).toEqual([`GET /data Bearer ${token}`])
      expect(said).toEqual({ status: 200, headers: ['Authorization'], code: 'ERR_IGWN_INVALID_OPTION' })
    }
    for (const consumer of ['out/oauth1.mjs', 'out/oauth1.cjs']) {
      server.seen.length = 0
      const said = await runConsumer(project, consumer)
      expect(server.seen[0]?.headers.authorization).toMatch(/^OAuth oauth_consumer_key="console"/)
      expect(said).toEqual({ status: 200, code: 'ERR_IGWN_OAUTH1_NO_VERIFIER', isOurs: true })
    }
    for (const consumer of ['out/oauth2.mjs', 'out/oauth2.cjs']) {
      server.seen.length = 0
      const said = await runConsumer(project, consumer)
      expect(arrived()).toEqual(['POST /token without', 'GET /data Bearer from-there'])
      const code = 'ERR_IGWN_OAUTH_UNREACHABLE'
      expect(said).toEqual({ status: 200, types: ['Bearer', null], isOurs: true, code })
    }
    for (const consumer of ['out/pelican.mjs', 'out/pelican.cjs']) {
      const said = await runConsumer(project, consumer)
      expect(said).toEqual({
        servers: ['https://c.example.org/x'],
        code: 'ERR_IGWN_INVALID_URL',
        isOurs: true,
      })
    }
    for (const consumer of ['out/vault.mjs', 'out/vault.cjs']) {
      const said = await runConsumer(project, consumer)
      expect(said).toEqual({ code: 'ERR_IGWN_OAUTH_UNREACHABLE', status: null, isOurs: true })
    }
  }, 120_000)

  it.each(Object.entries(MODULE_SETTINGS))(
    'compiles with %s, including the subpaths',
    async (name, settings) => {
      for (const entry of ['consumer', 'fetch', 'oauth1', 'oauth2', 'pelican', 'vault'])
        fs.copyFileSync(
          path.join(__dirname, `package/typed-${entry}.ts`),
          path.join(project, `typed-${entry}.ts`),
        )
      const compilerOptions = { ...TSCONFIG.compilerOptions, ...settings, noEmit: true }
      const files = [
        'typed-consumer.ts',
        'typed-fetch.ts',
        'typed-oauth1.ts',
        'typed-oauth2.ts',
        'typed-pelican.ts',
        'typed-vault.ts',
      ]
      const config = path.join(project, `tsconfig-${name.replaceAll(/\W+/g, '-')}.json`)
      fs.writeFileSync(config, JSON.stringify({ compilerOptions, files }))
      expect(await compile(config)).toBe('')
    },
    120_000,
  )
})

it.each([
  'axios-igwn-auth',
  'axios-igwn-auth/fetch',
  'axios-igwn-auth/oauth1',
  'axios-igwn-auth/oauth2',
  'axios-igwn-auth/pelican',
  'axios-igwn-auth/vault',
])('exports exactly the listed names of %s, to ES modules and CommonJS', async (entry) => {
  const project = path.join(scratch, 'names', entry)
  install(project, 'axios')
  const ask = { module: `import * as all from '${entry}'`, commonjs: `const all = require('${entry}')` }
  for (const [type, load] of Object.entries(ask)) {
    const program = `${load}; console.log(Object.keys(all).sort().join('\\n'))`
    const names = await run(process.execPath, [`--input-type=${type}`, '--eval', program], project)
    expect(names.trim().split('\n')).toEqual(NAMES[entry])
  }
})

/** An additional or missing name is a change for users. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  'axios-igwn-auth': [
    'EVENT_CHANNEL',
    'HTTPSciTokenAuth',
    'IgwnAuthError',
    'SciToken',
    'X509Credential',
    'applyAutoRetry',
    'applyIgwnAuth',
    'autoRenew',
    'chain',
    'createX509Agent',
    'delete',
    'discoveredTokens',
    'explain',
    'externallyManagedJwt',
    'fileStore',
    'findNetrcCredentials',
    'findSciToken',
    'findX509Credentials',
    'get',
    'getSciToken',
    'head',
    'igwnAxios',
    'isIgwnAuthError',
    'isValidToken',
    'keyvStore',
    'noHostCredentials',
    'oidcAgent',
    'parseChallenges',
    'patch',
    'post',
    'put',
    'redisLock',
    'redisStore',
    'removeAutoRetry',
    'removeIgwnAuth',
    'request',
    'reuse',
    'staticToken',
    'targetAudience',
    'tokenAuthorizationHeader',
    'tokenCommand',
    'workloadIdentity',
  ],
  'axios-igwn-auth/fetch': [
    'IgwnAuthError',
    'authorize',
    'createIgwnFetch',
    'explanationOf',
    'igwnFetch',
    'isIgwnAuthError',
  ],
  'axios-igwn-auth/oauth1': [
    'IgwnAuthError',
    'OAuth1Token',
    'applyOAuth1',
    'oauth1',
    'oauth1Flow',
    'parseAuthorizationResponse',
  ],
  'axios-igwn-auth/oauth2': [
    'IgwnAuthError',
    'OAuth2Auth',
    'OAuthError',
    'authorizationCode',
    'clientCredentials',
    'clientRegistration',
    'deviceCode',
    'dpop',
    'dpopKey',
    'igwn',
    'jwtBearer',
    'password',
    'refreshToken',
    'tokenExchange',
    'webLogin',
  ],
  'axios-igwn-auth/pelican': ['IgwnAuthError', 'federationOf', 'parsePelicanHeaders', 'resolveObject'],
  'axios-igwn-auth/vault': ['IgwnAuthError', 'OAuthError', 'logIn', 'logOut', 'vaultToken'],
}

it('is tested with the lowest axios that it allows', () => {
  expect(`>=${versionOf('axios-lowest').replace(/\.0$/, '')} <2`).toBe(manifest.peerDependencies.axios)
})

const expectedToArrive = [
  `GET /default-instance Bearer ${token}`,
  `POST /applied Bearer ${token}`,
  `DELETE /function Bearer ${token}`,
  // Importing the package does not change axios itself.
  'GET /axios-itself without',
]

const TSCONFIG = {
  compilerOptions: {
    module: 'NodeNext',
    target: 'ES2022',
    // Without browser types, as in projects for Node.js.
    lib: ['ES2022'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    // The declarations are checked too, not only their users.
    skipLibCheck: false,
    types: ['node'],
    outDir: 'out',
  },
  files: [
    'typed.mts',
    'typed.cts',
    'fetch.mts',
    'fetch.cts',
    'oauth1.mts',
    'oauth1.cts',
    'oauth2.mts',
    'oauth2.cts',
    'pelican.mts',
    'pelican.cts',
    'vault.mts',
    'vault.cts',
  ],
}

/** Runs the TypeScript compiler. Resolves to its errors. */
function compile(config: string): Promise<string> {
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  return run(process.execPath, [tsc, '--project', config], path.dirname(config)).catch(
    (error: unknown) => (error as { stdout: string }).stdout,
  )
}

function arrived(): string[] {
  return server.seen.map(
    ({ method, url, headers }) => `${method} ${url} ${headers.authorization ?? 'without'}`,
  )
}

/**
 * Installs the tarball without npm, which would use the network: dependencies are links to those of this checkout. Only
 * declared dependencies are linked, so an import of another package fails as it would for a user.
 */
function install(project: string, axios: string): void {
  const modules = path.join(project, 'node_modules')
  for (const [name, text] of files) {
    const file = path.join(modules, 'axios-igwn-auth', name)
    fs.mkdirSync(path.dirname(file), { recursive: true })
    fs.writeFileSync(file, text)
  }
  for (const name of Object.keys(manifest.dependencies)) link(name, name)
  for (const [name, file] of Object.entries(manifest.bin)) {
    const target = path.join(modules, 'axios-igwn-auth', file)
    fs.chmodSync(target, 0o755)
    fs.mkdirSync(path.join(modules, '.bin'), { recursive: true })
    fs.symlinkSync(path.relative(path.join(modules, '.bin'), target), path.join(modules, '.bin', name))
  }
  link('axios', axios)
  // The declarations use https.Agent; TypeScript programs for Node.js have these types.
  link('@types/node', '@types/node')

  function link(name: string, target: string): void {
    fs.mkdirSync(path.dirname(path.join(modules, name)), { recursive: true })
    fs.symlinkSync(path.join(root, 'node_modules', target), path.join(modules, name))
  }
}

/** Runs a program of the project against the server. Returns its JSON output. */
async function runConsumer(project: string, file: string): Promise<unknown> {
  const preload = path.join(__dirname, 'package/other-user.cjs')
  const printed = await run(process.execPath, ['--require', preload, file, server.origin], project)
  return JSON.parse(printed)
}

/** Runs a program with only the folders of this test in its environment. */
function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { PATH, HOME, XDG_RUNTIME_DIR, XDG_CACHE_HOME, TMPDIR } = process.env
  const env = { PATH, HOME, XDG_RUNTIME_DIR, XDG_CACHE_HOME, TMPDIR, BEARER_TOKEN: token }
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd, env, encoding: 'utf8' }, (error, stdout, stderr) => {
      if (error) reject(Object.assign(new Error(`${error.message}\n${stderr}`), { stdout }))
      else resolve(stdout)
    })
  })
}

/** The files in an npm tarball: ustar headers of 512 bytes, each followed by a file in blocks of 512 bytes. */
function unpack(tarball: Buffer): Map<string, string> {
  const tar = gunzipSync(tarball)
  const unpacked = new Map<string, string>()
  for (let at = 0; at < tar.length && tar[at] !== 0;) {
    const field = (from: number, length: number) =>
      tar.toString('latin1', at + from, at + from + length).replace(/\0.*$/s, '')
    const size = parseInt(field(124, 12), 8)
    const start = at + 512
    unpacked.set(field(0, 100).replace(/^package\//, ''), tar.toString('utf8', start, start + size))
    at = start + Math.ceil(size / 512) * 512
  }
  return unpacked
}

/** The installed version of a package. */
function versionOf(name: string): string {
  return manifestOf(name).version
}

function manifestOf(name: string): { version: string; license: string } {
  // npm installs other versions that cli-progress needs below it.
  const folders = ['node_modules/cli-progress/node_modules', 'node_modules']
  const file = folders.map((folder) => path.join(root, folder, name, 'package.json')).find(fs.existsSync)
  return JSON.parse(fs.readFileSync(file ?? name, 'utf8')) as { version: string; license: string }
}

function textOf(name: string): string {
  return files.get(name) ?? ''
}

/** All built files of one kind, concatenated: `.js`, `.d.ts`. */
function textOfAll(kind: string): string {
  const end = new RegExp(`^dist/[^.]+\\${kind}$`)
  return [...files].flatMap(([name, text]) => (end.test(name) ? [text] : [])).join('\n')
}

/** The packages that an entry point loads when it is imported, directly or through its files. */
function loadedBy(entry: string, seen = new Set<string>()): string[] {
  if (seen.has(entry)) return []
  seen.add(entry)
  const statement = /(?:^(?:import\b[^'"(]*|\} from )|^var .*\brequire\()["']([^"']+)["']/gm
  const found = [...textOf(entry).matchAll(statement)].map((match) => match[1] ?? '')
  const packages = found.flatMap((name) =>
    name.startsWith('.') ? loadedBy(path.posix.join('dist', name), seen) : isBuiltin(name) ? [] : [name],
  )
  return [...new Set(packages)]
}

/** The paths at the leaves of `exports`. */
function pathsIn(exports: unknown): string[] {
  return typeof exports === 'string' ? [exports] : Object.values(exports as object).flatMap(pathsIn)
}

/** The packages that built files import in any way, without built-in modules. */
function importsIn(built: string): string[] {
  const statement = /^(?:import\b[^'"]*|\} from )["']([^"']+)["']/gm
  const call = /\b(?:import|require)\(["']([^"']+)["']\)/g
  const packages = [statement, call]
    .flatMap((form) => [...built.matchAll(form)].map((match) => match[1] ?? ''))
    .filter((specifier) => !isBuiltin(specifier) && !specifier.startsWith('.'))
    .map((specifier) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? '')
  return [...new Set(packages)].sort()
}
