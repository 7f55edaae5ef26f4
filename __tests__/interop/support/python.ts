import { spawnSync } from 'node:child_process'

/** The Python of Debian, which has its packages; PATH may have another one first. */
const PYTHON = '/usr/bin/python3'

/**
 * Runs a Python program with a value in its variable `given`, and returns its variable `answer`. Both are passed as JSON.
 *
 * @throws if the program fails, with its output
 */
export function python(program: string, given: unknown, env: Readonly<Record<string, string>> = {}): unknown {
  const whole = `import json, sys\ngiven = json.load(sys.stdin)\nanswer = None\n${program}\njson.dump(answer, sys.stdout)\n`
  const { status, stdout, stderr, error } = spawnSync(PYTHON, ['-c', whole], {
    input: JSON.stringify(given),
    encoding: 'utf8',
    env: { PATH: process.env.PATH ?? '', PYTHONUTF8: '1', PYTHONDONTWRITEBYTECODE: '1', ...env },
    maxBuffer: 64 * 1024 * 1024,
  })
  if (error) throw error
  if (status !== 0) throw new Error(`The Python program failed:\n${stderr}`)
  return JSON.parse(stdout) as unknown
}
