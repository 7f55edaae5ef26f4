/** Programs that cannot be started, and where one is found. What a program prints is tested with `tokenCommand`. */
import fs from 'node:fs'
import path from 'node:path'
import type { IgwnAuthError } from '../../lib/errors'
import { findProgram, runCommand } from '../../lib/files/run-command'
import { asOtherUser } from '../support/as-other-user'
import { room } from '../support/tokens'

const folder = (name: string) => {
  const made = room(name)
  fs.mkdirSync(made, { recursive: true })
  return made
}
const script = (file: string, mode = 0o755) => {
  fs.writeFileSync(file, '#!/bin/sh\nexit 0\n')
  fs.chmodSync(file, mode)
  return file
}
const failureOf = (program: string, PATH?: string) =>
  failureOfCommand([program], PATH === undefined ? {} : { env: { PATH } })
const failureOfCommand = (
  command: Parameters<typeof runCommand>[0],
  options: Partial<Parameters<typeof runCommand>[1]>,
) =>
  runCommand(command, { timeout: 60_000, env: {}, ...options }).then(
    () => undefined,
    (error: unknown) => {
      const { code, message } = error as IgwnAuthError
      return { code, message }
    },
  )
const failed = (message: string) => ({ code: 'ERR_IGWN_COMMAND_FAILED', message })

describe('a program that cannot be started', () => {
  it('because there is none is named without its arguments', async () => {
    expect(await failureOf('no-such-program')).toEqual(
      failed(
        'no-such-program cannot be started: there is no such program (ENOENT). Install it, or give its path.',
      ),
    )
  })

  it('because it is not executable is an error with the command that fixes it', async () => {
    const file = script(path.join(folder('a'), 'plain'), 0o600)
    const message = 'cannot be started: it is not executable (EACCES). Run `chmod +x` on it.'
    expect(await failureOf(file)).toEqual(failed(`${file} ${message}`))
    expect(await failureOf('plain', folder('a'))).toEqual(failed(`plain ${message}`))
    expect(await failureOfCommand([file], { env: { PATH: undefined } })).toEqual(failed(`${file} ${message}`))
  })

  it('because of an argument with a null byte is an error with the code of the system', async () => {
    const run = runCommand(['true', 'a\0b'], { timeout: 0, env: {} })
    await expect(run).rejects.toMatchObject(failed('true cannot be started (ERR_INVALID_ARG_VALUE).'))
  })
})

describe('a program that fails', () => {
  it('is reported with its standard error, without what it printed with a name or alone', async () => {
    const script =
      'printf "all is well\\nid: abc123\\ndef456"; echo "no abc123, {def456} or {well}" >&2; exit 3'
    expect(
      await failureOfCommand(['sh', '-c', script], { shown: [script], env: { UNSET: undefined } }),
    ).toEqual(failed('sh failed with exit code 3. Its standard error: no [hidden], {[hidden]} or {well}'))
  })

  it('is not terminated with a time-out of 0', async () => {
    expect(await runCommand(['sh', '-c', 'echo "[$UNSET]"'], { timeout: 0, env: { UNSET: undefined } })).toBe(
      '[]\n',
    )
  })

  it('is terminated after the time-out also when it uses the terminal', async () => {
    expect(await failureOfCommand(['sleep', '300'], { timeout: 50, atTerminal: true })).toEqual(
      failed(
        'sleep was still running after 0.05 seconds and was terminated. It wrote nothing to standard error.',
      ),
    )
  })
})

describe('a program is found', () => {
  it('in the first folder of PATH that has it as a file that this user may run', () => {
    const [first, second] = [folder('one'), folder('two')]
    fs.mkdirSync(path.join(first, 'tool'), { recursive: true })
    const file = script(path.join(second, 'tool'))
    expect(findProgram('tool', [first, second].join(path.delimiter))).toBe(file)
    asOtherUser(() => {
      expect(findProgram('no-such-tool', second)).toBeUndefined()
    })
  })

  it('nowhere without PATH, except in the current folder', () => {
    expect(findProgram('tool')).toBeUndefined()
    const before = process.cwd()
    process.chdir(folder('two'))
    try {
      expect(findProgram('tool', '')).toBe('tool')
    } finally {
      process.chdir(before)
    }
  })
})
