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

/** Text with tokens in it, and what it is filled up with to so many bytes, or how much of its end is missing. */
type Content =
  string | { readonly text?: string; readonly pad?: string; readonly to?: number; readonly cut?: number }

interface Machine {
  readonly env: Names
  readonly files: readonly GivenFile<Content>[]
  readonly query?: TokenQuery
  readonly strict?: boolean
}

interface Found {
  readonly token?: string | null
  /** Why candidates before it were passed over; where it is not given, nothing is said of it. */
  readonly passedOver?: readonly string[]
  readonly warning?: string
  readonly error?: string
}

const key = createSigningKey()
const { tokens = {} } = vectorFile(FILE)

/** The tokens of the file, made now, and the folders and ids. */
function namesNow(): Names {
  const made = Object.entries(tokens).map(([name, claims]) => [
    name,
    key.sign(inTime(claims, now()) as object),
  ])
  return { ...usualNames(), ...(Object.fromEntries(made) as Names) }
}

for (const [name, machine, expected] of vectors<Machine, Found>(FILE, 'find')) {
  const { env, files, query = {}, strict = false } = machine
  itOnMachine(name, files, () => {
    const names = namesNow()
    furnish(files, names, (content) => {
      if (typeof content === 'string') return filledIn(content, names)
      const { text = '', pad = ' ', to = 0, cut = 0 } = content
      const whole = filledIn(text, names).padEnd(to, pad)
      return whole.slice(0, whole.length - cut)
    })
    setVariables(VARIABLES, env, names)
    const look = () => discovery()(requirementsOf(query), { strict })

    if (expected.error !== undefined) {
      const error = thrownBy(look)
      expect(error).toBeInstanceOf(IgwnAuthError)
      expect((error as IgwnAuthError).reasons.at(-1)?.code).toBe(expected.error)
      return
    }
    const { token, reasons, warning } = look()
    expect(token?.serialize()).toBe(expected.token ? names[expected.token] : undefined)
    const codes = reasons.map(({ code }) => code).filter((code) => code !== 'absent')
    if (expected.passedOver) expect(codes).toEqual(expected.passedOver)
    expect(warning?.code).toBe(expected.warning)
  })
}
