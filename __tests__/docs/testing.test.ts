/** The examples about tests, with axios-mock-adapter, nock and msw. */
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { common } from '../../jest.config'
import { exampleMachine, type ExampleMachine } from '../support/example-machine'
import { fencesIn, testExamples } from '../support/examples'

const { request } = http

let machine: ExampleMachine
beforeAll(async () => {
  machine = await exampleMachine()
})
afterAll(() => machine.close())

testExamples('docs/testing.md', () => machine)

it('the examples with nock and msw restore the functions of Node.js', () => {
  expect(http.request).toBe(request)
})

it('shows the Jest setting that these tests use', () => {
  const page = fs.readFileSync(path.join(__dirname, '../../docs/testing.md'), 'utf8')
  const [setting] = fencesIn(page).filter(({ language }) => language === 'json')
  const { transformIgnorePatterns } = common
  expect(JSON.parse(setting?.code ?? '')).toEqual({ transformIgnorePatterns })
})
