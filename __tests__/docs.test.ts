/** The documents: their examples run against a site on this machine, and what they list is all there is. */
import fs from 'node:fs'
import path from 'node:path'
import { exampleMachine, type ExampleMachine } from './support/example-machine'
import { examplesIn } from './support/examples'

const ROOT = path.join(__dirname, '..')
const read = (name: string) => fs.readFileSync(path.join(ROOT, name), 'utf8')

/** Those whose examples need no other server than the site; the others have a test of their own. */
const DOCUMENTS = [
  'docs/tokens.md',
  'docs/certificates.md',
  'docs/netrc.md',
  'docs/redirects-and-trust.md',
  'docs/errors.md',
  'docs/htcondor-and-kubernetes.md',
  'docs/coming-from-python.md',
  'CONTRIBUTING.md',
]

let machine: ExampleMachine
beforeAll(async () => {
  machine = await exampleMachine()
})
afterAll(() => machine.close())

describe.each(DOCUMENTS)('%s', (name) => {
  it.each(examplesIn(read(name)).map((example, index) => [index + 1, example.heading, example] as const))(
    'example %i (%s) runs, and prints what it says',
    async (_index, _heading, example) => {
      expect(example.prints).not.toEqual([])
      expect(await machine.run(example)).toEqual(machine.prints(example))
    },
  )
})

const errors = read('docs/errors.md')

it('has a row for every code of an error that the package throws, and for no other', () => {
  const sources = fs
    .readdirSync(path.join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && file !== 'errors.ts')
    .map((file) => fs.readFileSync(path.join(ROOT, 'lib', file), 'utf8'))
  const thrown = new Set(sources.join('').match(/(?<=')ERR_IGWN_\w+(?=')/g))
  expect(rows(errors).sort()).toEqual([...thrown].sort())
})

it('names every code of a reason', () => {
  const source = fs.readFileSync(path.join(ROOT, 'lib/errors.ts'), 'utf8')
  const union = /type ReasonCode =([^]*?)\n\n/.exec(source)?.[1] ?? ''
  const known = Array.from(union.matchAll(/^ +\| '(.*)'$/gm), ([, code]) => `\`${code}\``)
  expect(known.length).toBeGreaterThan(20)
  expect(known.filter((code) => !errors.includes(code))).toEqual([])
})

it('says of every option what holds without it', () => {
  const silent = publicInterfaces(/(?:Options|Config|Client)$/).flatMap(({ name, body }) =>
    Array.from(body.matchAll(/((?:^ +(?:\/\*\*|\*) ?.*\n)*)^ +readonly (\w+)\?:/gm))
      .filter(([, comment = '']) => !/\b[Dd]efault|\b[Aa]bsent/.test(comment))
      .map(([, , option]) => `${name}.${option}`),
  )
  expect(silent).toEqual([])
})

/** The interfaces that the entries export, by their names. */
function publicInterfaces(named: RegExp): { name: string; body: string }[] {
  const entries = ['index.ts', 'oauth1/index.ts', 'oauth2/index.ts'].map((entry) => read(`lib/${entry}`))
  const exported = new Set(entries.join('').match(/\w+/g))
  const files = fs.readdirSync(path.join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
  const found = files
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) =>
      Array.from(
        read(`lib/${file}`).matchAll(/^export interface (\w+)[^{]*\{\n([^]*?)^\}/gm),
        ([, name = '', body = '']) => ({ name, body }),
      ),
    )
    .filter(({ name }) => exported.has(name) && named.test(name))
  expect(found.length).toBeGreaterThan(20)
  return found
}

/** What the rows of a table are about. */
function rows(text: string): (string | undefined)[] {
  return Array.from(text.matchAll(/^\| `(\w+)`/gm), ([, name]) => name)
}
