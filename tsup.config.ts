import fs from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'
import { defineConfig, type Options } from 'tsup'

type Plugin = NonNullable<Options['esbuildPlugins']>[number]

const { dependencies, peerDependencies } = JSON.parse(fs.readFileSync('package.json', 'utf8')) as Record<
  string,
  object
>
/** Packages that users install; others are bundled into the command. */
const EXTERNAL = Object.keys({ ...dependencies, ...peerDependencies })

/** commander uses it for commands that are programs of their own. We have none, and it takes milliseconds to load. */
const withoutChildProcess: Plugin = {
  name: 'without-child-process',
  setup(build) {
    build.onResolve({ filter: /^node:child_process$/ }, ({ path, importer }) =>
      importer.includes('commander') ? { path, namespace: 'empty' } : undefined,
    )
    build.onLoad({ filter: /./, namespace: 'empty' }, () => ({ contents: 'module.exports = {}' }))
  },
}

/**
 * Packages and built-ins are objects that inherit the members: esbuild copies own members for each file that imports them, which
 * took a sixth of the start of `get`. Those that take milliseconds to load are loaded when a member is first used.
 */
const imports: Plugin = {
  name: 'imports',
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, ({ path, kind, namespace }) => {
      const isExternal = path.startsWith('node:') || EXTERNAL.includes(path) || LAZY.test(path)
      if (!isExternal) return undefined
      if (namespace === 'imports') return { path, external: true }
      return kind === 'import-statement' || LAZY.test(path) ? { path, namespace: 'imports' } : undefined
    })
    build.onLoad({ filter: /./, namespace: 'imports' }, ({ path }) => {
      const load = `require(${JSON.stringify(path)})`
      const contents = LAZY.test(path)
        ? `module.exports = Object.setPrototypeOf((...args) => ${load}(...args), new Proxy({}, { get: (_, name) => ${load}[name] }))`
        : `module.exports = Object.create(${load})`
      return { contents, resolveDir: '.' }
    })
  },
}

const LAZY =
  /^(?:jsonwebtoken|netrc|proxy-from-env|node:(?:crypto|diagnostics_channel|http|https|tls)|readline)$/

/** Writes the licenses of the bundled packages, as these require. */
const licenses: Plugin = {
  name: 'licenses',
  setup(build) {
    build.onEnd(({ metafile }) => {
      const folders = new Set(Object.keys(metafile?.inputs ?? {}).flatMap((file) => packageOf(file) ?? []))
      const texts = new Set([...folders].map(licenseOf))
      if (texts.size > 0)
        fs.writeFileSync('dist/LICENSES.txt', [...texts].sort().join(`\n${'-'.repeat(80)}\n\n`))
    })
  },
}

/** The folder of the package of a file; undefined for our own files. */
function packageOf(file: string): string | undefined {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]
}

function licenseOf(folder: string): string {
  const { name, version } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')) as Named
  const file = fs.readdirSync(folder).find((one) => /^licen[cs]e/i.test(one))
  if (file === undefined) throw new Error(`${name} is bundled and has no license in its folder`)
  return `${name} ${version}\n\n${fs.readFileSync(path.join(folder, file), 'utf8').trim()}\n`
}

interface Named {
  readonly name: string
  readonly version: string
}

const library = {
  index: 'lib/index.ts',
  fetch: 'lib/fetch/index.ts',
  oauth1: 'lib/oauth1/index.ts',
  oauth2: 'lib/oauth2/index.ts',
  pelican: 'lib/pelican/index.ts',
  vault: 'lib/vault/index.ts',
}

/** Code that runs before everything else in the command: Node.js 18 would fail later, at a function that it does not have. */
const NODE_VERSION_CHECK = `"use strict";
if (Number.parseInt(process.versions.node, 10) < 20) {
  console.error("igwn-auth: Node.js " + process.versions.node + " is too old. Install Node.js 20.19 or later.");
  process.exit(2);
}`

/**
 * The command as one CommonJS file: modules, packages and built-ins are loaded where they are first used, which imports of an
 * ES module cannot do, and Node starts without its loader of ES modules. Packages of the command alone are bundled, so that
 * users of the library need not install them.
 */
async function buildCommand(): Promise<void> {
  await build({
    entryPoints: ['lib/cli/main.ts'],
    outfile: 'dist/cli.cjs',
    bundle: true,
    format: 'cjs',
    platform: 'node',
    // Older versions must be able to read the file to print the error at its top.
    target: 'node18',
    banner: { js: NODE_VERSION_CHECK },
    metafile: true,
    external: EXTERNAL,
    plugins: [withoutChildProcess, imports, licenses],
  })
}

export default defineConfig({
  entry: library,
  // Shared code is there once: an `IgwnAuthError` of one entry is an `IgwnAuthError` of the others.
  splitting: true,
  treeshake: true,
  // Both, because axios has a copy for `import` and one for `require`, and ours must use the caller's.
  format: ['esm', 'cjs'],
  onSuccess: buildCommand,
  // Writes index.d.ts and index.d.cts: a CommonJS user of the one for ESM would not see `igwnAuth` in a request config.
  dts: { entry: library },
  target: 'node20',
  platform: 'node',
  // Some bundlers and runtimes recognize built-ins by `node:` only.
  removeNodeProtocol: false,
  clean: true,
  // Only errors: other commands build first.
  silent: true,
  // No source maps: the output is readable, and maps would contain the sources.
})
