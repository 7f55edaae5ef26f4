/** docs/fetch.md: each program runs by itself, with the built package and the packages that it names. Built by `npm test`. */
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { exampleMachine, type ExampleMachine } from '../support/example-machine'
import { testExamples, type Example } from '../support/examples'

const ROOT = path.join(__dirname, '../..')
const run = promisify(execFile)

let machine: ExampleMachine
let project: string

beforeAll(async () => {
  machine = await exampleMachine()
  project = path.join(process.env.HOME!, 'project')
  fs.mkdirSync(path.join(project, 'node_modules'), { recursive: true })
  fs.symlinkSync(ROOT, path.join(project, 'node_modules/axios-igwn-auth'))
  for (const name of ['got', 'ky', 'undici'])
    fs.symlinkSync(path.join(ROOT, 'node_modules', name), path.join(project, 'node_modules', name))
  // Every host of the example is the site of this test.
  fs.writeFileSync(
    path.join(project, 'hosts.mjs'),
    `import tls from 'node:tls'
     const { connect } = tls
     tls.connect = (options, ...rest) =>
       connect({ ...options, servername: options.servername ?? options.host, host: '127.0.0.1', port: ${machine.site.port} }, ...rest)`,
  )
})
afterAll(() => machine.close())

/** Runs a program in a process of its own. Resolves to the lines that it printed. */
async function runProgram({ code }: Example): Promise<string[]> {
  const program = path.join(project, 'example.mjs')
  fs.writeFileSync(program, code)
  const folder = process.env.XDG_RUNTIME_DIR!
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    NODE_EXTRA_CA_CERTS: path.join(folder, 'grid-ca.pem'),
    BEARER_TOKEN_FILE: path.join(folder, `bt_u${process.geteuid?.() ?? 1000}`),
    X509_USER_CERT: path.join(folder, 'robotcert.pem'),
    X509_USER_KEY: path.join(folder, 'robotkey.pem'),
  }
  const args = ['--import', './hosts.mjs', program]
  const { stdout } = await run(process.execPath, args, { cwd: project, env, timeout: 20_000 })
  return stdout.trimEnd().split('\n')
}

testExamples('docs/fetch.md', () => ({ run: runProgram }))
