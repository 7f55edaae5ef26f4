import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import childProcess, { execFileSync } from 'node:child_process'
import { processEnvironment } from '../../lib/environment'
import { externallyManagedJwt, tokenCommand, type TokenCommandOptions } from '../support/all'
import { expectNoSecret } from '../support/expect-no-secret'
import { thrownBy } from '../support/thrown-by'
import { mint, now, ours, put, room, signatureOf } from '../support/tokens'

const SH = '/bin/sh'
const HINT = 'Run it in a terminal to see what it does.'

/** A command that runs a script, which is an argument too. A shell starts in a fraction of the time of Node.js. */
const running = (script: string, ...args: string[]): TokenCommandOptions['command'] => [
  SH,
  '-c',
  script,
  'sh',
  ...args,
]

let files = 0
/** A command that runs a script in a file. */
const runningFile = (script: string, ...args: string[]): TokenCommandOptions['command'] => [
  SH,
  put(room(`scripts/${(files += 1)}.sh`), script),
  ...args,
]

/** A text as a word of a script. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`

const printing = (text: string) => running('printf %s "$1"', text)
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
    const command = running('echo "$2" > "$1"; echo stored', outFile, token)
    expect(await tokenCommand({ command, outFile }).getToken({})).toBe(token)
  })

  it('comes from a new run each time', async () => {
    const source = tokenCommand({ command: running('echo token-$$') })
    expect(await source.getToken({})).not.toBe(await source.getToken({}))
  })
})

it('runs without a shell: arguments are what they are', async () => {
  const odd = ['$HOME', '`id`', 'a b', '; exit 1', '*', "'", '"', '--', '']
  const command = running(`printf '%s\\0' "$@" | od -An -v -tx1 | tr -d ' \\n'`, ...odd)
  const printed = String(await tokenCommand({ command }).getToken({}))
  expect(Buffer.from(printed, 'hex').toString()).toBe(odd.map((one) => `${one}\0`).join(''))
})

it('has the environment of this process, with the given variables and without undefined ones', async () => {
  process.env.IGWN_TEST_ONE = 'one'
  process.env.IGWN_TEST_TWO = 'two'
  const command = running('echo "$IGWN_TEST_ONE.${IGWN_TEST_TWO-}.$IGWN_TEST_THREE.${HOME:+true}"')
  const env = { IGWN_TEST_TWO: undefined, IGWN_TEST_THREE: 'three' }
  expect(await tokenCommand({ command, env }).getToken({})).toBe('one..three.true')
  delete process.env.IGWN_TEST_ONE
  delete process.env.IGWN_TEST_TWO
})

it('has an empty standard input, so that a command that reads it does not wait', async () => {
  const command = running('cat > /dev/null; echo no-input')
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
    expect(await failure({ command: [SH, 'secret\0argument'] })).toEqual(
      failed(`${SH} cannot be started (ERR_INVALID_ARG_VALUE).`),
    )
  })

  it('that it failed, with its standard error', async () => {
    const command = running('echo "htgettoken: vault is sealed" >&2; echo "  try later" >&2; exit 3')
    expect(await failure({ command })).toEqual(
      failed(`${SH} failed with exit code 3. Its standard error: htgettoken: vault is sealed try later`),
    )
  })

  it('that it failed and wrote nothing', async () => {
    expect(await failure({ command: running('exit 1') })).toEqual(
      failed(`${SH} failed with exit code 1. It wrote nothing to standard error.`),
    )
  })

  it('that a signal terminated it', async () => {
    expect(await failure({ command: running('kill -KILL $$') })).toEqual(
      failed(`${SH} was terminated by SIGKILL. It wrote nothing to standard error.`),
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
    expect(await failure({ command: printing(text) })).toEqual(failed(`${SH} printed ${what}. ${HINT}`))
  })

  it('that its file does not exist, is a folder or has no token', async () => {
    const command = running('')
    const outFile = room('missing')
    expect(await failure({ command, outFile })).toEqual(
      failed(`${SH} succeeded, but its file ${outFile} does not exist. ${HINT}`),
    )
    expect(await failure({ command, outFile: room('.') })).toEqual(
      failed(`${SH} succeeded, but its file ${room('.')} is a folder, not a file. ${HINT}`),
    )
    put(outFile, 'a b')
    expect(await failure({ command, outFile })).toEqual(
      failed(`${SH} wrote to ${outFile} a text that is not a token (RFC 6750 section 2.1). ${HINT}`),
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
    const command = runningFile(`echo printed-secret-0123456789; printf '%s\\n' ${quoted(said)} >&2; exit 1`)
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
    const script = `printf '%s\\n' ${quoted(printed)}; echo 'unknown user a-password-of-mine' >&2; exit 1`
    expect(await failure({ command: runningFile(script, ...args), env })).toEqual(
      failed(`${SH} failed with exit code 1. Its standard error: unknown user [hidden]`),
    )
  })

  it('no argument and no token that the command repeats, in JSON either', async () => {
    const args = ['hunter "22"', '--password=short-word', 'https://vault.example.org:8200']
    const repeated = JSON.stringify({ argv: args, access_token: 'abc' })
    const command = runningFile(`printf %s ${quoted(repeated)} >&2; exit 1`, ...args)
    const error = await failure({ command })
    expectNoSecret(error, ['hunter', 'short-word', '"abc"'])
    expect(error.message).toContain('https://vault.example.org:8200')
  })

  it('the URL of a Vault server that it printed and the variables name', async () => {
    const line = 'getting a token from https://vault.example.org:8200 failed'
    const command = running(`echo https://vault.example.org:8200; printf '%s\\n' ${quoted(line)} >&2; exit 1`)
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
    const command = running('echo abc > /dev/stdout')
    expect((await failure({ command })).message).toContain('name it in outFile')
  })

  it('that another user could have written its file', async () => {
    const folder = room('shared')
    fs.mkdirSync(folder, { recursive: true })
    fs.chmodSync(folder, 0o1777)
    const outFile = path.join(folder, 'out')
    const command = running('echo "$2" > "$1"', outFile, token)
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
      [SH, '-c', `exit 1 # ${secret}`],
    ] as const)
      expectNoSecret(await failure({ command: [...command] as never }), [secret])
  })
})

describe('a command that takes too long', () => {
  // The time of the tests stands still: a host under load may take any time to start a program.
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['Date', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate'] })
  })
  afterEach(() => {
    jest.useRealTimers()
  })

  it('is terminated with its child processes, also when they ignore SIGTERM', async () => {
    const pipe = room('open-while-one-runs')
    execFileSync('mkfifo', [pipe])
    // Both have it open, and are killed with whatever they run.
    const hold = `trap '' TERM; echo running >&3; while :; do sleep 30; done`
    const command = running(`exec 3> "$1"; (${hold}) & ${hold}`, pipe)
    const outcome = failure({ command, timeout: 2000 })
    const said = fs.createReadStream(pipe, 'utf8')
    let text = ''
    for await (const chunk of said) {
      text += String(chunk)
      // SIGTERM, then SIGKILL, without which the pipe would not end.
      if (text === 'running\nrunning\n') jest.advanceTimersByTime(3000)
    }
    expect(await outcome).toEqual(
      failed(
        `${SH} was still running after 2 seconds and was terminated. It wrote nothing to standard error.`,
      ),
    )
    fs.rmSync(pipe)
  })

  it('is not one that leaves a process running which keeps its output open', async () => {
    const file = room('left-running')
    const command = running('sleep 60 & echo $! > "$1"; echo abc', file)
    const token = tokenCommand({ command, timeout: 10_000 }).getToken({})
    // When the program has ended, its output gets one second.
    while (jest.getTimerCount() < 2) await wait(5)
    jest.advanceTimersByTime(1000)
    expect(await token).toBe('abc')
    process.kill(Number(fs.readFileSync(file, 'utf8')), 'SIGKILL')
    fs.rmSync(file)
  })
})

it('is a source for externallyManagedJwt, which runs it again before exp', async () => {
  const counter = room('runs')
  const command = running('printf x >> "$1"; echo "$2"', counter, mint({ exp: now() + 3600 }))
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
    [{ command: ['x'], outFile: 7 }, 'options.outFile must be a string, not a number.'],
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
})
