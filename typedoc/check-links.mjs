/** Checks every link of the generated API reference: its file and its anchor exist. Exits with 1 and a list otherwise. */
import fs from 'node:fs'
import path from 'node:path'

const root = path.resolve(process.argv[2] ?? 'docs/api')
const files = fs
  .readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.html'))
const pages = new Map(
  files.map((name) => [path.join(root, name), fs.readFileSync(path.join(root, name), 'utf8')]),
)

const dead = []
let count = 0
for (const [page, html] of pages)
  for (const [, link] of html.matchAll(/(?:href|src)="([^"]+)"/g)) {
    if (/^(?:[a-z]+:|#$)/.test(link)) continue
    count += 1
    const [file, anchor] = decodeURI(link).split('#')
    const target = file === '' ? page : path.resolve(path.dirname(page), file)
    const hasAnchor = () => pages.get(target)?.includes(`id="${anchor}"`) ?? true
    if (!fs.existsSync(target) || (anchor && !hasAnchor())) dead.push(`${path.relative(root, page)}: ${link}`)
  }

if (count === 0) dead.push(`${root} contains no links`)
if (dead.length > 0) console.error(`Broken links in the API reference:\n${[...new Set(dead)].join('\n')}`)
process.exitCode = dead.length > 0 ? 1 : 0
