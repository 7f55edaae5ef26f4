/** The programs under examples/, run as they are against a site on this machine; they must print what they say. */
import fs from 'node:fs'
import path from 'node:path'
import { exampleMachine, type ExampleMachine } from './support/example-machine'
import { programExample } from './support/examples'

const FOLDER = path.join(__dirname, '../examples')

/** Those that need a server of their own are run beside the tests of that. */
const ELSEWHERE: readonly string[] = []

let machine: ExampleMachine
beforeAll(async () => {
  machine = await exampleMachine()
})
afterAll(() => machine.close())

const programs = fs.readdirSync(FOLDER).filter((name) => name.endsWith('.ts') && !ELSEWHERE.includes(name))

it.each(programs)('%s runs, and prints what it says', async (name) => {
  const example = programExample(name, fs.readFileSync(path.join(FOLDER, name), 'utf8'))
  expect(example.prints).not.toEqual([])
  expect(await machine.run(example)).toEqual(machine.prints(example))
})
