import fs from 'node:fs'
import path from 'node:path'
import { igwnAuth, shell } from '../support/command'

const { version } = JSON.parse(fs.readFileSync(path.join(__dirname, '../../package.json'), 'utf8')) as {
  version: string
}

it('prints the version of the package', async () => {
  const expected = { code: 0, stdout: `${version}\n`, stderr: '' }
  expect(await igwnAuth(['--version'])).toMatchObject(expected)
  expect(await igwnAuth(['-V'])).toMatchObject(expected)
})

it('loads nothing of axios for the version and for help', async () => {
  const watch = `
    require('node:module').registerHooks?.({
      load(url, context, next) { if (url.includes('axios/')) console.error('loaded', url); return next(url, context) },
    })
    process.on('exit', () => {
      for (const file of Object.keys(require.cache)) if (file.includes('/axios/')) console.error('loaded', file)
    })`
  const file = path.join(String(process.env.HOME), 'watch.cjs')
  fs.writeFileSync(file, watch)
  const env = { NODE_OPTIONS: `--require "${file}"` }
  for (const words of [['--version'], ['--help'], ['help', 'get'], ['explain', '-h']])
    expect(await igwnAuth(words, { env })).toMatchObject({ code: 0, stderr: '' })
})

describe('help', () => {
  it.each([[['--help']], [['-h']], [['help']]])('%j names the commands and the exit codes', async (words) => {
    const { code, stdout, stderr } = await igwnAuth(words)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const text of ['explain', 'get', 'token', 'x509', 'Exit codes:', 'NO_COLOR', 'NODE_DEBUG=igwn-auth'])
      expect(stdout).toContain(text)
  })

  const OPTIONS: [string, string[]][] = [
    [
      'explain',
      [
        '--json',
        '--scope',
        '--audience',
        '--issuer',
        '--verify',
        '--cert',
        '--no-x509',
        '--no-netrc',
        '--no-token',
      ],
    ],
    [
      'get',
      [
        '-o, --output',
        '-H, --header',
        '-X, --method',
        '-d, --data',
        '--timeout',
        '--retry',
        '-f, --fail',
        '-v',
      ],
    ],
    ['token', ['--decode', '--json', '--print', '--scope', '--min-time-left']],
    ['x509', ['--cert', '--key', '--passphrase-file', '--min-time-left', '--json']],
  ]

  it.each(OPTIONS)('of %s names its options and its exit codes, within 80 columns', async (name, options) => {
    const [byHelp, byOption] = [await igwnAuth(['help', name]), await igwnAuth([name, '--help'])]
    expect(byHelp).toEqual(byOption)
    expect(byHelp).toMatchObject({ code: 0, stderr: '' })
    for (const text of [...options, 'Exit codes', `Usage: igwn-auth ${name}`])
      expect(byHelp.stdout).toContain(text)
    expect(byHelp.stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
  })
})

