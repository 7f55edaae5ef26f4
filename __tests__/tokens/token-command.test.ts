import fs from 'node:fs'
import net, { type AddressInfo, type Socket } from 'node:net'
import { once } from 'node:events'
import path from 'node:path'
import childProcess from 'node:child_process'
import { processEnvironment } from '../../lib/environment'
import { externallyManagedJwt, tokenCommand, type TokenCommandOptions } from '../support/all'
import { expectNoSecret } from '../support/expect-no-secret'
import { thrownBy } from '../support/thrown-by'
import { mint, now, ours, put, room, signatureOf } from '../support/tokens'

const NODE = process.execPath
const HINT = 'Run it in a terminal to see what it does.'

/** A command that runs JavaScript. */
const running = (script: string, ...args: string[]): TokenCommandOptions['command'] => [
  NODE,
  '-e',
  script,
  '--',
  ...args,
]

const printing = (text: string) => running(`process.stdout.write(${JSON.stringify(text)})`)
const failure = async (options: TokenCommandOptions): Promise<Error> =>
  Promise.resolve(tokenCommand(options).getToken({})).then(
    () => {
      throw new Error('it did not fail')
    },
    (error: unknown) => error as Error,
  )
const failed = (message: string) => ours('ERR_IGWN_COMMAND_FAILED', message)

const token = mint()

describe('the token', () => {
  it.each([
    ['as it is', token],
    ['with white space around it', `\n ${token} \n\n`],
    ['as the last of several lines', `Attempting to get a token... done\nStoring it\n${token}\n`],
    ['as JSON on one line', JSON.stringify({ access_token: token, expires_in: 3600 })],
    ['as JSON on several lines', JSON.stringify({ access_token: token, token_type: 'Bearer' }, undefined, 2)],
    ['as JSON after other lines', `done\n${JSON.stringify({ access_token: token })}\n`],
  ])('is what the command prints, %s', async (_, text) => {
    expect(await tokenCommand({ command: printing(text) }).getToken({})).toBe(token)
  })

  it('may be opaque', async () => {
    expect(await tokenCommand({ command: printing('abc-123\n') }).getToken({})).toBe('abc-123')
  })

  it('is the content of its file, if one is named; its output does not matter then', async () => {
    const outFile = room('out')
    const command = running(
      `require('fs').writeFileSync(process.argv[1], ${JSON.stringify(`${token}\n`)}); console.log('stored')`,
      outFile,
    )
    expect(await tokenCommand({ command, outFile }).getToken({})).toBe(token)
  })

  it('comes from a new run each time', async () => {
    const source = tokenCommand({ command: running('console.log("token-" + process.pid)') })
    expect(await source.getToken({})).not.toBe(await source.getToken({}))
  })
})

it('runs without a shell: arguments are what they are', async () => {
  const odd = ['$HOME', '`id`', 'a b', '; exit 1', '*', "'", '"', '--', '']
  const command = running(
    'console.log(Buffer.from(JSON.stringify(process.argv.slice(1))).toString("hex"))',
    ...odd,
  )
  const printed = String(await tokenCommand({ command }).getToken({}))
  expect(JSON.parse(Buffer.from(printed, 'hex').toString())).toEqual(odd)
})

it('has the environment of this process, with the given variables and without undefined ones', async () => {
  process.env.IGWN_TEST_ONE = 'one'
  process.env.IGWN_TEST_TWO = 'two'
  const command = running(
    'const { IGWN_TEST_ONE: a, IGWN_TEST_TWO: b, IGWN_TEST_THREE: c, HOME: h } = process.env; console.log([a, b, c, Boolean(h)].join("."))',
  )
  const env = { IGWN_TEST_TWO: undefined, IGWN_TEST_THREE: 'three' }
  expect(await tokenCommand({ command, env }).getToken({})).toBe('one..three.true')
  delete process.env.IGWN_TEST_ONE
  delete process.env.IGWN_TEST_TWO
})

it('has an empty standard input, so that a command that reads it does not wait', async () => {
  const command = running('process.stdin.on("data", () => {}).on("end", () => console.log("no-input"))')
  expect(await tokenCommand({ command }).getToken({})).toBe('no-input')
})

