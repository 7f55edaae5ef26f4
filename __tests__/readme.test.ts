/** The README: its examples run against a local site, and its tables match the code. */
import fs from 'node:fs'
import path from 'node:path'
import axios from 'axios'
import { applyIgwnAuth } from '../lib/index'
import { exampleMachine, type ExampleMachine } from './support/example-machine'
import { fencesIn, testExamples } from './support/examples'

const ROOT = path.join(__dirname, '..')
const readme = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8')

const manifest = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
  scripts: object
  dependencies: object
  peerDependencies: object
}

let machine: ExampleMachine
beforeAll(async () => {
  machine = await exampleMachine()
})
afterAll(() => machine.close())

testExamples('README.md', () => machine)

it('has no example in a language that is not run', () => {
  expect(new Set(fencesIn(readme).map(({ language }) => language))).toEqual(new Set(['ts', 'js', 'sh']))
})

it('shows the commands for the demo and the tests on its first screen, and both exist', () => {
  const firstScreen = readme.split('\n').slice(0, 30).join('\n')
  expect(firstScreen).toMatch(/^npm install && npm run demo$/m)
  expect(firstScreen).toMatch(/^npm install && npm test$/m)
  expect(Object.keys(manifest.scripts)).toEqual(expect.arrayContaining(['demo', 'test']))
})

it('has one row for each option', () => {
  let message = ''
  try {
    applyIgwnAuth(axios.create(), { nonsense: 1 } as object)
  } catch (error) {
    message = (error as Error).message
  }
  const options = /there are (.*)\.$/.exec(message)?.[1]?.split(', ')
  expect(rows('Options').sort()).toEqual(options?.sort())
})

it('gives a reason for each dependency', () => {
  const explained = Array.from(section('Dependencies').matchAll(/^- `(.+?)` .{10,}/gm), ([, name]) => name)
  const { dependencies, peerDependencies } = manifest
  expect(explained.sort()).toEqual(Object.keys({ ...dependencies, ...peerDependencies }).sort())
})

function section(heading: string): string {
  const begin = readme.indexOf(`\n## ${heading}\n`)
  return readme.slice(begin, readme.indexOf('\n## ', begin + 1))
}

/** The names in the first column of the table in a section. */
function rows(heading: string): (string | undefined)[] {
  return Array.from(section(heading).matchAll(/^\| `(\w+)`/gm), ([, name]) => name)
}
