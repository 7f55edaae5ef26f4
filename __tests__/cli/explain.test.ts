import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { igwnAuth, itOnTerminal, onTerminal, runtimeFile, slashTmp } from '../support/command'
import { createAuthority, type Authority, type Issued } from '../support/pki'
import { startSite, type Site } from '../support/site'
import { emptyPlaces, mint, put, room } from '../support/tokens'

const URL_OF_X = 'https://x.example.org/frames/O4?secret=parameter'

let authority: Authority
let alice: Issued
let site: Site
beforeAll(async () => {
  authority = await createAuthority()
  alice = await authority.issueUser('Alice Adams')
  site = await startSite()
})

beforeEach(emptyPlaces)

/** Columns of a terminal that a text takes; characters of East Asia take two. */
function widthOf(text: string): number {
  return Array.from(text).reduce((width, one) => width + (one >= '\u2e80' ? 2 : 1), 0)
}

/** The line about a location. */
function rowOf(stdout: string, place: string): string {
  return stdout.split('\n').find((line) => line.includes(place)) ?? ''
}

describe('the exit code', () => {
  it('is 0 when a credential would be sent', async () => {
    put(runtimeFile(), mint())
    const { code, stdout, stderr } = await igwnAuth(['explain', URL_OF_X], { env: { COLUMNS: '220' } })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(`Would be sent: the token from ${runtimeFile()}, expires in 59 minutes`)
  })

  it('is 1 when none would, and the command that gets one is printed', async () => {
    const { code, stdout, stderr } = await igwnAuth(['explain', URL_OF_X, '--scope', 'read:/frames'])
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(stdout).toContain('No credential would be sent.')
    expect(stdout).toContain(
      'To fix:\n  igwn-auth login --vault VAULT --issuer ISSUER --scope=read:/frames --audience=https://x.example.org\n',
    )
  })

  it('is 1 when the request would fail before it is sent, and the reason is printed', async () => {
    const { code, stdout } = await igwnAuth(['explain', URL_OF_X, '--fail-if-no-auth'])
    expect(code).toBe(1)
    expect(stdout).toContain(
      'The request would fail before it is sent: No credential for https://x.example.org',
    )
  })
})

describe('the table', () => {
  beforeEach(() => {
    put(runtimeFile(), mint({ scope: 'read:/other', sub: 'albert.einstein' }))
    put(path.join(slashTmp(), 'bt_u1000'), mint({ aud: 'ANY' }), 0o644)
    put(path.join(slashTmp(), 'x509up_u1000'), alice.bundle)
    put(room('.netrc'), 'machine x.example.org login albert password hidden')
  })

  it('has location, content, verdict and reason in columns', async () => {
    const { stdout } = await igwnAuth(['explain', URL_OF_X, '--scope', 'read:/frames'], {
      env: { COLUMNS: '220' },
    })
    const lines = stdout.split('\n')
    expect(lines[0]).toBe('https://x.example.org/frames/O4')
    expect(lines[1]).toBe('Required of a token: audience https://x.example.org, scope read:/frames')
    expect(rowOf(stdout, 'Location')).toMatch(/^ {2}Location +Content +Verdict +Reason$/)
    expect(rowOf(stdout, ' SCITOKEN ')).toMatch(/^ {2}SCITOKEN +- +absent +is not set$/)
    expect(rowOf(stdout, runtimeFile())).toMatch(
      /^ {2}\S+ +SciToken of albert.einstein +skipped +.*read:\/other.*read:\/frames/,
    )
    expect(rowOf(stdout, '/tmp/bt_u1000')).toMatch(
      /^ {2}\/tmp\/bt_u1000 +SciToken of albert.einstein +selected +warning: .*mode 0644/,
    )
    for (const text of [
      'issuer https://issuer.example.org',
      'audience ANY',
      'scope read:/frames',
      'mode 0644',
    ])
      expect(stdout).toContain(text)
    expect(rowOf(stdout, '/tmp/x509up_u1000')).toMatch(/ +\/.*CN=Alice Adams +selected$/)
    expect(rowOf(stdout, '.netrc')).toMatch(/username albert +usable +.*x.example.org/)
    for (const heading of ['Tokens', 'Basic credentials', 'Certificates']) expect(lines).toContain(heading)
    expect(stdout).toContain(
      'Would be sent: the token from /tmp/bt_u1000, expires in 59 minutes\nWould be sent: the certificate from /tmp/x509up_u1000, ',
    )
    // Fixes of warnings come last.
    const [, fixes = ''] = stdout.split('To fix what was skipped:\n')
    expect(fixes).toMatch(/^ {2}igwn-auth login .*\n {2}chmod 600 \/tmp\/bt_u1000\n$/)
  })

  it.each([40, 60, 80, 100, 130])('fits %i columns, except commands to copy', async (columns) => {
    const { stdout } = await igwnAuth(['explain', URL_OF_X, '--scope', 'read:/frames'], {
      env: { COLUMNS: String(columns) },
    })
    const [table = '', fixes] = stdout.split('To fix')
    expect(fixes).toContain(
      'igwn-auth login --vault VAULT --issuer ISSUER --scope=read:/frames --audience=https://x.example.org',
    )
    expect(table.split('\n').filter((line) => widthOf(line) > columns)).toEqual([])
    for (const location of ['SCITOKEN', '/tmp/bt_u1000', 'X509_USER_PROXY']) expect(table).toContain(location)
    // Twice; narrow columns wrap the path.
    if (columns > 60) expect(table.match(/bt_u1000/g)?.length).toBeGreaterThan(1)
  })

  it('aligns its columns with wide characters', async () => {
    put(runtimeFile(), mint({ sub: '牛頓・艾薩克', aud: 'https://重力波.example.org' }))
    const { stdout } = await igwnAuth(['explain', URL_OF_X], { env: { COLUMNS: '220' } })
    const wide = rowOf(stdout, '牛頓')
    const begin = stdout
      .split('\n')
      .find((line) => line.includes('Verdict'))
      ?.indexOf('Verdict')
    expect(widthOf(wide.slice(0, wide.indexOf('skipped')))).toBe(begin)
  })

  it('replaces control characters and bidirectional marks in claims', async () => {
    put(runtimeFile(), mint({ sub: 'me\u001b[2Jyou\u202e', scope: 'read:/\u0007' }))
    const { stdout } = await igwnAuth(['explain', URL_OF_X])
    // eslint-disable-next-line no-control-regex
    expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\u202e]/)
    expect(stdout).toContain('SciToken of me?[2Jyou?')
  })
})

