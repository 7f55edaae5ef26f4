/** `docs/licenses.md` has what is installed with the package. What is built into the command is held against the tarball. */
import fs from 'node:fs'
import path from 'node:path'

const ROOT = path.join(__dirname, '..')
const read = (name: string) => fs.readFileSync(path.join(ROOT, name), 'utf8')

interface Manifest {
  readonly name: string
  readonly license: string
  readonly dependencies?: Readonly<Record<string, string>>
}

it('lists the licence of every package that is installed with this one, and what it comes with', () => {
  const begin = '## What is installed with it\n'
  const listed = read('docs/licenses.md').split(begin)[1]?.split('\n## ')[0] ?? ''
  const rows = Array.from(listed.matchAll(/^\| (\S+) +\| (\S+) +\| (.*?) +\|$/gm), ([, ...cells]) => cells)
  expect(rows.slice(2)).toEqual(installed().map((row) => [...row]))
})

it('takes along no package whose licence asks more than that its text is kept', () => {
  const permissive = ['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', '0BSD']
  expect(installed().filter(([, licence]) => !permissive.includes(licence))).toEqual([])
})

/** Name, licence and users of all that npm installs with the package, by name. */
function installed(): [name: string, licence: string, users: string][] {
  const found = new Map<string, { licence: string; users: string[] }>()
  const { dependencies = {} } = JSON.parse(read('package.json')) as Manifest
  for (const name of Object.keys(dependencies)) visit(name, ROOT, 'this package')
  return [...found]
    .map(([name, { licence, users }]): [string, string, string] => [name, licence, users.sort().join(', ')])
    .sort(([one], [other]) => (one < other ? -1 : 1))

  function visit(name: string, from: string, user: string): void {
    const known = found.get(name)
    if (known) {
      if (!known.users.includes(user)) known.users.push(user)
      return
    }
    const folder = folderOf(name, from)
    const { license, dependencies = {} } = JSON.parse(
      fs.readFileSync(path.join(folder, 'package.json'), 'utf8'),
    ) as Manifest
    found.set(name, { licence: license, users: [user] })
    for (const other of Object.keys(dependencies)) visit(other, folder, name)
  }
}

/** Where Node finds a package that another one imports. */
function folderOf(name: string, from: string): string {
  const folder = path.join(from, 'node_modules', name)
  return fs.existsSync(folder) ? folder : folderOf(name, path.dirname(from))
}
