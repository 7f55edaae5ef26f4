import fs from 'node:fs'
import path from 'node:path'
import { CLI, igwnAuth, shell, USER } from '../support/command'
import { mint, put, room } from '../support/tokens'

const { version } = JSON.parse(fs.readFileSync(path.join(__dirname, '../../package.json'), 'utf8')) as {
  version: string
}

it('prints the version of the package', async () => {
  const expected = { code: 0, stdout: `${version}\n`, stderr: '' }
  expect(await igwnAuth(['--version'])).toMatchObject(expected)
  expect(await igwnAuth(['-V'])).toMatchObject(expected)
})

it('says on Node.js 18 that it is too old', async () => {
  const file = path.join(String(process.env.HOME), 'node-18.cjs')
  const versions = "{ value: { ...process.versions, node: '18.20.4' } }"
  fs.writeFileSync(file, `Object.defineProperty(process, 'versions', ${versions})`)
  const env = { NODE_OPTIONS: `--require "${file}"` }
  expect(await igwnAuth(['--version'], { env, ownProcess: true })).toMatchObject({
    code: 2,
    stdout: '',
    stderr: 'igwn-auth: Node.js 18.20.4 is too old. Install Node.js 20.19 or later.\n',
  })
})

/** The files and built-ins that a process has loaded after each of these command lines, which it runs one after the other. */
async function loadedBy(lines: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const program = `
    const loaded = []
    void (async () => {
      for (const line of ${JSON.stringify(lines)}) {
        process.argv = [process.execPath, CLI, ...line.split(' ')]
        delete require.cache[CLI]
        await require(CLI).ended
        loaded.push([Object.keys(require.cache), process.moduleLoadList])
      }
      process.stderr.write('LOADED ' + JSON.stringify(loaded))
    })()`
  const file = put(room('load.cjs'), program.replaceAll('CLI', JSON.stringify(CLI)))
  const { stderr } = await shell(`${process.execPath} --require ${USER} ${file}`, { env })
  const loaded = JSON.parse(stderr.slice(stderr.lastIndexOf('LOADED ') + 7)) as [string[], string[]][]
  return loaded.map(([files, builtIns], index) => ({
    line: lines[index],
    packages: files.filter((name) => name.includes('node_modules')),
    builtIns: builtIns.map((name) => name.replace(/^NativeModule /, '')),
  }))
}

