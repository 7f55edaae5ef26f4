import { execFileSync } from 'node:child_process'
import { spreadOf } from './measure'
import { measured, type Result } from './report'

const PROCESSES = 15

/** Where the package is known by its own name. */
const cwd = new URL('..', import.meta.url)

/** How long `import` of the package takes when axios is loaded already, in processes that have loaded nothing else. */
export function* imports(): Generator<Result> {
  const load = {
    ESM: (name: string) => `await import('${name}')`,
    CommonJS: (name: string) => `require('${name}')`,
  }
  for (const [kind, loading] of Object.entries(load)) {
    const program = [
      'const begin = performance.now()',
      loading('axios'),
      'const between = performance.now()',
      loading('axios-igwn-auth'),
      'console.log(JSON.stringify([between - begin, performance.now() - between]))',
    ].join('\n')
    const type = kind === 'ESM' ? 'module' : 'commonjs'
    const run = () =>
      execFileSync(process.execPath, [`--input-type=${type}`, '--eval', program], { cwd, encoding: 'utf8' })
    run() // fills the file system's cache
    const times = Array.from({ length: PROCESSES }, () => JSON.parse(run()) as [number, number])
    yield measured(
      `import, ${kind}: the package over axios alone`,
      'ms',
      spreadOf(times.map(([, ours]) => ours)),
      20,
    )
    yield measured('  axios alone', 'ms', spreadOf(times.map(([axios]) => axios)))
  }
}
