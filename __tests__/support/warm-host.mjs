/**
 * A process that runs the command many times, because loading axios takes longer than a run. Each run has its own arguments,
 * variables, folder and stdin, and writes to stdout and stderr; `END` on both marks its end. Memory is kept between runs, as in any
 * program that makes many requests.
 */
import { Buffer } from 'node:buffer'
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

process.on('message', async ({ words, env, cwd, stdin }) => {
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, env)
  process.chdir(cwd)
  process.argv = [process.execPath, cli, ...words]
  Object.defineProperty(process, 'stdin', {
    configurable: true,
    value: Readable.from(stdin ? [Buffer.from(stdin)] : []),
  })
  process.exitCode = undefined
  await evaluate().ended
  const code = process.exitCode ?? 0
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners('error')
    await write(stream, end)
  }
  process.send({ code })
})
process.send('ready')
