import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { spreadOf } from './measure'
import { dependenciesOf } from './packages'
import { counted, measured, type Result } from './report'
import type { Setting } from './setting'

/** A folder from which the package resolves by its own name. */
const cwd = fileURLToPath(new URL('..', import.meta.url))

const LOAD = {
  ESM: { type: 'module', load: (name: string) => `await import('${name}')` },
  CommonJS: { type: 'commonjs', load: (name: string) => `require('${name}')` },
}

/** The processor time of an import, in a new process that has loaded nothing, or axios, which most programs have. */
export function* imports({ quick }: Setting): Generator<Result> {
  for (const [kind, { type, load }] of Object.entries(LOAD)) {
    const timeOf = (name: string, ...before: readonly string[]) => {
      const program = [...before.map(load), 'const begin = process.cpuUsage()', load(name), PRINT].join('\n')
      const args = [`--input-type=${type}`, '--eval', program]
      const run = () => Number(execFileSync(process.execPath, args, { cwd, encoding: 'utf8' }))
      run() // fills the file system cache
      return spreadOf(Array.from({ length: quick ? 2 : 21 }, run))
    }
    const axios = timeOf('axios')
    const own = timeOf('axios-igwn-auth', 'axios')
    yield measured(`${kind}: axios alone`, 'ms', axios)
    yield measured('  the package, over axios', 'ms', own)
    yield counted('  that as a part of axios alone', own.median / axios.median, 0.25, '×')
    yield measured('  /fetch, without axios', 'ms', timeOf('axios-igwn-auth/fetch'))
    for (const entry of ['oauth1', 'oauth2', 'pelican', 'vault'])
      yield measured(
        `  /${entry}, over the package`,
        'ms',
        timeOf(`axios-igwn-auth/${entry}`, 'axios-igwn-auth'),
      )
    for (const name of dependenciesOf(cwd))
      yield measured(`  ${name}, over axios`, 'ms', timeOf(name, 'axios'))
  }
}

const PRINT = `const { user, system } = process.cpuUsage(begin)
console.log((user + system) / 1000)`
