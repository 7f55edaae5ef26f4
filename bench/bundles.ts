import { buildSync } from 'esbuild'

/**
 * What a bundle of an entry may have at most, in bytes, minified and without axios: it is the same on each machine, so it is
 * asserted. `*` is the whole entry.
 */
export const BUNDLES: readonly (readonly [entry: string, name: string, limit: number])[] = [
  ['axios-igwn-auth', 'findSciToken', 120_000],
  ['axios-igwn-auth', '*', 295_000],
  ['axios-igwn-auth/fetch', 'igwnFetch', 200_000],
  ['axios-igwn-auth/oauth1', '*', 270_000],
  ['axios-igwn-auth/oauth2', '*', 310_000],
  ['axios-igwn-auth/pelican', '*', 250_000],
  ['axios-igwn-auth/vault', '*', 290_000],
]

/** The size of a bundle for Node.js with what a program uses of an entry. */
export function bundleSize(entry: string, name: string, folder: string): number {
  const exported = name === '*' ? name : `{ ${name} }`
  // Not `build`, whose process remains.
  const { outputFiles } = buildSync({
    stdin: { contents: `export ${exported} from '${entry}'`, resolveDir: folder },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    write: false,
    // A program that bundles them bundles what they are, not what we are.
    external: ['axios', 'kerberos', 'openid-client', 'undici'],
    logLevel: 'error',
  })
  return outputFiles[0]?.contents.length ?? NaN
}
