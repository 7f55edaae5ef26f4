import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import axios from 'axios'
import { sizeOf } from './packages'
import { counted, type Note, type Result } from './report'
import type { Setting } from './setting'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** The disk space of the published package and its dependencies, compared with axios alone. */
export function* installed({ quick, environment }: Setting): Generator<Result | Note> {
  if (quick) {
    yield { note: 'left out by --quick' }
    return
  }
  const folder = environment.folder('installed')
  npm(ROOT, 'pack', '--ignore-scripts', '--pack-destination', folder)
  const [tarball = ''] = fs.readdirSync(folder)
  const packed = fs.statSync(path.join(folder, tarball)).size
  const peer = `axios@${axios.VERSION}`
  try {
    const alone = install(path.join(folder, 'axios'), peer)
    const both = install(path.join(folder, 'both'), peer, path.join(folder, tarball))
    const own = sizeOf(path.join(folder, 'both/node_modules/axios-igwn-auth'))
    yield counted('the tarball', packed / 1000, undefined, 'kB')
    yield counted('  unpacked', own / 1000, undefined, 'kB')
    yield counted('  with what it brings along', (both.size - alone.size) / 1000, undefined, 'kB')
    yield counted('  packages that come with it, itself included', both.packages - alone.packages)
    yield counted('axios alone', alone.size / 1000, undefined, 'kB')
    yield counted('  packages', alone.packages)
  } catch {
    yield { note: 'npm could not install the tarball here, neither from its cache nor from its registry' }
  }
}

function install(folder: string, ...packages: string[]): { size: number; packages: number } {
  fs.mkdirSync(folder)
  fs.writeFileSync(path.join(folder, 'package.json'), '{}')
  // The npm cache is sufficient after `npm ci`, without a network.
  npm(folder, 'install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', ...packages)
  const lock = JSON.parse(fs.readFileSync(path.join(folder, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, unknown>
  }
  return {
    size: sizeOf(path.join(folder, 'node_modules')),
    packages: Object.keys(lock.packages).filter((name) => name !== '').length,
  }
}

function npm(cwd: string, ...args: readonly string[]): void {
  execFileSync('npm', args, { cwd, stdio: ['ignore', 'ignore', 'pipe'], timeout: 120_000 })
}