describe('a command line that cannot be understood is said in one line, with where to read more, and exit code 2', () => {
  it.each<[string, string[], string]>([
    [
      'an unknown option',
      ['explain', '--scop', 'x', 'https://a.example.org'],
      "explain: unknown option '--scop' (Did you mean --scope?)",
    ],
    ['an unknown command', ['explode'], "unknown command 'explode' (Did you mean explain?)"],
    [
      'a URL without a command',
      ['https://albert:sosecret@a.example.org/'],
      'the command is missing before the URL: explain, get or token',
    ],
    [
      'a missing value',
      ['get', 'https://a.example.org', '-o'],
      "get: option '-o, --output <file>' argument missing",
    ],
    [
      'an empty value',
      ['token', '--scope', ''],
      "token: option '--scope <scope>' argument '' is invalid. It is empty.",
    ],
    ['a missing URL', ['get'], "get: missing required argument 'url'"],
    [
      'one URL too many',
      ['explain', 'a', 'b'],
      "explain: too many arguments for 'explain'. Expected 1 argument but got 2.",
    ],
    [
      'no number',
      ['get', 'a', '--timeout', 'soon'],
      "get: option '--timeout <seconds>' argument 'soon' is invalid. It must be a number of seconds, 0 or more.",
    ],
    [
      'no count',
      ['get', 'a', '--retry', '1.5'],
      "get: option '--retry <count>' argument '1.5' is invalid. It must be a whole number, 0 or more.",
    ],
    [
      'an origin that is none',
      ['get', 'a', '--trusted-origin', 'a.example.org'],
      "get: option '--trusted-origin <origin>' argument 'a.example.org' is invalid. It must be an origin, as https://host or https://host:port.",
    ],
    [
      'two that contradict',
      ['token', '--print', '--json'],
      "token: option '--print' cannot be used with option '--json'",
    ],
    [
      'a body for a HEAD',
      ['get', 'a', '-I', '-d', 'x'],
      "get: option '-I, --head' cannot be used with option '-d, --data <data>'",
    ],
  ])('%s', async (_, words, message) => {
    const name = ['explain', 'get', 'token'].includes(words[0] ?? '') ? ` ${words[0]}` : ''
    const sentence = message.replace(/^(?:explain|get|token): /, '')
    expect(await igwnAuth(words)).toEqual({
      code: 2,
      signal: null,
      stdout: '',
      stderr: `igwn-auth${name}: ${sentence}\nSee igwn-auth${name} --help.\n`,
    })
  })

  it.each<[string, string[], string]>([
    [
      'a path in the place of a URL',
      ['explain', './file'],
      'the URL cannot be used; give one of http or https, as https://host.example.org/path',
    ],
    [
      'a URL of another scheme',
      ['get', 'ftp://a.example.org/'],
      'the URL cannot be used; give one of http or https, as https://host.example.org/path',
    ],
    [
      'a certificate that is named and switched off',
      ['explain', 'a', '--cert', 'x', '--no-x509'],
      '--cert and --no-x509 contradict each other',
    ],
    [
      'a netrc file that is named and switched off',
      ['explain', 'a', '--netrc-file', 'x', '--no-netrc'],
      '--netrc-file and --no-netrc contradict each other',
    ],
    [
      'a key without its certificate',
      ['x509', '--key', 'x'],
      '--key needs --cert, the certificate it belongs to',
    ],
    [
      'a header without a colon',
      ['get', 'a', '-H', 'Authorization Bearer x'],
      "a --header must be 'Name: value' in one line; 'Name:' leaves one out, 'Name;' has it empty",
    ],
    [
      'a header in two lines',
      ['get', 'a', '-H', 'X-A: b\r\nX-C: d'],
      "a --header must be 'Name: value' in one line; 'Name:' leaves one out, 'Name;' has it empty",
    ],
    ['a method that is none', ['get', 'a', '-X', 'GET /'], '--method must be the name of a method, as PUT'],
    [
      'a remote name that there is not',
      ['get', 'https://a.example.org/frames/', '-O'],
      'the URL ends with no name for --remote-name; give --output FILE',
    ],
  ])('%s', async (_, words, message) => {
    const stderr = `igwn-auth: ${message}\n  See igwn-auth ${words[0]} --help.\n`
    expect(await igwnAuth(words)).toMatchObject({ code: 2, stdout: '', stderr })
  })

  it('without a command prints the help', async () => {
    const { code, stdout, stderr } = await igwnAuth([])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^Usage: igwn-auth/)
  })
})

it('ends quietly when whoever reads its output has read enough', async () => {
  const line =
    'set -o pipefail 2>/dev/null; $IGWN_AUTH help get | true; $IGWN_AUTH explain a.example.org | true'
  expect(await shell(line)).toMatchObject({ stderr: '' })
})

it('says so when its output cannot be written', async () => {
  expect(await shell('$IGWN_AUTH explain a.example.org > /dev/full')).toMatchObject({
    code: 23,
    stderr: 'igwn-auth: the output cannot be written (ENOSPC)\n',
  })
})
