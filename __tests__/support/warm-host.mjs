/**
 * A process that runs the command many times, because loading axios takes longer than a run. Each run has its own arguments,
 * variables and folder, and writes to stdout and stderr; `END` on both marks its end. Memory is kept between runs, as in any
 * program that makes many requests.
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
