import { execFileSync } from 'node:child_process'
import { spreadOf } from './measure'
import { measured, type Result } from './report'
import type { Setting } from './setting'

/** A folder from which the package resolves by its own name. */
const cwd = new URL('..', import.meta.url)

const LOAD = {
  ESM: { type: 'module', load: (name: string) => `await import('${name}')` },
  CommonJS: { type: 'commonjs', load: (name: string) => `require('${name}')` },
}

/** The packages that this package loads, and how. */
const DEPENDENCIES = ['netrc', 'proxy-from-env']

/**
 * The time of an import, in a process that has already loaded axios and the imports before it in the list, and nothing else.
 */
export function* imports({ quick }: Setting): Generator<Result> {
  for (const [kind, { type, load }] of Object.entries(LOAD)) {
    const timesOf = (...names: readonly string[]) => {
      const program = names.map((name) => `times.push(performance.now())\n${load(name)}`)
      const text = ['const times = []', ...program, 'times.push(performance.now())', PRINT].join('\n')
      const args = [`--input-type=${type}`, '--eval', text]
      const run = () =>
        JSON.parse(execFileSync(process.execPath, args, { cwd, encoding: 'utf8' })) as number[]
      run() // fills the file system cache
      const runs = Array.from({ length: quick ? 2 : 21 }, run)
      return names.map((_, index) => spreadOf(runs.map((times) => times[index] ?? NaN)))
    }
    const [axios, core, oauth1, oauth2, pelican] = timesOf(
      'axios',
      'axios-igwn-auth',
      'axios-igwn-auth/oauth1',
      'axios-igwn-auth/oauth2',
      'axios-igwn-auth/pelican',
    )
    if (!axios || !core || !oauth1 || !oauth2 || !pelican) return
    yield measured(`${kind}: axios alone`, 'ms', axios)
    yield measured('  the package, over axios', 'ms', core, 20)
    const dependencies = timesOf('axios', ...DEPENDENCIES).slice(1)
    const sum = (of: 'median' | 'low' | 'high') => dependencies.reduce((all, one) => all + one[of], 0)
    const [median, low, high] = [sum('median'), sum('low'), sum('high')]
    yield measured('  of which what it loads of others', 'ms', { median, low, high })
    yield measured('  /oauth1, over both', 'ms', oauth1)
    yield measured('  /oauth2, over all', 'ms', oauth2)
    yield measured('  /pelican, over all', 'ms', pelican)
  }
}

const PRINT = 'console.log(JSON.stringify(times.slice(1).map((time, index) => time - times[index])))'
