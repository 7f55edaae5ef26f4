/**
 * `npm run test:interop`: the tests against real servers. Says which Debian packages are missing, and runs nothing without
 * them. The arguments go to Jest, but for `--missing`: that prints the missing packages, one a line, and nothing else.
 *
 * Servers that listen on every address of the machine, as XRootD does, shall be reached by nobody from outside: where the
 * kernel allows, the tests run in a network of their own; with INTEROP_NETWORK=shared in that of the machine. At the end
 * nothing is left, neither processes nor files.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import axios from 'axios'
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
  sayVersions()
  const folder = makeFolder()
  const network = networkOfOurOwn()
  console.log(
    network.length > 0
      ? 'In a network of their own: nobody outside of these tests reaches the servers.\n'
      : 'In the network of this machine: servers that cannot be bound to 127.0.0.1 are told to hear nobody else.\n',
  )
  // Should this process be killed, the tests end too, and with them their servers.
  const bound = ['setpriv', '--pdeathsig', 'KILL', process.execPath]
  const [program = '', ...rest] = [...network, ...bound, ...JEST, ...jestDefaults(args), ...args]
  const jest = spawn(program, rest, {
    cwd: ROOT,
    stdio: 'inherit',
    detached: true, // a process group of its own, to be ended as one
    env: { ...process.env, INTEROP_FOLDER: folder, TMPDIR: path.join(folder, 'tmp') },
  })
  let signalled: NodeJS.Signals | undefined
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    // More than once: from the terminal, and from npm.
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

function sayVersions(): void {
  const versions = [['node', process.versions.node], ['axios', axios.VERSION], ...installed] as const
  console.log('Against:')
  for (const [name, version] of versions) console.log(`  ${name.padEnd(28)} ${version}`)
  console.log()
}

/** In the temporary folder, if other users get through that: servers that refuse root run as users of their own. */
function makeFolder(): string {
  const parent = process.getuid?.() === 0 && !isPassable(os.tmpdir()) ? '/tmp' : os.tmpdir()
  const folder = fs.mkdtempSync(path.join(parent, 'axios-igwn-auth-interop-'))
  fs.chmodSync(folder, 0o711)
  fs.mkdirSync(path.join(folder, 'tmp'))
  return folder
}

/** Whether anybody who knows a name in the folder can go there. */
function isPassable(folder: string): boolean {
  const above = path.dirname(folder)
  return (fs.statSync(folder).mode & 0o001) !== 0 && (above === folder || isPassable(above))
}

/**
 * What to put before a command to have it run with a loopback device and no other network; nothing where the kernel does
 * not allow that. Who is not root needs a user namespace, in which they stay who they are.
 */
function networkOfOurOwn(): string[] {
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

/** The compiled tests of before, which a fresh temporary folder would not have. */
function jestDefaults(args: readonly string[]): string[] {
  if (args.some((argument) => argument.startsWith('--cacheDirectory'))) return []
  return ['--cacheDirectory', path.join(os.tmpdir(), `jest_${(process.getuid?.() ?? 0).toString(36)}`)]
}