describe('colors', () => {
  const escape = '\u001b['

  it.each<[string, NodeJS.ProcessEnv, boolean]>([
    ['are off in a pipe', {}, false],
    ['are on with FORCE_COLOR', { FORCE_COLOR: '1' }, true],
    ['are off with FORCE_COLOR=0', { FORCE_COLOR: '0' }, false],
    ['are on with FORCE_COLOR and NO_COLOR', { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
    ['are off with NO_COLOR', { NO_COLOR: '1' }, false],
  ])('%s', async (_, env, expected) => {
    const { stdout, stderr } = await igwnAuth(['explain', URL_OF_X], { env })
    expect(stdout.includes(escape)).toBe(expected)
    // Newer versions of Node.js warn when both are set.
    expect(stderr).not.toContain('igwn-auth')
  })
})

describe('--watch', () => {
  const tokenSent = 'Would be sent: the token from'

  /** By rename: the command may look at any moment, also at a file that is still empty. */
  function appear(file: string, text: string): void {
    fs.renameSync(put(`${file}.new`, text), file)
  }

  it('prints the explanation again when something changes, until a signal', async () => {
    const { code, signal, stdout, stderr } = await igwnAuth(['explain', URL_OF_X, '--watch'], {
      meanwhile: async ({ child, said }) => {
        while (!said.stdout.includes('No credential would be sent.')) await wait(5)
        appear(runtimeFile(), mint())
        while (!said.stdout.includes(tokenSent)) await wait(5)
        child.kill('SIGINT')
      },
    })
    expect({ code, signal, stderr }).toEqual({
      code: null,
      signal: 'SIGINT',
      stderr: 'igwn-auth: interrupted\n',
    })
    // Once each, although it looks every second.
    expect(stdout.split('Required of a token:')).toHaveLength(3)
    expect(stdout).not.toContain('\u001b')
  })

  it('with --json prints one object for each', async () => {
    const { stdout } = await igwnAuth(['explain', URL_OF_X, '--watch', '--json'], {
      meanwhile: async ({ child, said }) => {
        while (!said.stdout.includes('"attached": []')) await wait(5)
        appear(runtimeFile(), mint())
        while (!said.stdout.includes('"attached": [\n')) await wait(5)
        child.kill('SIGTERM')
      },
    })
    const objects = stdout.split(/(?<=^\})\n/m).filter(Boolean)
    expect(
      objects.slice(0, 2).map((text) => (JSON.parse(text) as { attached: object[] }).attached.length),
    ).toEqual([0, 1])
  })

  itOnTerminal('replaces the explanation on a terminal', async () => {
    const { code, stdout } = await onTerminal(['explain', URL_OF_X, '--watch'], {
      meanwhile: async ({ child, said }) => {
        while (!said.stdout.includes('No credential would be sent.')) await wait(5)
        appear(runtimeFile(), mint())
        while (!said.stdout.includes('Would be sent:')) await wait(5)
        child.stdin.write('\u0003')
      },
    })
    expect(code).toBe(130)
    expect(stdout.split('\u001b[H\u001b[2J')).toHaveLength(2)
  })
})

describe('options', () => {
  it('--json prints the explanation', async () => {
    put(runtimeFile(), mint())
    const { code, stdout } = await igwnAuth(['explain', URL_OF_X, '--json', '--scope', 'read:/frames'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      url: 'https://x.example.org/frames/O4',
      requirements: { audience: ['https://x.example.org'], scope: ['read:/frames'] },
      attached: [{ kind: 'token', source: runtimeFile() }],
      findings: expect.arrayContaining([
        expect.objectContaining({ source: runtimeFile(), verdict: 'selected', permissions: '0600' }),
      ]) as unknown,
      fixes: [],
    })
  })

  it('set scopes, audiences and issuers, repeated or in one', async () => {
    const words = ['--scope', 'a b', '--scope', 'c', '--audience', 'd', '--audience', 'e', '--issuer', 'f']
    const { stdout } = await igwnAuth(['explain', URL_OF_X, '--json', '--min-time-left', '5', ...words])
    expect(JSON.parse(stdout)).toMatchObject({
      requirements: { scope: ['a', 'b', 'c'], audience: ['d', 'e'], issuer: ['f'], minTimeLeft: 5 },
    })
  })

  it('disable credentials, and name others', async () => {
    put(runtimeFile(), mint())
    put(path.join(slashTmp(), 'x509up_u1000'), alice.bundle)
    put(room('.netrc'), 'machine x.example.org login albert password hidden')
    put(room('other-netrc'), 'machine x.example.org login robot password hidden')
    put(room('cert.pem'), alice.certificate)
    put(room('key.pem'), alice.key)
    const attached = async (...words: string[]) => {
      const { stdout } = await igwnAuth(['explain', URL_OF_X, '--json', ...words])
      const data = JSON.parse(stdout) as { attached: { kind: string; source: string }[] }
      return data.attached.map(({ kind, source }) => `${kind} ${path.basename(source)}`)
    }
    expect(await attached()).toEqual(['token bt_u1000', 'certificate x509up_u1000'])
    expect(await attached('--no-x509')).toEqual(['token bt_u1000'])
    expect(await attached('--no-token', '--no-x509')).toEqual(['basic .netrc'])
    expect(await attached('--no-token', '--no-x509', '--no-netrc')).toEqual([])
    const [basic, certificate] = await attached(
      ...['--no-token', '--netrc-file', room('other-netrc')],
      ...['--cert', room('cert.pem'), '--key', room('key.pem')],
    )
    expect(basic).toBe('basic other-netrc (netrc option)')
    expect(certificate).toBe('certificate key.pem (cert)')
  })

  it('--passphrase-file decrypts a key, and must not be accessible by others', async () => {
    put(room('cert.pem'), alice.certificate)
    put(room('key.pem'), alice.encryptedKey('open sesame'))
    put(room('passphrase'), 'open sesame\n')
    const words = [
      '--cert',
      room('cert.pem'),
      '--key',
      room('key.pem'),
      '--passphrase-file',
      room('passphrase'),
    ]
    const { code, stdout } = await igwnAuth(['explain', URL_OF_X, ...words])
    expect(code).toBe(0)
    expect(stdout).toContain('Would be sent: the certificate from ')
    put(room('passphrase'), '\ufeffopen sesame\r\n')
    expect(await igwnAuth(['explain', URL_OF_X, ...words])).toMatchObject({ code: 0 })
    fs.chmodSync(room('passphrase'), 0o644)
    expect(await igwnAuth(['explain', URL_OF_X, ...words])).toMatchObject({
      code: 1,
      stderr: `igwn-auth: ${room('passphrase')} is accessible by others\n  To fix: chmod 600 ${room('passphrase')}\n`,
    })
    fs.rmSync(room('passphrase'))
    expect(await igwnAuth(['explain', URL_OF_X, ...words])).toMatchObject({
      code: 26,
      stderr: `igwn-auth: ${room('passphrase')} cannot be read (ENOENT)\n`,
    })
  })

  it('--verify fetches the keys of the issuer; without it the network is not used', async () => {
    fs.writeFileSync(room('ca.pem'), site.ca)
    const env = { SSL_CERT_FILE: room('ca.pem') }
    const words = ['explain', `${site.origin}/gracedb/`]
    put(runtimeFile(), site.mint({}, { forged: true }))
    expect(await igwnAuth(words, { env })).toMatchObject({ code: 0 })
    expect(site.requests).toEqual([])
    const { code, stdout } = await igwnAuth([...words, '--verify'], { env })
    expect(code).toBe(1)
    expect(stdout.replace(/\s+/g, ' ')).toMatch(/skipped \S+ has an invalid signature/)
    put(runtimeFile(), site.mint())
    expect(await igwnAuth([...words, '--verify'], { env })).toMatchObject({ code: 0 })
    expect(site.requests.map(({ url }) => url)).toContain('/jwks')
  })

  it('treat a host without a scheme as https', async () => {
    const { stdout } = await igwnAuth(['explain', 'X.example.org:8443/a b'])
    expect(stdout.split('\n')[0]).toBe('https://x.example.org:8443/a%20b')
  })
})
