/** Links in the documents lead to existing files and headings, and every document can be reached from the README. */
import fs from 'node:fs'
import path from 'node:path'

const ROOT = path.join(__dirname, '..')

/** Guides that link to an example. */
const GUIDES = [
  'tokens',
  'certificates',
  'netrc',
  'oauth2',
  'oauth1',
  'oauth1-get-a-token',
  'managed-tokens',
  'agents-and-ci',
  'data',
  'automatic-retry',
  'per-user-tokens',
  'htcondor-and-kubernetes',
  'redirects-and-trust',
  'troubleshooting',
  'interop',
]

const PAGES = fs.readdirSync(path.join(ROOT, 'docs')).filter((name) => name.endsWith('.md'))
const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'conformance/README.md',
  'examples/README.md',
  ...PAGES.map((name) => `docs/${name}`),
]

it.each(DOCUMENTS)('each link of %s leads to an existing file and heading', (document) => {
  const dead = linksIn(document).filter(({ file, anchor }) => {
    if (!fs.existsSync(path.join(ROOT, file))) return true
    return anchor !== undefined && !anchorsIn(file).has(anchor)
  })
  expect(dead).toEqual([])
})

it('the README links to every page, under "Where to go next" or in a page that it links to there', () => {
  const linked = linksIn('README.md', 'Where to go next').map(({ file }) => file)
  const reached = new Set([...linked, ...linked.flatMap((file) => linksIn(file)).map(({ file }) => file)])
  expect(PAGES.map((name) => `docs/${name}`).filter((page) => !reached.has(page))).toEqual([])
})

it.each(PAGES)('docs/%s has at most 250 lines', (name) => {
  const lines = fs.readFileSync(path.join(ROOT, 'docs', name), 'utf8').split('\n').length
  expect(lines).toBeLessThanOrEqual(250)
})

it.each(GUIDES)('docs/%s.md links to an example', (name) => {
  expect(linksIn(`docs/${name}.md`).filter(({ file }) => isProgram(file))).not.toEqual([])
})

it('every example is listed in examples/README.md and linked from a guide', () => {
  const all = fs.readdirSync(path.join(ROOT, 'examples')).map((name) => `examples/${name}`)
  const programs = all.filter(isProgram).sort()
  const listed = linksIn('examples/README.md').map(({ file }) => file)
  expect([...new Set(listed.filter(isProgram))].sort()).toEqual(programs)
  const linked = new Set(GUIDES.flatMap((name) => linksIn(`docs/${name}.md`)).map(({ file }) => file))
  expect(programs.filter((program) => !linked.has(program))).toEqual([])
})

function isProgram(file: string): boolean {
  return /^examples\/[\w-]+\.ts$/.test(file)
}

it('finds dead links', () => {
  expect(anchorsIn('README.md')).toContain('where-to-go-next')
  expect(anchorsIn('README.md')).not.toContain('where-to-go')
  expect(linksIn('README.md')).toContainEqual({ file: 'docs/tokens.md', anchor: undefined })
})

interface Link {
  /** Relative to the root of the repository. */
  readonly file: string
  readonly anchor: string | undefined
}

/** The links of a document, or of one section of it, to files of the repository. */
function linksIn(document: string, section?: string): Link[] {
  if (!document.endsWith('.md')) return []
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

/** The anchors of a document on GitHub and npm: its headings in lower case, with hyphens for spaces. */
function anchorsIn(document: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of proseOf(document).matchAll(/^#{1,6} (.+)$/gm)) {
    const plain = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-')
    let anchor = plain
    for (let copy = 1; anchors.has(anchor); copy += 1) anchor = `${plain}-${copy}`
    anchors.add(anchor)
  }
  return anchors
}

/** The text of a document without its code blocks. */
function proseOf(document: string): string {
  return fs.readFileSync(path.join(ROOT, document), 'utf8').replace(/^```[^]*?^```$/gm, '')
}