describe('loads what it uses', () => {
  it('most commands: no package, and nothing of HTTP, TLS and cryptography', async () => {
    const lines = [
      '--version',
      '--help',
      'request --help',
      'completion bash',
      'man',
      'x509',
      'token',
      'status',
      'explain a.example.org',
    ]
    const loaded = await loadedBy(lines)
    expect(loaded).toHaveLength(lines.length)
    for (const { line, packages, builtIns } of loaded) {
      const others = builtIns.filter((name) => /^(?:_?https?|_?tls|crypto)/.test(name))
      expect({ line, packages, others }).toEqual({ line, packages: [], others: [] })
      // Node.js 20 to 24 load 70 to 110 for an empty program.
      expect(builtIns.length).toBeLessThan(350)
    }
  })

  it('a token: the decoder of jsonwebtoken', async () => {
    const [loaded] = await loadedBy(['token'], { BEARER_TOKEN: mint() })
    const { packages } = loaded!
    expect(packages.length).toBeLessThanOrEqual(16)
    expect(packages.filter((name) => /node_modules\/(?:axios|netrc|proxy-from-env)\//.test(name))).toEqual([])
  })

  it('a request: axios once', async () => {
    const [loaded] = await loadedBy(['request http://127.0.0.1:1/'])
    const { packages } = loaded!
    expect(packages.filter((name) => name.includes('node_modules/axios/'))).toHaveLength(1)
    expect(
      packages.filter((name) => /node_modules\/(?:jsonwebtoken|openid-client|jose)\//.test(name)),
    ).toEqual([])
  })
})

describe('help', () => {
  it.each([[['--help']], [['-h']], [['help']]])('%j lists commands and exit codes', async (words) => {
    const { code, stdout, stderr } = await igwnAuth(words)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const text of [
      'explain',
      'get',
      'login',
      'logout',
      'status',
      'token',
      'x509',
      'Exit codes:',
      'NO_COLOR',
      'NODE_DEBUG=igwn-auth',
    ])
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
      'request',
      [
        '-o, --output',
        '-H, --header',
        '-X, --request',
        '-d, --data',
        '--timeout',
        '--retry',
        '-f, --fail',
        '-v',
      ],
    ],
    ['token', ['--decode', '--json', '--print', '--scope', '--min-time-left']],
    ['x509', ['--cert', '--key', '--passphrase-file', '--min-time-left', '--json']],
    [
      'login',
      [
        '--issuer',
        '--vault',
        '--preset',
        '--client-id',
        '--web',
        '--device',
        '--no-input',
        '--force',
        '--output',
      ],
    ],
    ['status', ['--json']],
  ]

  it.each(OPTIONS)('of %s lists options and exit codes in 80 columns', async (name, options) => {
    const [byHelp, byOption] = [await igwnAuth(['help', name]), await igwnAuth([name, '--help'])]
    expect(byHelp).toEqual(byOption)
    expect(byHelp).toMatchObject({ code: 0, stderr: '' })
    for (const text of [...options, 'Exit codes', `Usage: igwn-auth ${name}`])
      expect(byHelp.stdout).toContain(text)
    expect(byHelp.stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
  })
})

describe('an invalid command line is one line on stderr and exit code 2', () => {
  it.each<[string, string[], string]>([
    [
      'an unknown option',
      ['explain', '--scop', 'x', 'https://a.example.org'],
      "explain: unknown option '--scop' (Did you mean --scope?)",
    ],
    ['an unknown command', ['explode'], "unknown command 'explode' (Did you mean explain?)"],
    ['a misspelled command', ['logn'], "unknown command 'logn' (Did you mean login?)"],
    [
      'a URL without a command',
      ['https://albert:sosecret@a.example.org/'],
      'missing command before the URL: explain, request or token',
    ],
    [
      'a missing value',
      ['request', 'https://a.example.org', '-o'],
      "request: option '-o, --output <file>' argument missing",
    ],
    [
      'an empty value',
      ['token', '--scope', ''],
      "token: option '--scope <scope>' argument '' is invalid. It is empty.",
    ],
    ['a missing URL', ['request'], "request: missing required argument 'url'"],
    [
      'one URL too many',
      ['explain', 'a', 'b'],
      "explain: too many arguments for 'explain'. Expected 1 argument but got 2.",
    ],
    [
      'an invalid number',
      ['request', 'a', '--timeout', 'soon'],
      "request: option '--timeout <seconds>' argument 'soon' is invalid. Expected a number of seconds, 0 or more.",
    ],
    [
      'an invalid count',
      ['request', 'a', '--retry', '1.5'],
      "request: option '--retry <count>' argument '1.5' is invalid. Expected a whole number, 0 or more.",
    ],
    [
      'an invalid origin',
      ['request', 'a', '--trusted-origin', 'a.example.org'],
      "request: option '--trusted-origin <origin>' argument 'a.example.org' is invalid. Expected an origin, such as https://host or https://host:port.",
    ],
    [
      'contradicting options',
      ['token', '--print', '--decode'],
      "token: option '--print' cannot be used with option '--decode'",
    ],
    [
      'an upload for a HEAD',
      ['request', 'a', '-I', '-T', 'x'],
      "request: option '-I, --head' cannot be used with option '-T, --upload-file <file>'",
    ],
  ])('%s', async (_, words, message) => {
    const name = ['explain', 'request', 'token'].includes(words[0] ?? '') ? ` ${words[0]}` : ''
    const sentence = message.replace(/^(?:explain|request|token): /, '')
    expect(await igwnAuth(words)).toEqual({
      code: 2,
      signal: null,
      stdout: '',
      stderr: `igwn-auth${name}: ${sentence}\nSee igwn-auth${name} --help.\n`,
    })
  })

  it.each<[string, string[], string]>([
    [
      'a path instead of a URL',
      ['explain', './file'],
      'invalid URL; expected http or https, such as https://host.example.org/path',
    ],
    [
      'a URL of another scheme',
      ['get', 'ftp://a.example.org/'],
      'invalid URL; expected http or https, such as https://host.example.org/path',
    ],
    [
      '--cert with --no-x509',
      ['explain', 'a', '--cert', 'x', '--no-x509'],
      '--cert and --no-x509 contradict each other',
    ],
    [
      '--netrc-file with --no-netrc',
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
      "--header must be one line 'Name: value'; 'Name:' removes a header, 'Name;' sends it empty",
    ],
    [
      'a header in two lines',
      ['get', 'a', '-H', 'X-A: b\r\nX-C: d'],
      "--header must be one line 'Name: value'; 'Name:' removes a header, 'Name;' sends it empty",
    ],
    ['an invalid method', ['get', 'a', '-X', 'GET /'], '--request must be a method, such as PUT'],
    [
      '--remote-name without a file name in the URL',
      ['get', 'https://a.example.org/frames/', '-O'],
      '--remote-name needs a URL that ends with a file name; use --output FILE',
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

it.each<[string[], number, string]>([
  [['explain', 'ftp://a', '--json'], 2, 'invalid URL; expected http or https'],
  [['explain', '--json'], 2, "missing required argument 'url'"],
  [['explain', 'a', '--json', '--nothing'], 2, "unknown option '--nothing'"],
  [['token', '--json', '--scope', ''], 2, 'It is empty.'],
  [['token', '--json'], 1, 'no suitable token found'],
  [['x509', '--json'], 1, 'no suitable certificate found'],
  [['x509', '--json', '--key', 'x'], 2, '--key needs --cert'],
  [['x509', '--json', '--passphrase-file', 'none'], 26, 'none cannot be read (ENOENT)'],
])('%j fails with one JSON object on stdout', async (words, exitCode, message) => {
  const { code, stdout, stderr } = await igwnAuth(words)
  expect(code).toBe(exitCode)
  expect(stderr).toContain(message)
  const { error } = JSON.parse(stdout) as { error: object }
  expect(error).toMatchObject({
    exitCode,
    message: expect.stringContaining(message),
    fixes: expect.any(Array),
  })
})

it('help fits 60 columns', async () => {
  for (const words of [[], ['explain'], ['request'], ['token'], ['x509'], ['completion']]) {
    const { stdout } = await igwnAuth(['help', ...words], { env: { COLUMNS: '60' } })
    // Examples and URLs are there to be copied.
    const long = stdout
      .split('\n')
      .filter((line) => line.length > 60 && !/^ {2}(?:igwn-auth|curl) |https:/.test(line))
    expect(long).toEqual([])
  }
})

it('nothing is wrapped in a pipe', async () => {
  const scope = Array.from({ length: 40 }, (_, index) => `read:/a/long/path/${index}`).join(' ')
  for (const words of [
    ['token', '--decode'],
    ['explain', 'a.example.org'],
  ]) {
    const { stdout } = await igwnAuth(words, {
      env: { BEARER_TOKEN: mint({ aud: 'ANY', scope }) },
    })
    expect(stdout).toContain('read:/a/long/path/0 read:/a/long/path/1 ')
  }
})

it('ends without a message when its reader stops early', async () => {
  const line =
    'set -o pipefail 2>/dev/null; $IGWN_AUTH help get | true; $IGWN_AUTH explain a.example.org | true'
  expect(await shell(line)).toMatchObject({ stderr: '' })
})

it('reports an output that cannot be written', async () => {
  expect(await shell('$IGWN_AUTH explain a.example.org > /dev/full')).toMatchObject({
    code: 23,
    stderr: 'igwn-auth: stdout cannot be written (ENOSPC)\n',
  })
})