describe('its error says', () => {
  it('that there is no such program', async () => {
    const message =
      'no-such-htgettoken cannot be started: there is no such program (ENOENT). Install it, or give its path.'
    expect(await failure({ command: ['no-such-htgettoken', '-a', 'vault'] })).toEqual(failed(message))
  })

  it('that it is not executable', async () => {
    const file = put(room('not-executable'), '#!/bin/sh\n')
    expect(await failure({ command: [file] })).toEqual(
      failed(`${file} cannot be started: it is not executable (EACCES). Run \`chmod +x\` on it.`),
    )
  })

  it('that an argument is invalid', async () => {
    expect(await failure({ command: [NODE, 'secret\0argument'] })).toEqual(
      failed(`${NODE} cannot be started (ERR_INVALID_ARG_VALUE).`),
    )
  })

  it('that it failed, with its standard error', async () => {
    const command = running('console.error("htgettoken: vault is sealed\\n  try later"); process.exit(3)')
    expect(await failure({ command })).toEqual(
      failed(`${NODE} failed with exit code 3. Its standard error: htgettoken: vault is sealed try later`),
    )
  })

  it('that it failed and wrote nothing', async () => {
    expect(await failure({ command: running('process.exit(1)') })).toEqual(
      failed(`${NODE} failed with exit code 1. It wrote nothing to standard error.`),
    )
  })

  it('that a signal terminated it', async () => {
    expect(await failure({ command: running('process.kill(process.pid, "SIGKILL")') })).toEqual(
      failed(`${NODE} was terminated by SIGKILL. It wrote nothing to standard error.`),
    )
  })

  it.each([
    ['', 'no token'],
    ['\n \n', 'no token'],
    ['Sorry, no token today\n', 'a text that is not a token (RFC 6750 section 2.1)'],
    [`${token}\nthat was it\n`, 'a text that is not a token (RFC 6750 section 2.1)'],
    ['{"error":"invalid_grant"}', 'a text that is not a token (RFC 6750 section 2.1)'],
    ['{"access_token":""}', 'no token'],
  ])('that it printed no token: %j', async (text, what) => {
    expect(await failure({ command: printing(text) })).toEqual(failed(`${NODE} printed ${what}. ${HINT}`))
  })

  it('that its file does not exist, is a folder or has no token', async () => {
    const command = running('')
    const outFile = room('missing')
    expect(await failure({ command, outFile })).toEqual(
      failed(`${NODE} succeeded, but its file ${outFile} does not exist. ${HINT}`),
    )
    expect(await failure({ command, outFile: room('.') })).toEqual(
      failed(`${NODE} succeeded, but its file ${room('.')} is a folder, not a file. ${HINT}`),
    )
    put(outFile, 'a b')
    expect(await failure({ command, outFile })).toEqual(
      failed(`${NODE} wrote to ${outFile} a text that is not a token (RFC 6750 section 2.1). ${HINT}`),
    )
    fs.rmSync(outFile)
  })

  it('no secret that the command wrote', async () => {
    const secret = signatureOf(token)
    const said = [
      `refused ${token}`,
      'X-Vault-Token: s.1234',
      'password=hunter22',
      'https://me:hunter22@vault.example.org/v1',
      'Authorization: Bearer short1',
      `from-env ${'e1'.repeat(6)}`,
      'printed printed-secret-0123456789',
    ].join('\n')
    const command = running(
      `console.log("printed-secret-0123456789"); console.error(${JSON.stringify(said)}); process.exit(1)`,
    )
    const error = await failure({ command, env: { CREDENTIAL: 'e1'.repeat(6) } })
    expectNoSecret(error, [secret, 's.1234', 'hunter22', 'short1', 'e1'.repeat(6), 'printed-secret'])
    expect(error.message).toContain('refused [hidden]')
    expect(error.message).toContain('vault.example.org/v1')
  })

  it.each([
    ['a password in an argument', ['--login=me:a-password-of-mine'], {}, ''],
    ['JSON in an argument', ['{"key":"a-password-of-mine"}'], {}, ''],
    ['the userinfo of a URL', ['https://me:a-password-of-mine@vault.example.org/'], {}, ''],
    ['a variable of several words', [], { LOGIN: 'me a-password-of-mine' }, ''],
    [
      'a value of JSON that it printed',
      [],
      {},
      '{"access_token":"x","more":{"refresh_token":"a-password-of-mine"}}',
    ],
    ['JSON on several lines', [], {}, '{\n  "access_token": "a-password-of-mine",\n  "expires_in": 1\n}'],
    ['a value with a name that it printed', [], {}, 'export TOKEN=a-password-of-mine'],
  ])('no secret that is a part of something: %s', async (_, args, env, printed) => {
    // Encoded, so that the script itself, which is an argument, does not have it.
    const encoded = Buffer.from('unknown user a-password-of-mine').toString('base64')
    const script = `console.log(${JSON.stringify(printed)}); console.error(atob('${encoded}')); process.exit(1)`
    expect(await failure({ command: running(script, ...args), env })).toEqual(
      failed(`${NODE} failed with exit code 1. Its standard error: unknown user [hidden]`),
    )
  })

  it('no argument and no token that the command repeats, in JSON either', async () => {
    const command = running(
      'console.error(JSON.stringify({ argv: process.argv.slice(1), access_token: "abc" })); process.exit(1)',
      'hunter "22"',
      '--password=short-word',
      'https://vault.example.org:8200',
    )
    const error = await failure({ command })
    expectNoSecret(error, ['hunter', 'short-word', '"abc"'])
    expect(error.message).toContain('https://vault.example.org:8200')
  })

  it('the URL of a Vault server that it printed and the variables name', async () => {
    const line = 'getting a token from https://vault.example.org:8200 failed'
    const command = running(
      `console.log('https://vault.example.org:8200'); console.error(${JSON.stringify(line)}); process.exit(1)`,
    )
    const env = { VAULT_ADDR: 'https://vault.example.org:8200', HTGETTOKENOPTS: '-a vault.example.org' }
    expect((await failure({ command, env })).message).toContain(line)
  })

  it('that the program is missing, and which folder of PATH cannot be read', async () => {
    const denied = Object.assign(new Error('denied'), { code: 'EACCES' })
    const PATH = [room('no-folder'), '/closed'].join(path.delimiter)
    const stat = jest.spyOn(fs, 'statSync').mockImplementation((file) => {
      if (String(file).startsWith('/closed')) throw denied
      return undefined
    })
    const spawned = jest.spyOn(childProcess, 'spawn').mockImplementation(() => {
      throw denied
    })
    try {
      expect(await failure({ command: ['no-such-htgettoken'], env: { PATH } })).toEqual(
        failed(
          'no-such-htgettoken cannot be started: there is no such program in PATH, as far as its folders can be read; /closed cannot (EACCES). Install it, or give its path.',
        ),
      )
    } finally {
      stat.mockRestore()
      spawned.mockRestore()
    }
  })

  it('to use outFile for a command that opens /dev/stdout', async () => {
    const command = running('require("fs").writeFileSync("/dev/stdout", "abc")')
    expect((await failure({ command })).message).toContain('name it in outFile')
  })

  it('that another user could have written its file', async () => {
    const folder = room('shared')
    fs.mkdirSync(folder, { recursive: true })
    fs.chmodSync(folder, 0o1777)
    const outFile = path.join(folder, 'out')
    const command = running(`require('fs').writeFileSync(process.argv[1], ${JSON.stringify(token)})`, outFile)
    const other = (process.geteuid?.() ?? 0) + 1
    const user = jest.spyOn(processEnvironment, 'euid', 'get').mockReturnValue(other)
    try {
      if (other === 1) {
        fs.writeFileSync(outFile, '')
        fs.chownSync(outFile, 2, 2)
      }
      expect(await failure({ command, outFile })).toMatchObject({
        code: 'ERR_IGWN_COMMAND_FAILED',
        message: expect.stringContaining(
          `belongs to user ${other === 1 ? 2 : other - 1}, not to user ${other}`,
        ),
      })
    } finally {
      user.mockRestore()
    }
  })

  it('no arguments, also when it is inspected', async () => {
    const secret = 'argument-not-to-be-seen'
    for (const command of [
      ['no-such-program', secret],
      [NODE, '-e', `/*${secret}*/process.exit(1)`],
    ] as const)
      expectNoSecret(await failure({ command: [...command] as never }), [secret])
  })
})

