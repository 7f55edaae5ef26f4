// Loaded before a child process: makes it user 1000 with folders of its own. The default credential files of that user in /tmp
// are replaced by those in `STAND_INS`, so that the credentials of the user who runs the tests are never read. Files of the
// user who runs the tests belong to user 1000.
const fs = require('node:fs')

const own = process.getuid?.()
process.getuid = process.geteuid = () => 1000

let text
let standIns = []
const led = (file) => {
  // Each run of warm-host.mjs has its own.
  if (process.env.STAND_INS !== text) standIns = Object.entries(JSON.parse((text = process.env.STAND_INS)))
  const [place, folder] = standIns.find(([begin]) => typeof file === 'string' && file.startsWith(begin)) ?? []
  return place === undefined ? file : folder + file.slice(place.length)
}

for (const name of ['statSync', 'lstatSync', 'openSync', 'fstatSync', 'readdirSync', 'readFileSync']) {
  const real = fs[name]
  fs[name] = (file, ...rest) => {
    const result = real(led(file), ...rest)
    if (result?.uid === own) result.uid = 1000
    return result
  }
}

const owned = (stats) => (stats.uid === own ? Object.assign(stats, { uid: 1000 }) : stats)
const { lstat, open } = fs.promises
fs.promises.lstat = async (file, ...rest) => owned(await lstat(led(file), ...rest))
fs.promises.open = async (file, ...rest) => {
  const handle = await open(led(file), ...rest)
  const stat = handle.stat.bind(handle)
  handle.stat = async (...options) => owned(await stat(...options))
  return handle
}
require('node:module').syncBuiltinESMExports()
