/**
 * A process that runs the command many times, because loading axios takes longer than a run. Each run has its own arguments,
 * variables, folder, stdin and width of the terminal, and writes to stdout and stderr; `end` on both marks its end. Memory is kept
 * between runs, as in any program that makes many requests.
 */
import { Buffer } from 'node:buffer'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { Readable } from 'node:stream'
import vm from 'node:vm'

const [cli, end] = process.argv.slice(2)
// Compiled once, and evaluated for each run.
const code = fs.readFileSync(cli, 'utf8').replace(/^#!.*/, '')
const require = createRequire(cli)
const script = new vm.Script(`(function (exports, require, module, __filename, __dirname) {${code}\n})`, {
  filename: cli,
  importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
})
function evaluate() {
  const module = { exports: {}, filename: cli }
  script.runInThisContext()(module.exports, require, module, cli, path.dirname(cli))
  return module.exports
}
const write = (stream, text) => new Promise((resolve) => stream.write(text, resolve))

/** The signal by which the command ended itself: sent to its own process when it has no listener for it. */
let endedBy = null
const { kill } = process
process.kill = (pid, signal) => {
  if (pid !== process.pid || process.listenerCount(signal) > 0) return kill(pid, signal)
  endedBy = signal
  return true
}

async function resize(columns) {
  if (process.stdout.columns === columns) return
  const resized = once(process.stdout, 'resize')
  execFileSync('stty', ['cols', columns, 'rows', 24], { stdio: 'inherit' })
  await resized
}

async function run({ words, env, cwd, stdin, columns }) {
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, env)
  process.chdir(cwd)
  process.argv = [process.execPath, cli, ...words]
  if (columns !== undefined) await resize(columns)
  else
    Object.defineProperty(process, 'stdin', {
      configurable: true,
      value: Readable.from(stdin ? [Buffer.from(stdin)] : []),
    })
  process.exitCode = undefined
  endedBy = null
  await evaluate().ended
  const code = process.exitCode ?? 0
  for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners('error')
  await write(process.stdout, end)
  if (columns === undefined) await write(process.stderr, end)
  process.send({ code, signal: endedBy })
}

process.on('message', (message) => (message.words ? run(message) : resize(message.columns)))
process.on('disconnect', () => process.exit())
process.send('ready')
