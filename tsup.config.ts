import fs from 'node:fs/promises'
import { defineConfig, type Options } from 'tsup'

/**
 * tsup makes CommonJS of what it has split by turning `import()` into `require`, by which Node before 22.12 loads no ES module,
 * as openid-client is one. It is turned back.
 */
const dynamicImports: NonNullable<Options['plugins']>[number] = {
  name: 'dynamic-imports',
  async buildEnd({ writtenFiles }) {
    for (const { name } of writtenFiles.filter((file) => file.name.endsWith('.cjs'))) {
      const text = await fs.readFile(name, 'utf8')
      await fs.writeFile(name, text.replace(REQUIRED, 'import($1)'))
    }
  },
}

const REQUIRED = /Promise\.resolve\(\)\.then\(\(\) => _interopRequireWildcard\(require\(("[^"]+")\)\)\)/g

export default defineConfig({
  entry: { index: 'lib/index.ts', oauth1: 'lib/oauth1/index.ts', oauth2: 'lib/oauth2/index.ts' },
  // What the entries have in common is there once: an `IgwnAuthError` of one is an `IgwnAuthError` of the others.
  splitting: true,
  // Both: axios itself has two copies, one for `import` and one for `require`, and ours must use the caller's.
  format: ['esm', 'cjs'],
  plugins: [dynamicImports],
  // Writes index.d.ts and index.d.cts: a CommonJS user of the one for ESM would not see `igwnAuth` in a request config.
  dts: true,
  target: 'node20',
  platform: 'node',
  // tsup takes it off else, and some bundlers and runtimes know built-ins by it alone.
  removeNodeProtocol: false,
  clean: true,
  // Errors alone: other commands build first, and what they print is their own.
  silent: true,
  // What package.json names as dependency or peer is left outside of its own accord. No source maps: what is built is
  // readable, and maps would bring the sources along.
})
