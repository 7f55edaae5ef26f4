/** The README: its examples run against a site on this machine, and its tables and links are true. */
import fs from 'node:fs'
import path from 'node:path'
import axios from 'axios'
import { applyIgwnAuth } from '../lib/index'
import { exampleMachine, type ExampleMachine } from './support/example-machine'
import { examplesIn, fencesIn } from './support/examples'

const ROOT = path.join(__dirname, '..')
const readme = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8')

const manifest = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
  scripts: object
  dependencies: object
  peerDependencies: object
}

const examples = examplesIn(readme)

let machine: ExampleMachine
beforeAll(async () => {
  machine = await exampleMachine()
})
afterAll(() => machine.close())

it.each(examples.map((example, index) => [index + 1, example.heading, example] as const))(
  'example %i (%s) runs, and prints what it says',
  async (_index, _heading, example) => {
    expect(example.prints).not.toEqual([])
    expect(await machine.run(example)).toEqual(machine.prints(example))
  },
)

it('has no example in a language that is not run', () => {
  expect(new Set(fencesIn(readme).map(({ language }) => language))).toEqual(
    new Set(['ts', 'js', 'sh', 'text']),
  )
})

it('names the two commands that show the package and test it, and both exist', () => {
  expect(readme).toMatch(/^npm install && npm run demo$/m)
  expect(readme).toMatch(/^npm install && npm test$/m)
  expect(Object.keys(manifest.scripts)).toEqual(expect.arrayContaining(['demo', 'test']))
})

it('has a row for every option there is, and for no other', () => {
  let message = ''
  try {
    applyIgwnAuth(axios.create(), { nonsense: 1 } as object)
  } catch (error) {
    message = (error as Error).message
  }
  const options = /there are (.*)\.$/.exec(message)?.[1]?.split(', ')
  expect(rows('Options').sort()).toEqual(options?.sort())
})

it('gives a reason for each dependency, and for none that there is not', () => {
  const explained = Array.from(section('Dependencies').matchAll(/^- `(.+?)` .{10,}/gm), ([, name]) => name)
  const { dependencies, peerDependencies } = manifest
  expect(explained.sort()).toEqual(Object.keys({ ...dependencies, ...peerDependencies }).sort())
})

function section(heading: string): string {
  const begin = readme.indexOf(`\n## ${heading}\n`)
  return readme.slice(begin, readme.indexOf('\n## ', begin + 1))
}

/** What the rows of the table in a section are about. */
function rows(heading: string): (string | undefined)[] {
  return Array.from(section(heading).matchAll(/^\| `(\w+)`/gm), ([, name]) => name)
}
