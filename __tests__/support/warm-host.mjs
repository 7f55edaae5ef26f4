/**
 * A process that runs the command again and again, so that axios and the rest are loaded once: loading takes longer than all
 * that a command does. Each run has arguments, variables and a folder of its own, and writes to stdout and stderr as ever;
 * `END` on both says that it has ended. What it keeps in memory stays, as in any program that makes many requests.
 */
import { createRequire } from 'node:module'

const [cli, end] = process.argv.slice(2)
const write = (stream, text) => new Promise((resolve) => stream.write(text, resolve))
const require = createRequire(import.meta.url)

process.on('message', async ({ words, env, cwd }) => {
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, env)
  process.chdir(cwd)
  process.argv = [process.execPath, cli, ...words]
  process.exitCode = undefined
  delete require.cache[cli]
  await require(cli).ended
  const code = process.exitCode ?? 0
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners('error')
    await write(stream, end)
  }
  process.send({ code })
})
process.send('ready')
