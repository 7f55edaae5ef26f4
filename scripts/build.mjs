/**
 * Builds `dist/`, unless nothing that it is made of has changed since: demo, tests, checks and benchmarks build it first. With
 * `--no-dts` without the types, which take most of the time.
 */
import { execSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const SOURCES = ['lib', 'scripts', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsup.config.ts']
/** The files that the last successful build made; its time of modification is when that began. */
const BUILT = '.built'

const start = new Date()
const isTyped = !process.argv.includes('--no-dts')
if (!isBuilt()) {
  rmSync(BUILT, { force: true })
  execSync(isTyped ? 'tsup && node scripts/commonjs-types.mjs' : 'tsup --no-dts', { stdio: 'inherit' })
  writeFileSync(BUILT, made())
  utimesSync(BUILT, start, start)
}

function isBuilt() {
  if (!existsSync('dist') || !existsSync(BUILT) || statSync(BUILT).mtimeMs <= newest(SOURCES)) return false
  return readFileSync(BUILT, 'utf8') === made() && (!isTyped || existsSync('dist/index.d.cts'))
}

/** What is in `dist/` now. */
function made() {
  return readdirSync('dist')
    .sort()
    .map((name) => `${name} ${statSync(path.join('dist', name)).mtimeMs}\n`)
    .join('')
}

/** The last change of files, of those in folders, and of the folders: a file in them may be gone. A copy may keep the time of modification. */
function newest(files) {
  const times = files.map((file) => {
    const entry = statSync(file)
    const inside = entry.isDirectory() ? readdirSync(file).map((name) => path.join(file, name)) : []
    return Math.max(entry.mtimeMs, entry.ctimeMs, newest(inside))
  })
  return Math.max(0, ...times)
}
