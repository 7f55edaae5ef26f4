import fs from 'node:fs'
import path from 'node:path'
import { CONFORMANCE, vectorFile, type Vector } from '../support/vectors'

const files = fs.readdirSync(CONFORMANCE).filter((name) => name.endsWith('.json'))
const readme = fs.readFileSync(path.join(CONFORMANCE, 'README.md'), 'utf8')

it('are in six files, each described in the README', () => {
  expect(files.sort()).toEqual([
    'challenges.json',
    'claims.json',
    'netrc.json',
    'scopes.json',
    'wlcg-bearer-token-discovery.json',
    'x509-selection.json',
  ])
  for (const file of files) expect(readme).toContain(`## ${file}`)
})

describe.each(files)('%s', (file) => {
  const { title, groups } = vectorFile(file)

  it('has a title, and the README describes each of its operations', () => {
    expect(title.length).toBeGreaterThan(20)
    const section = readme.slice(readme.indexOf(`## ${file}`)).split(/\n## /)[0]!
    for (const { operation } of groups) expect(section).toContain(`**\`${operation}\`**`)
  })

  it('has cases with a unique name, a source and a status', () => {
    const isWellFormed = ({ source, status, input, expected, ...rest }: Vector<unknown, unknown>) =>
      /\w{3}/.test(source) &&
      ['must', 'should', 'choice'].includes(status) &&
      [input, expected].every((one) => typeof one === 'object') &&
      Object.keys(rest).every((property) => ['name', 'note', 'others'].includes(property))
    for (const { cases } of groups) {
      const names = cases.map(({ name }) => name)
      expect(new Set(names).size).toBe(names.length)
      expect(cases.filter((one) => !isWellFormed(one))).toEqual([])
    }
  })

  it('names implementations that the README lists', () => {
    const named = groups.flatMap(({ cases }) => cases.flatMap(({ others = {} }) => Object.keys(others)))
    for (const implementation of new Set(named)) expect(readme).toContain(`- \`${implementation}\``)
  })

  it('contains no certificate, key or token, which could expire', () => {
    const text = fs.readFileSync(path.join(CONFORMANCE, file), 'utf8')
    expect(text).not.toMatch(/BEGIN [A-Z ]+-----|eyJ[\w-]{10}/)
  })
})
