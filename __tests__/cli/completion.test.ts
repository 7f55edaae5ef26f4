import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { igwnAuth } from '../support/command'
import { emptyPlaces, put, room } from '../support/tokens'

beforeEach(emptyPlaces)

/** What bash completes at the end of these words. */
async function completed(...words: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await igwnAuth(['completion', 'bash'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const script = put(room('completion.bash'), stdout)
  const program = `set -u
compopt() { :; }
source "$0"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_igwn_auth
complete -p igwn-auth > /dev/null
printf '%s\\n' "\${COMPREPLY[@]-}"`
  const options = { encoding: 'utf8', cwd: room('.') } as const
  return execFileSync('bash', ['-c', program, script, ...words], options)
    .split('\n')
    .filter(Boolean)
}

describe('bash completes', () => {
  it('commands', async () => {
    expect(await completed('igwn-auth', '')).toEqual(
      expect.arrayContaining([
        'explain',
        'request',
        'get',
        'login',
        'logout',
        'status',
        'token',
        'x509',
        'completion',
        'man',
        'help',
      ]),
    )
    expect(await completed('igwn-auth', 'ex')).toEqual(['explain'])
    expect(await completed('igwn-auth', 'help', 'x')).toEqual(['x509'])
  })

  it('options of the command, long and short, and of its alias', async () => {
    expect(await completed('igwn-auth', 'request', '--data')).toEqual([
      '--data',
      '--data-raw',
      '--data-urlencode',
    ])
    expect(await completed('igwn-auth', 'get', '--up')).toEqual(['--upload-file'])
    expect(await completed('igwn-auth', 'request', '-')).toEqual(expect.arrayContaining(['-o', '-T', '-w']))
    expect(await completed('igwn-auth', 'token', '--up')).toEqual([])
  })

  it('files after options that take one, and nothing after others with a value', async () => {
    fs.mkdirSync(room('sub'))
    put(room('sub/result one.h5'), '')
    expect(await completed('igwn-auth', 'request', '-T', 'sub/')).toEqual(['sub/result one.h5'])
    expect(await completed('igwn-auth', 'request', '--scope', '-')).toEqual([])
  })

  it('shells', async () => {
    expect(await completed('igwn-auth', 'completion', '')).toEqual(['bash', 'zsh', 'fish'])
  })
})

it('another shell is a usage error', async () => {
  expect(await igwnAuth(['completion', 'tcsh'])).toMatchObject({
    code: 2,
    stderr: 'igwn-auth: completion supports bash, zsh and fish\n  See igwn-auth completion --help.\n',
  })
})

it('the man page has every command, option and exit code', async () => {
  const { code, stdout } = await igwnAuth(['man'])
  expect(code).toBe(0)
  for (const text of ['.TH IGWN\\-AUTH 1', '.SH "REQUEST"', '\\-\\-upload\\-file', '.B 60', 'Alias: get'])
    expect(stdout).toContain(text)
})
