import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

/** The optional peer of the package; the newest of each major version has the same interface. */
const VERSION = '7.0.0'

/**
 * Builds the package kerberos of npm into the folder of the run, since the tests have no network. What fails is printed, and fails
 * the tests that need it.
 */
export function installKerberos(folder: string): void {
  const place = path.join(folder, 'kerberos')
  fs.mkdirSync(place)
  fs.writeFileSync(path.join(place, 'package.json'), '{ "private": true }\n')
  // Debian has the headers of Node.js beside it; otherwise node-gyp fetches them.
  const prefix = path.dirname(path.dirname(process.execPath))
  const headers = fs.existsSync(path.join(prefix, 'include/node')) ? [`--nodedir=${prefix}`] : []
  // The project switches install scripts off, and npm passes that on to this one, whose script is the build.
  const flags = ['--ignore-scripts=false', '--no-audit', '--no-fund', '--no-save', ...headers]
  const args = ['install', ...flags, `kerberos@${VERSION}`]
  const { status, stdout, stderr } = spawnSync('npm', args, {
    cwd: place,
    encoding: 'utf8',
    timeout: 200_000,
  })
  const isBuilt = fs.existsSync(path.join(place, 'node_modules/kerberos/build/Release/kerberos.node'))
  if (status !== 0 || !isBuilt) console.error(`npm ${args.join(' ')} failed:\n${stdout}${stderr}`)
}
