import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { parseNetrc } from '../../lib/netrc/parse-netrc'
import { startPythonNetrc, type PythonEntries, type PythonNetrc } from '../support/python-netrc'
import { runs, SEEDED, textOf } from '../support/properties'

/** The words of the files; each has a meaning at some position. */
const WORDS = [
  ...['machine a', 'machine b\n', 'machine é', 'machine', 'default', 'machine "a b"'],
  ...[
    'login x',
    'login "q r"\n',
    'user y',
    'password #p\n',
    'password "',
    'password \\',
    'password p#q',
    'account z',
  ],
  ...[
    'macdef m\n',
    'macdef m\nmachine c login d\n\n',
    'login',
    '""',
    '"\\""',
    '# machine e login f\n',
    '#comment\n',
  ],
  ...[
    '#',
    '\n',
    '\n\n',
    '\r\n',
    '\r',
    '\t',
    '\\\n',
    'password "\n"',
    'password \v',
    'x',
    '\\',
    '"',
    ' ',
    '\u00a0',
    '日',
  ],
]
const file = fc
  .array(fc.tuple(fc.constantFrom(...WORDS), fc.constantFrom(' ', ' ', ' ', '')), { maxLength: 24 })
  .map((words) => words.flat().join(''))
const anything = fc.oneof(file, textOf(WORDS), fc.string({ unit: 'grapheme', maxLength: 60 }))

/** The entries in the form of Python, and whether there are faults. */
function read(text: string): { entries: PythonEntries; isFaultless: boolean } {
  const { entries, faults } = parseNetrc(text)
  const all = [...entries].map(
    ([name, { login, account, password }]) =>
      [name, [login, account, password]] as [string, [string, string, string]],
  )
  return { entries: all.sort(([a], [b]) => (a < b ? -1 : 1)), isFaultless: faults.length === 0 }
}

/** Equal to Python wherever it accepts the file; a file that it rejects has a fault here, except for a byte order mark. */
function expectAsPython(text: string, answer: PythonEntries): void {
  const { entries, isFaultless } = read(text)
  if (answer) expect([text, entries]).toEqual([text, inOrder(answer)])
  else expect([text, isFaultless && !text.startsWith('\uFEFF')]).toEqual([text, false])
}

/** Python sorts by code points. */
function inOrder(answer: NonNullable<PythonEntries>): PythonEntries {
  return [...answer].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Files of one seed, and the results of Python: `FREEZE=1` writes them again. */
const FROZEN = path.join(__dirname, 'netrc-answers.json')

let python: PythonNetrc | undefined
beforeAll(async () => {
  python = await startPythonNetrc()
})
afterAll(() => python?.close())

it('netrc files are parsed as by Python 3.11', async () => {
  if (process.env.FREEZE && python) {
    const texts = fc.sample(file, { seed: 20_261_122, numRuns: 150 })
    const answers: [string, PythonEntries][] = []
    for (const text of texts) answers.push([text, await python.read(text)])
    fs.writeFileSync(FROZEN, `[\n${answers.map((one) => JSON.stringify(one)).join(',\n')}\n]\n`)
  }
  const frozen = JSON.parse(fs.readFileSync(FROZEN, 'utf8')) as [string, PythonEntries][]
  expect(frozen.filter(([, answer]) => answer && answer.length > 0).length).toBeGreaterThan(20)
  for (const [text, answer] of frozen) {
    expectAsPython(text, answer)
    if (python) expect(await python.read(text)).toEqual(answer)
  }
})

describe(`netrc files of any words ${SEEDED}`, () => {
  it('are parsed as by the python3 of this host, if there is one', async () => {
    if (!python) return // covered by the results of the file above
    const peer = python
    await fc.assert(
      fc.asyncProperty(anything, async (text) => {
        expectAsPython(text, await peer.read(text))
      }),
      runs(250),
    )
  })

  it('are parsed without an error, and no fault repeats a word of them', () => {
    const secret = 'hunter2'
    const holding = fc.array(fc.constantFrom(...WORDS, secret, `password ${secret}`, `"${secret}`), {
      maxLength: 20,
    })
    fc.assert(
      fc.property(holding, fc.constantFrom(' ', '\n', ''), (words, between) => {
        const { faults } = parseNetrc(words.join(between))
        expect(JSON.stringify(faults)).not.toContain(secret)
      }),
      runs(200),
    )
  })

  it('return every quoted username and password', () => {
    const value = textOf(['"', '\\', ' ', '#', '\n', '\t', 'machine', 'é', '%', '~', '__proto__', "'"], 6)
    const quoted = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`
    const name = value.filter((text) => text !== '')
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(name, value, value), { selector: ([one]) => one, maxLength: 5 }),
        (logins) => {
          const text = logins.map(
            ([machine, login, password]) =>
              `machine ${quoted(machine)} login ${quoted(login)} password ${quoted(password)}`,
          )
          const entries = logins.map(([machine, login, password]) => [
            machine,
            { login, account: '', password },
          ])
          expect([...parseNetrc(text.join('\n')).entries].sort()).toEqual(entries.sort())
        },
      ),
    )
  })
})
