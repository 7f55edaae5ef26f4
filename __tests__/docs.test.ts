/** The tables of the documents match the code, and their examples are run by tests. */
import fs from 'node:fs'
import path from 'node:path'
import { examplesIn } from './support/examples'

const ROOT = path.join(__dirname, '..')
const read = (name: string) => fs.readFileSync(path.join(ROOT, name), 'utf8')

it('every page with examples is in a test of docs/ or interop/', () => {
  const tests = ['docs', 'interop'].flatMap((folder) =>
    fs
      .readdirSync(path.join(__dirname, folder))
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => read(`__tests__/${folder}/${name}`)),
  )
  const pages = fs.readdirSync(path.join(ROOT, 'docs')).filter((name) => name.endsWith('.md'))
  const unlisted = pages
    .map((name) => `docs/${name}`)
    .filter((page) => examplesIn(read(page)).length > 0)
    .filter((page) => !tests.some((text) => text.includes(`'${page}'`)))
  expect(unlisted).toEqual([])
})

const errors = read('docs/errors.md')

it('has one row for each error code that the package throws', () => {
  const sources = fs
    .readdirSync(path.join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && file !== 'errors.ts')
    .map((file) => fs.readFileSync(path.join(ROOT, 'lib', file), 'utf8'))
  const thrown = new Set(sources.join('').match(/(?<=')ERR_IGWN_\w+(?=')/g))
  const listed = rows(errors).filter((code) => code?.startsWith('ERR_'))
  expect(listed.sort()).toEqual([...thrown].sort())
})

it('names every reason code', () => {
  const source = fs.readFileSync(path.join(ROOT, 'lib/errors.ts'), 'utf8')
  const union = /type ReasonCode =([^]*?)\n\n/.exec(source)?.[1] ?? ''
  const known = Array.from(union.matchAll(/^ +\| '(.*)'$/gm), ([, code]) => `\`${code}\``)
  expect(known.length).toBeGreaterThan(20)
  expect(known.filter((code) => !errors.includes(code))).toEqual([])
})

it('documents the default of every option', () => {
  const silent = publicInterfaces(/(?:Options|Config|Client)$/).flatMap(({ name, body }) =>
    Array.from(body.matchAll(/((?:^ +(?:\/\*\*|\*) ?.*\n)*)^ +readonly (\w+)\?:/gm))
      .filter(([, comment = '']) => !/\b[Dd]efault|\b[Aa]bsent/.test(comment))
      .map(([, , option]) => `${name}.${option}`),
  )
  expect(silent).toEqual([])
})

/** The exported interfaces whose name matches. */
function publicInterfaces(named: RegExp): { name: string; body: string }[] {
  const entries = [
    'index.ts',
    'fetch/index.ts',
    'oauth1/index.ts',
    'oauth2/index.ts',
    'pelican/index.ts',
    'vault/index.ts',
  ].map((entry) => read(`lib/${entry}`))
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

/** The names in the first column of the tables. */
function rows(text: string): (string | undefined)[] {
  return Array.from(text.matchAll(/^\| `(\w+)`/gm), ([, name]) => name)
}
