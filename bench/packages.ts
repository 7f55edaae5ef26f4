import fs from 'node:fs'
import path from 'node:path'
import { BUNDLES, bundleSize } from './bundles'
import { counted, type Result } from './report'

/** The benchmark and the tests run in the checkout. */
const ROOT = process.cwd()

/** What each dependency adds to an installation, with the packages that it requires; and what a bundle has. */
export function* packages(): Generator<Result> {
  for (const name of dependenciesOf(ROOT)) {
    const { packages: all, size } = installedWith(name)
    yield counted(`${name}, packages with it: ${all}`, size / 1000, undefined, 'kB')
  }
  for (const [entry, name, limit] of BUNDLES) {
    const size = bundleSize(entry, name, ROOT)
    yield counted(`a bundle of ${entry}, ${name === '*' ? 'all' : name}`, size / 1000, limit / 1000, 'kB')
  }
}

/** The names of the packages that a package requires. */
export function dependenciesOf(folder: string): readonly string[] {
  const { dependencies = {} } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')) as {
    dependencies?: Readonly<Record<string, string>>
  }
  return Object.keys(dependencies)
}

/** A package and all that it requires: how many, and the bytes of their files. */
export function installedWith(name: string): { packages: number; size: number } {
  const folders = [...foldersOf(name)]
  return { packages: folders.length, size: folders.reduce((sum, folder) => sum + sizeOf(folder), 0) }
}

/** The folders of a package and of all that it requires, as Node.js resolves them. */
function foldersOf(name: string, from = ROOT, found = new Set<string>()): ReadonlySet<string> {
  const folder = path.join(from, 'node_modules', name)
  if (!fs.existsSync(folder)) return foldersOf(name, path.dirname(from), found)
  if (found.has(folder)) return found
  found.add(folder)
  for (const other of dependenciesOf(folder)) foldersOf(other, folder, found)
  return found
}

/** Bytes of all files in a folder. */
export function sizeOf(folder: string): number {
  return fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => fs.lstatSync(path.join(folder, file)))
    .filter((stats) => stats.isFile())
    .reduce((sum, { size }) => sum + size, 0)
}
