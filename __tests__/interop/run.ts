/**
 * `npm run test:interop`: the tests against real servers. If Debian packages are missing, it lists them and runs nothing.
 * `--missing` prints the missing packages, one per line, and nothing else; other arguments are passed to Jest.
 *
 * XRootD listens on all addresses of the host. So that it cannot be reached from outside, the tests run in a network namespace
 * of their own where the kernel allows it, except with INTEROP_NETWORK=shared. No process or file is left at the end.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import axios from 'axios'
import { installKerberos } from './support/kerberos'
import { installedPackages, PACKAGES } from './support/packages'
import { endProcesses } from './support/processes'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const JEST = ['node_modules/jest/bin/jest.js', '--config', '__tests__/interop/jest.config.ts']

const installed = installedPackages()
const missing = Object.keys(PACKAGES).filter((name) => !installed.has(name))

if (process.argv.includes('--missing')) {
  process.stdout.write(missing.map((name) => `${name}\n`).join(''))
} else if (missing.length > 0) {
  console.error(
    `The tests against real servers need Debian packages that are not installed:\n\n${missing
      .map((name) => `  ${name.padEnd(28)} ${PACKAGES[name] ?? ''}`)
      .join('\n')}\n\nInstall them (on Debian 12, as root):\n\n` +
      `  apt-get install --no-install-recommends ${missing.join(' ')}\n`,
  )
  process.exitCode = 1
} else {
  process.exitCode = await run(process.argv.slice(2))
}

async function run(args: readonly string[]): Promise<number> {
  printVersions()
  const folder = makeFolder()
  const names = args.filter((argument) => !argument.startsWith('-'))
  if (names.length === 0 || names.some((name) => name.includes('vault'))) installKerberos(folder)
  const network = networkNamespace()
  console.log(
    network.length > 0
      ? 'In a network namespace of their own: the servers cannot be reached from outside.\n'
      : 'In the network of this host: servers that cannot be bound to 127.0.0.1 accept only connections from it.\n',
  )
  // If this process is killed, the tests and their servers end too.
  const bound = ['setpriv', '--pdeathsig', 'KILL', process.execPath]
  const [program = '', ...rest] = [...network, ...bound, ...JEST, ...jestDefaults(args), ...args]
  const jest = spawn(program, rest, {
    cwd: ROOT,
    stdio: 'inherit',
    detached: true, // a process group of its own, which can be ended as a whole
    env: { ...process.env, INTEROP_FOLDER: folder, TMPDIR: path.join(folder, 'tmp') },
  })
  let signalled: NodeJS.Signals | undefined
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    // It may come twice: from the terminal and from npm.
    process.on(signal, () => {
      if (!signalled && jest.pid !== undefined) process.kill(-jest.pid, 'SIGKILL')
      signalled = signal
    })

  const [code] = (await once(jest, 'close')) as [number | null]
  const left = endProcesses(folder)
  fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  if (signalled) return 128 + os.constants.signals[signalled]
  if (left.length > 0) {
    console.error(`Servers were left running and have been ended: ${left.join(', ')}`)
    return 1
  }
  return code ?? 1
}

function printVersions(): void {
  const versions = [['node', process.versions.node], ['axios', axios.VERSION], ...installed] as const
  console.log('Against:')
  for (const [name, version] of versions) console.log(`  ${name.padEnd(28)} ${version}`)
  console.log()
}

/** In the temporary folder if other users can enter it: servers that refuse to run as root run as other users. */
function makeFolder(): string {
  const parent = process.getuid?.() === 0 && !isPassable(os.tmpdir()) ? '/tmp' : os.tmpdir()
  const folder = fs.mkdtempSync(path.join(parent, 'axios-igwn-auth-interop-'))
  fs.chmodSync(folder, 0o711)
  fs.mkdirSync(path.join(folder, 'tmp'))
  return folder
}

/** Whether all users can enter the folder. */
function isPassable(folder: string): boolean {
  const above = path.dirname(folder)
  return (fs.statSync(folder).mode & 0o001) !== 0 && (above === folder || isPassable(above))
}

/**
 * The words before a command that run it with a loopback device and no other network; none if the kernel does not allow that.
 * Without root, that takes a user namespace, in which the user keeps the same id.
 */
function networkNamespace(): string[] {
  if (process.env.INTEROP_NETWORK === 'shared') return []
  const start =
    process.getuid?.() === 0
      ? ['unshare', '--net']
      : ['unshare', '--user', '--map-current-user', '--keep-caps', '--net']
  const inside = [
    ...start,
    'sh',
    '-c',
    'ip link set lo up && exec setpriv --inh-caps=-all --ambient-caps=-all "$@"',
    'sh',
  ]
  return spawnSync(inside[0] ?? '', [...inside.slice(1), 'true']).status === 0 ? inside : []
}

/** Reuses the compiled tests of earlier runs, which a new temporary folder does not have. */
function jestDefaults(args: readonly string[]): string[] {
  if (args.some((argument) => argument.startsWith('--cacheDirectory'))) return []
  return ['--cacheDirectory', path.join(os.tmpdir(), `jest_${(process.getuid?.() ?? 0).toString(36)}`)]
}
