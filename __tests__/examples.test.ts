/** Runs the programs of examples/ against a local site; they must print what they show. */
import fs from 'node:fs'
import path from 'node:path'
import { exampleMachine, type ExampleMachine } from './support/example-machine'
import { testExamples } from './support/examples'

const FOLDER = path.join(__dirname, '../examples')

/** Programs that need another server, and the test that runs them. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'authorization-code.ts': 'oauth2.test.ts',
  'client-credentials.ts': 'oauth2.test.ts',
  'device-code.ts': 'oauth2.test.ts',
  'jwt-bearer.ts': 'oauth2.test.ts',
  'refresh-token.ts': 'oauth2.test.ts',
  'token-exchange.ts': 'oauth2.test.ts',
  'oauth1.ts': 'oauth1.test.ts',
  'managed-tokens.ts': 'managed-tokens.test.ts',
  'ci-job.ts': 'agents-and-ci.test.ts',
  'osdf.ts': 'data.test.ts',
}

let machine: ExampleMachine
beforeAll(async () => {
  machine = await exampleMachine()
})
afterAll(() => machine.close())

const programs = fs.readdirSync(FOLDER).filter((name) => name.endsWith('.ts'))

for (const name of programs.filter((name) => !(name in ELSEWHERE)))
  testExamples(`examples/${name}`, () => machine)

it.each(Object.entries(ELSEWHERE))('%s is run by docs/%s', (name, test) => {
  expect(programs).toContain(name)
  expect(fs.readFileSync(path.join(__dirname, 'docs', test), 'utf8')).toContain(`'${name}'`)
})
