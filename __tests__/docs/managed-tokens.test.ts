/** The examples about managed tokens and automatic retry, with an htgettoken that returns tokens of the site. */
import fs from 'node:fs'
import path from 'node:path'
import axios from 'axios'
import { applyAutoRetry } from '../../lib/index'
import { exampleMachine, type ExampleMachine } from '../support/example-machine'
import { programExample, testExamples } from '../support/examples'
import { thrownBy } from '../support/thrown-by'

const retry = fs.readFileSync(path.join(__dirname, '../../docs/automatic-retry.md'), 'utf8')

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

describe.each(['docs/managed-tokens.md', 'docs/automatic-retry.md'])('%s', (name) => {
  testExamples(name, () => ({
    prints: (example) => machine.prints(example),
    run(example) {
      // The files of a store belong to the user of the tests, not to user 1000 of the examples.
      process.geteuid = example.heading === 'Share tokens' ? geteuid : () => 1000
      return machine.run(example)
    },
  }))
})

it('the program managed-tokens.ts runs and prints what it shows', async () => {
  process.geteuid = geteuid
  const example = programExample('managed-tokens.ts')
  expect(await machine.run(example)).toEqual(machine.prints(example))
})

it('has one row for each option of automatic retry', () => {
  const { message } = thrownBy(() => applyAutoRetry(axios.create(), { nonsense: 1 } as object)) as Error
  const options = /there are (.*)\.$/.exec(message)?.[1]?.split(', ')
  const table = retry.slice(retry.indexOf('| Option '), retry.indexOf('Options of one request'))
  expect(Array.from(table.matchAll(/^\| `(\w+)`/gm), ([, name]) => name).sort()).toEqual(options?.sort())
})
