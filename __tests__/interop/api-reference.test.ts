/** The API reference (`npm run docs`) in a browser. */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import ts from 'typescript'
import { listen } from '../support/listen'
import { openChromium, type Page } from './support/chromium'
import { newFolder } from './support/room'

const ROOT = path.join(__dirname, '../..')
const { exports: entries } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
  exports: Record<string, { import: { types: string } } | string>
}
const ENTRIES = Object.values(entries).flatMap((entry) =>
  typeof entry === 'string' ? [] : entry.import.types,
)

/** The topics that the reference promises. */
const TOPICS = [
  'Sending requests',
  'Finding credentials',
  'Token sources',
  'Token stores',
  'Automatic retry',
  'Schemes',
  'Errors, explain and events',
  'OAuth 1',
  'OAuth 2 grants',
  'OAuth 2 clients',
  'OAuth 2 in web applications',
  'DPoP and token placement',
]
/** Folders with a page for each symbol. */
const SYMBOLS = ['classes', 'functions', 'interfaces', 'types', 'variables']
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}

const folder = newFolder('api-reference')
let origin: string
let page: Page
/** Requests for files that do not exist. */
const missing: string[] = []

beforeAll(async () => {
  const typedoc = ['node_modules/typedoc/bin/typedoc', '--out', folder, '--logLevel', 'Warn']
  execFileSync(process.execPath, typedoc, { cwd: ROOT, stdio: 'inherit' })
  const server = http.createServer(({ url = '/' }, response) => {
    const { pathname } = new URL(url, 'http://localhost')
    const file = path.join(folder, decodeURIComponent(pathname))
    if (!fs.existsSync(file)) {
      if (pathname !== '/favicon.ico') missing.push(pathname)
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, { 'Content-Type': TYPES[path.extname(file)] ?? 'application/octet-stream' })
    response.end(fs.readFileSync(file))
  })
  origin = `http://127.0.0.1:${(await listen(server)).port}`
  page = await openChromium()
}, 300_000)

afterAll(async () => {
  // Undefined if it did not start.
  await (page as Page | undefined)?.close()
})

/** Waits until an expression in the page is true: scripts build the navigation and the search results. */
async function until(expression: string): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!(await page.evaluate(`Boolean(${expression})`))) {
    if (Date.now() > deadline) throw new Error(`Still false: ${expression}`)
    await wait(20)
  }
}

async function openWithNavigation(file: string): Promise<void> {
  await page.open(`${origin}/${file}`)
  await until(`document.querySelector('#tsd-nav-container details')`)
}

/** The exported names of an entry point. */
function exportsOf(entry: string): string[] {
  const file = path.join(ROOT, entry)
  const program = ts.createProgram([file], { module: ts.ModuleKind.NodeNext, types: [] })
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(file)
  const module = source && checker.getSymbolAtLocation(source)
  return module ? checker.getExportsOfModule(module).map(({ name }) => name) : []
}

it('opens each topic of the navigation, which lists its symbols', async () => {
  await openWithNavigation('index.html')
  const topics = await page.evaluate<[topic: string, symbols: string[]][]>(`
    Array.from(document.querySelectorAll('#tsd-nav-container details'), (details) => {
      const summary = details.querySelector('summary')
      if (!details.open) summary.click()
      const links = [...details.querySelectorAll(':scope > div > ul > li > a')]
      return [summary.textContent, links.filter((link) => link.checkVisibility()).map((link) => link.textContent)]
    })`)
  const names = topics.filter(([, symbols]) => symbols.length > 0).map(([topic]) => topic)
  expect(names).toEqual(expect.arrayContaining(TOPICS))
  const listed = new Set(topics.flatMap(([, symbols]) => symbols))
  for (const entry of ENTRIES) {
    const exported = exportsOf(entry)
    expect(exported).not.toEqual([])
    expect(exported.filter((name) => !listed.has(name))).toEqual([])
  }
}, 60_000)

