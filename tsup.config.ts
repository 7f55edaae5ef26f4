import { defineConfig } from 'tsup'

export default defineConfig({
  entry: { index: 'lib/index.ts' },
  format: ['esm', 'cjs'],
  target: 'node20',
  platform: 'node',
  dts: true,
  sourcemap: true,
  clean: true,
  // A user who loads the package through `require` and `import` at once gets two copies; names stay readable in stacks.
  keepNames: false,
  splitting: true,
  // jsonwebtoken and netrc are CommonJS: they stay outside the bundle and are loaded as installed.
  external: ['axios'],
})
