/** docs/fetch.md: the programs run in a process with the built package and the packages that they name. Built by `npm test`. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { exampleMachine, type ExampleMachine } from '../support/example-machine'
import { testExamples, type Example } from '../support/examples'

const ROOT = path.join(__dirname, '../..')

let machine: ExampleMachine
let project: string
let runner: ChildProcess | undefined
let count = 0

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
  // It runs one program after the other.
  fs.writeFileSync(
    path.join(project, 'runner.mjs'),
    `import { format } from 'node:util'
     process.on('message', async (file) => {
       const printed = []
       console.log = (...values) => printed.push(format(...values))
       try {
         await import(file)
         process.send({ printed })
       } catch (error) {
         process.send({ error: error.stack })
       }
     })`,
  )
  const folder = process.env.XDG_RUNTIME_DIR!
  runner = fork('runner.mjs', {
    cwd: project,
    execArgv: ['--import', './hosts.mjs'],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      NODE_EXTRA_CA_CERTS: path.join(folder, 'grid-ca.pem'),
      BEARER_TOKEN_FILE: path.join(folder, `bt_u${process.geteuid?.() ?? 1000}`),
      X509_USER_CERT: path.join(folder, 'robotcert.pem'),
      X509_USER_KEY: path.join(folder, 'robotkey.pem'),
    },
  })
})
afterAll(async () => {
  if (runner?.kill()) await once(runner, 'exit')
  await machine.close()
})

/** Runs a program. Resolves to the lines that it printed. */
async function runProgram({ code }: Example): Promise<string[]> {
  const program = path.join(project, `example-${(count += 1)}.mjs`)
  fs.writeFileSync(program, code)
  runner!.send(program)
  const [{ printed, error }] = (await once(runner!, 'message')) as [{ printed?: string[]; error?: string }]
  if (!printed) throw new Error(error)
  return printed.join('\n').split('\n')
}

testExamples('docs/fetch.md', () => ({ run: runProgram }))