describe('a command that takes too long', () => {
  it('is terminated with its child processes, also when they ignore SIGTERM', async () => {
    const sockets: Socket[] = []
    const server = net.createServer((socket) => sockets.push(socket.on('error', () => undefined)))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const port = (server.address() as AddressInfo).port
    const hold = `process.on('SIGTERM', () => {}); require('net').connect(${port}, '127.0.0.1').on('error', () => {})`
    const command = running(
      `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(hold)}], { stdio: 'ignore' }); ${hold}`,
    )
    const both = new Promise<void>((resolve) =>
      server.on('connection', () => sockets.length === 2 && resolve()),
    )
    const outcome = failure({ command, timeout: 2000 })
    await both
    const closed = Promise.all(sockets.map((socket) => once(socket.resume(), 'close')))
    expect(await outcome).toEqual(
      failed(
        `${NODE} was still running after 2 seconds and was terminated. It wrote nothing to standard error.`,
      ),
    )
    await closed
    server.close()
  })

  it('is not one that leaves a process running which keeps its output open', async () => {
    const command = running(
      `const child = require('child_process').spawn(process.execPath, ['-e', 'setTimeout(() => {}, 4000)'], { stdio: 'inherit', detached: true })
       child.unref(); console.log('abc')`,
    )
    const begin = performance.now()
    expect(await tokenCommand({ command, timeout: 10_000 }).getToken({})).toBe('abc')
    expect(performance.now() - begin).toBeLessThan(3500)
  })
})

