import fs from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import path from 'node:path'
import { defineConfig, type Options } from 'tsup'

/**
 * tsup makes CommonJS of what it has split by turning `import()` into `require`, by which Node before 22.12 loads no ES module,
 * as openid-client is one. It is turned back.
 */
const dynamicImports: NonNullable<Options['plugins']>[number] = {
  name: 'dynamic-imports',
  async buildEnd({ writtenFiles }) {
    for (const { name } of writtenFiles.filter((file) => file.name.endsWith('.cjs'))) {
      const text = await readFile(name, 'utf8')
      await writeFile(name, text.replace(REQUIRED, 'import($1)'))
    }
  },
}

const REQUIRED = /Promise\.resolve\(\)\.then\(\(\) => _interopRequireWildcard\(require\(("[^"]+")\)\)\)/g

type Plugin = NonNullable<Options['esbuildPlugins']>[number]

/** What the CommonJS packages of the command require of Node.js, without a `require`: ES modules have none. */
const builtins: Plugin = {
  name: 'builtins',
  setup(build) {
    build.onResolve({ filter: /./ }, ({ path, kind }) =>
      kind === 'require-call' && isBuiltin(path) ? { path, namespace: 'builtins' } : undefined,
    )
    build.onLoad({ filter: /./, namespace: 'builtins' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)})`,
    }))
  },
}

/** Packages that are built in take their licences along, as these ask for. */
const licences: Plugin = {
  name: 'licences',
  setup(build) {
    build.onEnd(({ metafile }) => {
      const folders = new Set(Object.keys(metafile?.inputs ?? {}).flatMap((file) => packageOf(file) ?? []))
      const texts = new Set([...folders].map(licenceOf))
      if (texts.size > 0)
        fs.writeFileSync('dist/LICENSES.txt', [...texts].sort().join(`\n${'-'.repeat(80)}\n\n`))
    })
  },
}

/** The folder of the package that a file is of; undefined for a file of ours. */
function packageOf(file: string): string | undefined {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]
}

function licenceOf(folder: string): string {
  const { name, version } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')) as Named
  const file = fs.readdirSync(folder).find((one) => /^licen[cs]e/i.test(one))
  if (file === undefined) throw new Error(`${name} is built in and has no licence in its folder`)
  return `${name} ${version}\n\n${fs.readFileSync(path.join(folder, file), 'utf8').trim()}\n`
}

interface Named {
  readonly name: string
  readonly version: string
}

const library = { index: 'lib/index.ts', oauth1: 'lib/oauth1/index.ts', oauth2: 'lib/oauth2/index.ts' }

export default defineConfig({
  entry: { ...library, cli: 'lib/cli/main.ts' },
  // What the entries have in common is there once: an `IgwnAuthError` of one is an `IgwnAuthError` of the others.
  splitting: true,
  // Both: axios itself has two copies, one for `import` and one for `require`, and ours must use the caller's.
  format: ['esm', 'cjs'],
  plugins: [dynamicImports],
  // Nobody requires the command.
  esbuildOptions(options, { format }) {
    if (format === 'cjs') options.entryPoints = library
  },
  esbuildPlugins: [builtins, licences],
  // Writes index.d.ts and index.d.cts: a CommonJS user of the one for ESM would not see `igwnAuth` in a request config.
  dts: { entry: library },
  target: 'node20',
  platform: 'node',
  // tsup takes it off else, and some bundlers and runtimes know built-ins by it alone.
  removeNodeProtocol: false,
  clean: true,
  // Errors alone: other commands build first, and what they print is their own.
  silent: true,
  // What package.json names as dependency or peer is left outside of its own accord; what the command alone needs is built in,
  // so that nobody installs it who only uses the library. No source maps: what is built is readable, and maps would bring the
  // sources along.
})
