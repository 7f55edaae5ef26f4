/** docs/licenses.md lists the installed dependencies. package.test.ts checks the list of bundled ones against the tarball. */
import fs from 'node:fs'
import path from 'node:path'
import { dependenciesOf, installedWith } from '../bench/packages'

const ROOT = path.join(__dirname, '..')
const read = (name: string) => fs.readFileSync(path.join(ROOT, name), 'utf8')

interface Manifest {
  readonly name: string
  readonly license: string
  readonly dependencies?: Readonly<Record<string, string>>
}

it('lists the license of every installed dependency, and which package requires it', () => {
  const begin = '## Installed dependencies\n'
  const listed = read('docs/licenses.md').split(begin)[1]?.split('\n## ')[0] ?? ''
  const rows = Array.from(listed.matchAll(/^\| (\S+) +\| (\S+) +\| (.*?) +\|$/gm), ([, ...cells]) => cells)
  expect(rows.slice(2)).toEqual(installed().map((row) => [...row]))
})

it('lists each optional dependency', () => {
  const section = read('docs/licenses.md').split('## Optional dependencies\n')[1]?.split('\n## ')[0] ?? ''
  const names = Array.from(section.matchAll(/^\| \[(\w+)\]/gm), ([, name]) => name)
  const { peerDependenciesMeta } = JSON.parse(read('package.json')) as Record<string, object>
  expect(names).toEqual(Object.keys(peerDependenciesMeta ?? {}))
})

describe('the dependencies that handle secrets', () => {
  const section =
    read('docs/licenses.md').split('## Dependencies that handle secrets\n')[1]?.split('\n## ')[0] ?? ''
  const rows = Array.from(section.matchAll(/^\| (.*) \|$/gm), ([, row = '']) =>
    row.split('|').map((cell) => cell.trim()),
  )
    .slice(2)
    .map(([name = '', version, maintained, sees = '', reason = '']) => ({
      name,
      version,
      maintained,
      sees,
      reason,
    }))

  it('were reviewed with the versions that are installed; every other dependency is said to see none', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as {
      packages: Record<string, { version: string }>
    }
    for (const [name] of installed()) {
      const row = rows.find((one) => one.name === name)
      if (row) expect([name, row.version]).toEqual([name, packages[`node_modules/${name}`]?.version])
      else expect(section.split('\n\n').find((text) => text.includes('see no secrets'))).toContain(name)
    }
  })

  it('each have what they see, and a reason; one that is not maintained says what it does', () => {
    expect(rows.length).toBeGreaterThan(10)
    for (const { name, maintained, sees, reason } of rows) {
      expect([name, maintained]).toEqual([name, expect.stringMatching(/^(?:yes|no)$/)])
      expect([name, sees, reason]).toEqual([name, expect.stringMatching(/\w/), expect.stringMatching(/\w/)])
      if (maintained === 'no') expect([name, reason]).toEqual([name, expect.stringContaining(': it ')])
    }
  })
})

it('says how many packages, of what size, each dependency installs', () => {
  const section =
    read('docs/licenses.md').split('## What each dependency costs\n')[1]?.split('\n## ')[0] ?? ''
  for (const name of dependenciesOf(ROOT)) {
    const { packages, size } = installedWith(name)
    const kilobytes = Math.round(size / 1000)
    expect(section.replace(/ +/g, ' ')).toContain(`| ${name} | ${packages} | ${kilobytes} kB |`)
  }
})

it('has only dependencies with permissive licenses', () => {
  const permissive = ['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', '0BSD']
  expect(installed().filter(([, license]) => !permissive.includes(license))).toEqual([])
})

/** Name, license and dependents of every package that npm installs with this one, sorted by name. */
function installed(): [name: string, license: string, users: string][] {
  const found = new Map<string, { license: string; users: string[] }>()
  const { dependencies = {} } = JSON.parse(read('package.json')) as Manifest
  for (const name of Object.keys(dependencies)) visit(name, ROOT, 'this package')
  return [...found]
    .map(([name, { license, users }]): [string, string, string] => [name, license, users.sort().join(', ')])
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
    found.set(name, { license: license, users: [user] })
    for (const other of Object.keys(dependencies)) visit(other, folder, name)
  }
}

/** The folder of a package, as Node.js resolves it from the folder of another one. */
function folderOf(name: string, from: string): string {
  const folder = path.join(from, 'node_modules', name)
  return fs.existsSync(folder) ? folder : folderOf(name, path.dirname(from))
}