it('finds a symbol by a search, and opens it', async () => {
  await openWithNavigation('functions/axios-igwn-auth.explain.html')
  await page.evaluate(`document.querySelector('#tsd-search-trigger').click()`)
  await page.evaluate(`document.querySelector('#tsd-search-input').focus()`)
  await page.type('createX509')
  await until(`document.querySelector('#tsd-search-results a')`)
  const found = await page.evaluate<string>(`document.querySelector('#tsd-search-results a').href`)
  await page.open(found)
  expect(await page.evaluate(`document.querySelector('h1').textContent`)).toContain('createX509Agent')
}, 60_000)

interface Visited {
  /** URLs of links and images. */
  readonly links: string[]
  readonly ids: string[]
  /** URLs of links in the text, without the navigation. */
  readonly linksInText: string[]
  /** It has a code block. */
  readonly hasExample: boolean
}

const COLLECT = `((page, url, links = (selector) => Array.from(page.querySelectorAll(selector), (one) =>
    new URL(one.getAttribute('href') ?? one.getAttribute('src'), url).href)) => ({
  links: links('a[href], img[src]'),
  linksInText: links('.col-content a[href]'),
  ids: Array.from(page.querySelectorAll('[id]'), ({ id }) => id),
  hasExample: page.querySelector('.col-content pre code') !== null,
}))`

/** One page of each kind is opened, which runs its scripts. The others are only parsed, which is ten times as fast. */
async function visit(file: string, isFirst: boolean): Promise<Visited> {
  const url = `${origin}/${file}`
  if (!isFirst)
    return page.evaluate(`fetch('${url}').then((response) => response.text()).then((html) =>
      ${COLLECT}(new DOMParser().parseFromString(html, 'text/html'), '${url}'))`)
  await openWithNavigation(file)
  const broken = await page.evaluate(
    `Array.from(document.images).filter((image) => image.naturalWidth === 0).length`,
  )
  expect([file, broken]).toEqual([file, 0])
  return page.evaluate(`${COLLECT}(document, location.href)`)
}

it('has no broken link, image or script, and every symbol has an example or links to one', async () => {
  const visited = new Map<string, Visited>()
  const kinds = new Set<string>()
  const left = ['index.html']
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (visited.has(next)) continue
    const kind = path.posix.dirname(next)
    const { links: urls, ...rest } = await visit(next, !kinds.has(kind))
    kinds.add(kind)
    const links = urls
      .filter((link) => link.startsWith(`${origin}/`))
      .map((link) => link.slice(origin.length + 1))
    visited.set(next, { ...rest, links })
    left.push(...links.map(fileOf).filter((file) => file.endsWith('.html') && !visited.has(file)))
  }
  expect([...kinds]).toEqual(expect.arrayContaining(['.', 'modules', ...SYMBOLS, 'documents']))

  const dead = [...visited].flatMap(([from, { links }]) =>
    links
      .filter((link) => {
        const file = fileOf(link)
        if (!file.endsWith('.html')) return !fs.existsSync(path.join(folder, file))
        const anchor = decodeURIComponent(link.split('#')[1] ?? '')
        return anchor !== '' && !visited.get(file)?.ids.includes(anchor)
      })
      .map((link) => `${from}: ${link}`),
  )
  expect(dead).toEqual([])
  expect(missing).toEqual([])
  expect(page.exceptions).toEqual([])

  const symbols = [...visited].filter(([file]) => SYMBOLS.includes(path.posix.dirname(file)))
  expect(symbols.length).toBeGreaterThan(150)
  const withoutExample = symbols.filter(
    ([, { hasExample, linksInText }]) =>
      !hasExample &&
      !linksInText.some((link) => visited.get(fileOf(link.slice(origin.length + 1)))?.hasExample),
  )
  expect(withoutExample.map(([file]) => file)).toEqual([])
}, 300_000)

function fileOf(link: string): string {
  const file = decodeURIComponent(link.split(/[#?]/)[0] ?? '')
  return file === '' ? 'index.html' : file
}
