/**
 * Types `error.igwnAuth` after `axios.isAxiosError(error)` for CommonJS. The declarations of axios for ES modules have a class
 * `AxiosError`, which `lib/explain/refusal.ts` extends. Those for CommonJS have an alias of a class that cannot be extended, so
 * there `isAxiosError` gets an overload instead. tsup writes the same text for both formats and runs no plugin on it.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

const MERGED_CLASS = /interface AxiosError \{[^}]*\}/g
const OVERLOAD = `interface AxiosStatic {
        isAxiosError<T = any, D = any>(payload: any): payload is AxiosError<T, D> & Pick<IgwnAxiosError, 'igwnAuth'>;
    }`

let replaced = 0
for (const name of readdirSync('dist').filter((one) => one.endsWith('.d.cts'))) {
  const text = readFileSync(`dist/${name}`, 'utf8')
  const changed = text.replace(MERGED_CLASS, () => (replaced++, OVERLOAD))
  if (changed !== text) writeFileSync(`dist/${name}`, changed)
}
if (replaced !== 1)
  throw new Error(`Expected one declaration of AxiosError in dist/*.d.cts, found ${replaced}.`)
