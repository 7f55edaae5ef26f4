import { IgwnAuthError } from '../../lib/errors'
import { requirementsOf } from '../../lib/tokens/validate-claims'
import { discovery } from '../../lib/tokens/discovery'
import type { TokenQuery } from '../../lib/tokens/token'
import { createSigningKey, now } from '../support/tokens'
import { thrownBy } from '../support/thrown-by'
import {
  filledIn,
  furnish,
  inTime,
  itOnMachine,
  setVariables,
  usualNames,
  vectorFile,
  vectors,
  type GivenFile,
  type Names,
} from '../support/vectors'

const FILE = 'wlcg-bearer-token-discovery.json'
const VARIABLES = [
  'SCITOKEN',
  'SCITOKEN_FILE',
  '_CONDOR_CREDS',
  'BEARER_TOKEN',
  'BEARER_TOKEN_FILE',
  'XDG_RUNTIME_DIR',
  'TMPDIR',
]
const before = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name]]))

afterAll(() => {
  for (const [name, value] of Object.entries(before))
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
})

/** A text with tokens in it, padded to a number of bytes or without its last characters. */
type Content =
  string | { readonly text?: string; readonly pad?: string; readonly to?: number; readonly cut?: number }

interface Host {
  readonly env: Names
  readonly files: readonly GivenFile<Content>[]
  readonly query?: TokenQuery
  readonly strict?: boolean
}

interface Found {
  readonly token?: string | null
  /** Why candidates before it were skipped; not compared if absent. */
  readonly skipped?: readonly string[]
  readonly warning?: string
  readonly error?: string
}

const key = createSigningKey()
const { tokens = {} } = vectorFile(FILE)

/** The tokens that a case names, signed now, and the folders and user ids. */
function namesNow(text: string): Names {
  const named = Object.entries(tokens).filter(([name]) => text.includes(name))
  const made = named.map(([name, claims]) => [name, key.sign(inTime(claims, now()) as object)])
  return { ...usualNames(), ...(Object.fromEntries(made) as Names) }
}

for (const [name, host, expected] of vectors<Host, Found>(FILE, 'find')) {
  const { env, files, query = {}, strict = false } = host
  itOnMachine(name, files, () => {
    const names = namesNow(JSON.stringify([host, expected]))
    furnish(files, names, (content) => {
      if (typeof content === 'string') return filledIn(content, names)
      const { text = '', pad = ' ', to = 0, cut = 0 } = content
      const whole = filledIn(text, names).padEnd(to, pad)
      return whole.slice(0, whole.length - cut)
    })
    setVariables(VARIABLES, env, names)
    const find = () => discovery()(requirementsOf(query), { strict })

    if (expected.error !== undefined) {
      const error = thrownBy(find)
      expect(error).toBeInstanceOf(IgwnAuthError)
      expect((error as IgwnAuthError).reasons.at(-1)?.code).toBe(expected.error)
      return
    }
    const { token, reasons, warning } = find()
    expect(token?.serialize()).toBe(expected.token ? names[expected.token] : undefined)
    const codes = reasons.map(({ code }) => code).filter((code) => code !== 'absent')
    if (expected.skipped) expect(codes).toEqual(expected.skipped)
    expect(warning?.code).toBe(expected.warning)
  })
}