it('is a source for externallyManagedJwt, which runs it again before exp', async () => {
  const counter = room('runs')
  const command = running(
    `const fs = require('fs'); fs.appendFileSync(process.argv[1], 'x'); console.log(process.argv[2])`,
    counter,
    mint({ exp: now() + 3600 }),
  )
  const source = externallyManagedJwt({ command })
  expect(source.authenticated).toBe(false)
  const first = await source.getValidToken()
  expect(await source.getValidToken()).toBe(first)
  expect(fs.readFileSync(counter, 'utf8')).toBe('x')
  fs.rmSync(counter)
})

describe('options', () => {
  it.each([
    [{}, "options.command is missing. Set it, for example to ['htgettoken', '-a', 'vault.ligo.org']."],
    [
      { command: 'htgettoken -a vault' },
      'options.command must be a list of strings, the program first, not one string, since no shell is used.',
    ],
    [{ command: [] }, 'options.command must be a list of strings, the program first, not an array.'],
    [{ command: ['', 'x'] }, 'options.command must be a list of strings, the program first, not an array.'],
    [{ command: ['x'], outFile: '' }, 'options.outFile must be a string, not an empty one.'],
    [
      { command: ['x'], timeout: 60 },
      'options.timeout is in milliseconds; 60 is too short. Did you mean 60000?',
    ],
    [{ command: ['x'], env: { A: 1 } }, 'options.env must be an object of strings.'],
    [{ command: ['x'], cwd: '/' }, 'options has no option "cwd"; there are command, outFile, timeout, env.'],
  ])('that are invalid throw at once: %j', (options, message) => {
    expect(thrownBy(() => tokenCommand(options as never))).toEqual(ours('ERR_IGWN_INVALID_OPTION', message))
  })
})

it('leaves no listener on the process, and has one while any number of commands run', async () => {
  const before = process.listenerCount('exit')
  const many = Array.from({ length: 3 }, async () => tokenCommand({ command: printing('abc') }).getToken({}))
  expect(process.listenerCount('exit')).toBe(before + 1)
  await Promise.all(many)
  expect(process.listenerCount('exit')).toBe(before)
  await tokenCommand({ command: printing('abc') }).getToken({})
  await failure({ command: ['no-such-program'] })
  expect(process.listenerCount('exit')).toBe(before)
  expect(path.isAbsolute(NODE)).toBe(true)
})
