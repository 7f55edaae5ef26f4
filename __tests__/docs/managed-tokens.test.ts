/** The examples of docs/managed-tokens.md, with a stand-in for htgettoken that gives tokens of the site. */
import fs from 'node:fs'
import path from 'node:path'
import axios from 'axios'
import { applyAutoRetry } from '../../lib/index'
import { exampleMachine, type ExampleMachine } from '../support/example-machine'
import { examplesIn, fencesIn, programExample } from '../support/examples'
import { thrownBy } from '../support/thrown-by'

const document = fs.readFileSync(path.join(__dirname, '../../docs/managed-tokens.md'), 'utf8')

let machine: ExampleMachine
const PATH = process.env.PATH ?? ''
const geteuid = process.geteuid ?? (() => 0)

beforeAll(async () => {
  machine = await exampleMachine()
  const bin = path.join(String(process.env.HOME), 'bin')
  fs.mkdirSync(bin)
  const token = machine.site.mint(
    { aud: 'https://gracedb.example.org', scope: 'gracedb.read' },
    { expiresIn: 7200 },
  )
  const script = `#!${process.execPath}
    const args = process.argv.slice(2)
    const at = Math.max(args.indexOf('-o'), args.indexOf('--outfile'))
    require('fs').writeFileSync(args[at + 1], ${JSON.stringify(`${token}\n`)}, { mode: 0o600 })`
  fs.writeFileSync(path.join(bin, 'htgettoken'), script, { mode: 0o700 })
  process.env.PATH = `${bin}:${PATH}`
})
afterAll(async () => {
  process.env.PATH = PATH
  await machine.close()
})

it.each(examplesIn(document).map((example, index) => [index + 1, example.heading, example] as const))(
  'example %i (%s) runs, and prints what it says',
  async (_index, heading, example) => {
    // The files of a store belong to whoever runs the tests, not to user 1000 of the examples.
    process.geteuid = heading === 'Sharing tokens' ? geteuid : () => 1000
    expect(example.prints).not.toEqual([])
    expect(await machine.run(example)).toEqual(machine.prints(example))
  },
)

it('the program managed-tokens.ts runs, and prints what it says', async () => {
  process.geteuid = geteuid
  const example = programExample('managed-tokens.ts')
  expect(await machine.run(example)).toEqual(machine.prints(example))
})

it('has no example in a language that is not run', () => {
  expect(new Set(fencesIn(document).map(({ language }) => language))).toEqual(new Set(['ts']))
})

it('has a row for every option of automatic retry, and for no other', () => {
  const { message } = thrownBy(() => applyAutoRetry(axios.create(), { nonsense: 1 } as object)) as Error
  const options = /there are (.*)\.$/.exec(message)?.[1]?.split(', ')
  const table = document.slice(document.indexOf('| Option '), document.indexOf('Options of one request'))
  expect(Array.from(table.matchAll(/^\| `(\w+)`/gm), ([, name]) => name).sort()).toEqual(options?.sort())
})
