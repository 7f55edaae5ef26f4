/** The links of the documents lead to files and headings that there are, and the README leads to every document. */
import fs from 'node:fs'
import path from 'node:path'

const ROOT = path.join(__dirname, '..')

/** How to do something. The others say how things are. */
const HOW_TO = [
  'tokens',
  'certificates',
  'netrc',
  'oauth2',
  'oauth1',
  'managed-tokens',
  'htcondor-and-kubernetes',
  'redirects-and-trust',
  'troubleshooting',
  'interop',
]

const GUIDES = fs.readdirSync(path.join(ROOT, 'docs')).filter((name) => name.endsWith('.md'))
const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'conformance/README.md',
  'examples/README.md',
  ...GUIDES.map((name) => `docs/${name}`),
]

it.each(DOCUMENTS)('each link of %s leads to a file, and to a heading of it, that there are', (document) => {
  const dead = linksIn(document).filter(({ file, anchor }) => {
    if (!fs.existsSync(path.join(ROOT, file))) return true
    return anchor !== undefined && !anchorsIn(file).has(anchor)
  })
  expect(dead).toEqual([])
})

it('the README leads to every guide, under "Where to go next"', () => {
  const led = linksIn('README.md', 'Where to go next').map(({ file }) => file)
  expect(led).toEqual(expect.arrayContaining(GUIDES.map((name) => `docs/${name}`)))
})

it.each(HOW_TO)('docs/%s.md leads to a program that does it', (name) => {
  expect(linksIn(`docs/${name}.md`).filter(({ file }) => isProgram(file))).not.toEqual([])
})

it('every program is in examples/README.md, and in a guide', () => {
  const all = fs.readdirSync(path.join(ROOT, 'examples')).map((name) => `examples/${name}`)
  const programs = all.filter(isProgram).sort()
  const listed = linksIn('examples/README.md').map(({ file }) => file)
  expect([...new Set(listed.filter(isProgram))].sort()).toEqual(programs)
  const led = new Set(HOW_TO.flatMap((name) => linksIn(`docs/${name}.md`)).map(({ file }) => file))
  expect(programs.filter((program) => !led.has(program))).toEqual([])
})

function isProgram(file: string): boolean {
  return /^examples\/[\w-]+\.ts$/.test(file)
}

it('tells a dead link from a live one', () => {
  expect(anchorsIn('README.md')).toContain('what-happens-to-a-request')
  expect(anchorsIn('README.md')).not.toContain('what-happens')
  expect(linksIn('README.md')).toContainEqual({ file: 'docs/tokens.md', anchor: undefined })
})

interface Link {
  /** From the top of the repository. */
  readonly file: string
  readonly anchor: string | undefined
}

/** The links of a document, or of one section of it, that do not leave the repository. */
function linksIn(document: string, section?: string): Link[] {
  const text = proseOf(document)
  const begin = section === undefined ? 0 : text.indexOf(`\n## ${section}\n`)
  const end = section === undefined ? undefined : text.indexOf('\n## ', begin + 1)
  return Array.from(text.slice(begin, end).matchAll(/\]\(([^)\s]+)\)/g), ([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [name = '', anchor] = target.split('#')
      const file = name === '' ? document : path.posix.join(path.posix.dirname(document), name)
      return { file, anchor }
    })
}

/** The anchors that a document has on GitHub and on npm: its headings, in lower case, with hyphens for spaces. */
function anchorsIn(document: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of proseOf(document).matchAll(/^#{1,6} (.+)$/gm)) {
    const plain = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-')
    let anchor = plain
    for (let again = 1; anchors.has(anchor); again += 1) anchor = `${plain}-${again}`
    anchors.add(anchor)
  }
  return anchors
}

/** What stands outside of its examples. */
function proseOf(document: string): string {
  return fs.readFileSync(path.join(ROOT, document), 'utf8').replace(/^```[^]*?^```$/gm, '')
}
