import { IgwnAuthError, type IgwnAuthErrorCode } from '../errors'
import { shellWords } from '../formats/shell-words'
import { sanitize } from '../secrets/sanitize'

/** Arguments of htgettoken by their long names: true for one without a value. */
export type HtgettokenArguments = Readonly<Record<string, string | true>>

/** Where arguments come from, for errors. */
export interface ArgumentsOrigin {
  readonly name: string
  readonly code: IgwnAuthErrorCode
}

/**
 * The arguments in a text such as the value of `HTGETTOKENOPTS`, which is split like a shell's.
 *
 * @throws {@link IgwnAuthError} with the code of the origin, for an open quote or an argument that htgettoken does not have
 */
export function argumentsIn(text: string, origin: ArgumentsOrigin): HtgettokenArguments {
  const words = shellWords(text)
  if (!words) throw invalid(origin, 'has a quote that is not closed, or ends with a backslash')
  return parseArguments(words, origin)
}

/** The same for words. As with Python's optparse, a long name may be shortened, and short ones may be joined. */
export function parseArguments(words: readonly string[], origin: ArgumentsOrigin): HtgettokenArguments {
  const found: Record<string, string | true> = {}
  const left = [...words].reverse()
  for (let word = left.pop(); word !== undefined; word = left.pop()) {
    const [, long, inline] = /^--([a-z-]+)(?:=([^]*))?$/.exec(word) ?? []
    const short = long === undefined ? /^-([a-zA-Z])([^]*)$/.exec(word) : undefined
    const name = long === undefined ? SHORT[short?.[1] ?? ''] : fullName(long)
    if (name === undefined)
      throw invalid(origin, `has ${sanitize(word.slice(0, 40))}, which is no option of htgettoken`)
    const attached = long === undefined ? short?.[2] || undefined : inline
    if (FLAGS.includes(name)) {
      found[name] = true
      if (attached !== undefined && long === undefined) left.push(`-${attached}`)
      else if (attached !== undefined)
        throw invalid(origin, `gives --${name} a value, which it does not take`)
      continue
    }
    const value = attached ?? left.pop()
    if (value === undefined) throw invalid(origin, `has no value for --${name}`)
    found[name] = value
  }
  return found
}

function fullName(name: string): string | undefined {
  const all = [...VALUES, ...FLAGS]
  if (all.includes(name)) return name
  const fitting = all.filter((one) => one.startsWith(name))
  return fitting.length === 1 ? fitting[0] : undefined
}

const VALUES: readonly string[] = [
  'optserver',
  'vaultserver',
  'vaultalias',
  'vaultcertname',
  'issuer',
  'role',
  'kerbpath',
  'kerbprincipal',
  'oidcpath',
  'sshpath',
  'configdir',
  'credkey',
  'secretpath',
  'vaulttokenttl',
  'vaulttokenminttl',
  'vaulttokenfile',
  'vaulttokeninfile',
  'outfile',
  'minsecs',
  'scopes',
  'audience',
  'cafile',
  'capath',
  'web-open-command',
]

const FLAGS: readonly string[] = [
  'version',
  'help',
  'verbose',
  'debug',
  'quiet',
  'nokerberos',
  'nooidc',
  'nossh',
  'registerssh',
  'novaulttoken',
  'showbearerurl',
  'nobearertoken',
]

const SHORT: Readonly<Record<string, string>> = {
  h: 'help',
  v: 'verbose',
  d: 'debug',
  q: 'quiet',
  s: 'optserver',
  a: 'vaultserver',
  i: 'issuer',
  r: 'role',
  c: 'configdir',
  o: 'outfile',
}

function invalid({ name, code }: ArgumentsOrigin, problem: string): IgwnAuthError {
  return new IgwnAuthError(code, `${name} ${problem}. See htgettoken(1).`)
}
