import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { inspect } from 'node:util'
import { IgwnAuthError, type Reason } from '../../lib/errors'
import { discovery, type TokenSearch } from '../../lib/tokens/discovery'
import { findSciToken, type FindSciTokenOptions } from '../../lib/tokens/find-sci-token'
import { SciToken } from '../../lib/tokens/scitoken'
import type { TokenQuery } from '../../lib/tokens/token'
import { requirementsOf } from '../../lib/tokens/validate-claims'
import { listen } from '../support/listen'
import {
  age,
  createSigningKey,
  emptyPlaces,
  mint,
  now,
  put,
  putCondorCreds,
  room,
  runtimeFile,
  signatureOf,
  temporaryFile,
} from '../support/tokens'

beforeEach(emptyPlaces)
afterEach(() => {
  jest.restoreAllMocks()
})

/** The source of the token. */
const find = async (query?: TokenQuery, options?: FindSciTokenOptions) =>
  (await findSciToken(query, options)).source

const failure = async (query?: TokenQuery, options?: FindSciTokenOptions): Promise<IgwnAuthError> => {
  const error: unknown = await findSciToken(query, options).then(
    (token) => token,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(IgwnAuthError)
  return error as IgwnAuthError
}

/** The reasons, without those for what does not exist. */
const reasons = async (query?: TokenQuery, options?: FindSciTokenOptions): Promise<readonly Reason[]> =>
  (await failure(query, options)).reasons.filter(({ code }) => code !== 'absent')

const codes = async (query?: TokenQuery) => (await reasons(query)).map(({ code }) => code)

// What is found on which host is in conformance/wlcg-bearer-token-discovery.json. Here are sources and reasons.

describe('locations', () => {
  const variable = (name: string) => ({
    name,
    fill(text: string) {
      process.env[name] = text
      return name
    },
  })
  const fileOfVariable = (name: string) => ({
    name,
    fill: (text: string) => `${(process.env[name] = put(room(name), text))} (${name})`,
  })
  /** Each puts a token there and returns its source. */
  const locations = [
    variable('SCITOKEN'),
    fileOfVariable('SCITOKEN_FILE'),
    {
      name: '_CONDOR_CREDS',
      fill: (text: string) => `${putCondorCreds({ 'igwn.use': text })}/igwn.use (_CONDOR_CREDS)`,
    },
    variable('BEARER_TOKEN'),
    fileOfVariable('BEARER_TOKEN_FILE'),
    { name: '$XDG_RUNTIME_DIR/bt_u<euid>', fill: (text: string) => put(runtimeFile(), text) },
    { name: '/tmp/bt_u<euid>', fill: (text: string) => put(temporaryFile(), text) },
  ]

  it.each(locations.map((location) => [location.name, location] as const))(
    '%s is the source of its token',
    async (_, location) => {
      const token = mint()
      const name = location.fill(token)
      const found = await findSciToken()
      expect(found.source).toBe(name)
      expect(found.serialize()).toBe(token)
    },
  )

  it('a variable that is empty is not set', async () => {
    for (const name of ['SCITOKEN', 'SCITOKEN_FILE', '_CONDOR_CREDS', 'BEARER_TOKEN', 'BEARER_TOKEN_FILE'])
      process.env[name] = ''
    const found = put(runtimeFile(), mint())
    expect(await find()).toBe(found)
    fs.unlinkSync(found)
    expect((await failure()).reasons[0]).toEqual({
      code: 'absent',
      source: 'SCITOKEN',
      message: 'SCITOKEN is not set',
    })
  })

  it('a variable with the path of a missing file or folder is skipped', async () => {
    process.env.SCITOKEN_FILE = room('no-such-file')
    process.env.BEARER_TOKEN_FILE = room('no-such-folder/file')
    process.env._CONDOR_CREDS = room('no-such-folder')
    const found = put(temporaryFile(), mint())
    expect(await find()).toBe(found)
    fs.unlinkSync(found)
    const error = await failure()
    expect(error.reasons.map(({ code, source }) => [code, source])).toEqual([
      ['absent', 'SCITOKEN'],
      ['absent', `${room('no-such-file')} (SCITOKEN_FILE)`],
      ['absent', `${room('no-such-folder')} (_CONDOR_CREDS)`],
      ['absent', 'BEARER_TOKEN'],
      ['absent', `${room('no-such-folder/file')} (BEARER_TOKEN_FILE)`],
      ['absent', runtimeFile()],
      ['absent', temporaryFile()],
    ])
  })

  it('XDG_RUNTIME_DIR is named if it is not set', async () => {
    const folder = process.env.XDG_RUNTIME_DIR
    delete process.env.XDG_RUNTIME_DIR
    expect((await failure()).reasons.at(-2)).toEqual({
      code: 'absent',
      source: 'XDG_RUNTIME_DIR',
      message: 'XDG_RUNTIME_DIR is not set',
    })
    process.env.XDG_RUNTIME_DIR = folder
  })

  it('a variable that changes while the program runs is noticed', async () => {
    process.env.BEARER_TOKEN = mint()
    expect(await find()).toBe('BEARER_TOKEN')
    process.env.SCITOKEN = mint()
    expect(await find()).toBe('SCITOKEN')
    delete process.env.SCITOKEN
    const other = (process.env.BEARER_TOKEN = mint())
    expect((await findSciToken()).serialize()).toBe(other)
  })
})

describe('the files of _CONDOR_CREDS', () => {
  it.each([
    ['{', 'malformed', 'contains no SciToken (not a JWT)'],
    ['{"access_token": 1}', 'malformed', 'is JSON without access_token'],
    ['{"token": "x"}', 'malformed', 'is JSON without access_token'],
    ['{"access_token": ""}', 'empty', 'has an empty access_token: the access point denied this token'],
    ['[]', 'malformed', 'contains no SciToken (not a JWT)'],
    ['', 'empty', 'is empty'],
  ])('with %j are skipped', async (text, code, what) => {
    const folder = putCondorCreds({ 'a.use': text })
    expect(await reasons()).toEqual([
      {
        code,
        source: `${folder}/a.use (_CONDOR_CREDS)`,
        message: `${folder}/a.use (_CONDOR_CREDS) ${what}`,
      },
    ])
    put(path.join(folder, 'b.use'), mint())
    expect(await find()).toBe(`${folder}/b.use (_CONDOR_CREDS)`)
  })

  it('may be missing, and the variable may not name a folder', async () => {
    const folder = putCondorCreds({ 'a.txt': '' })
    expect((await failure()).reasons[2]).toEqual({
      code: 'absent',
      source: `${folder} (_CONDOR_CREDS)`,
      message: `${folder} (_CONDOR_CREDS) has no *.use file`,
    })
    process.env._CONDOR_CREDS = path.join(folder, 'a.txt')
    expect((await reasons())[0]).toMatchObject({
      code: 'not-a-file',
      message: `${folder}/a.txt (_CONDOR_CREDS) is not a folder`,
    })
  })
})

it('white space in the middle of a long text is read in linear time', async () => {
  put(runtimeFile(), `a${' '.repeat(60_000)}b`)
  expect(await codes()).toEqual(['malformed'])
})

describe('a text that is not a token', () => {
  it.each([
    ['words', 'no token here'],
    ['an opaque token', 'abcdef'],
    ['two parts', 'e30.e30'],
    ['a prefix', `Bearer ${mint()}`],
    ['a line break inside', mint().replace('.', '.\r\n')],
    ['two tokens', `${mint()}\n${mint()}`],
    ['a letter outside ASCII', `${mint()}é`],
    ['claims that are no JSON', 'e30.bm9qc29u.AA'],
    ['claims that are a list', 'e30.W10.AA'],
    ['claims that are a word', 'e30.ImEi.AA'],
    ['a header that is null', 'bnVsbA.e30.AA'],
    ['a header that is a list', 'W10.e30.AA'],
    ['NUL characters', '\0'.repeat(100)],
    ['dots', '.'.repeat(60_000)],
    ['60 KB of letters', 'a'.repeat(60_000)],
    ['equals signs', `a${'='.repeat(60_000)}`],
  ])('%s is skipped, and not repeated', async (_, text) => {
    put(runtimeFile(), text)
    const error = await failure()
    expect(error.reasons.at(-2)).toEqual({
      code: 'malformed',
      source: runtimeFile(),
      message: `${runtimeFile()} contains no SciToken (not a JWT)`,
    })
    expect(error.message.length).toBeLessThan(1000)
    put(temporaryFile(), mint())
    expect(await find()).toBe(temporaryFile())
  })
})

it('a token with a truncated signature is skipped', async () => {
  const ofRsa = mint({}, createSigningKey('rsa', 'RS256'))
  for (const [token, cut] of [
    [mint(), 1],
    [mint(), 86],
    [ofRsa, 1],
    [ofRsa, 300],
  ] as const) {
    put(runtimeFile(), token.slice(0, -cut))
    expect((await failure()).reasons.at(-2)).toEqual({
      code: 'malformed',
      source: runtimeFile(),
      message: `${runtimeFile()} is truncated: the signature of its token is incomplete`,
    })
    put(runtimeFile(), token)
    expect(await find()).toBe(runtimeFile())
  }
})

describe('a file that cannot be read (trap 25)', () => {
  const fill = (name: string, file: string) => (process.env[name] = file)

  it('a file of 64 KiB is read, a larger one is not', async () => {
    const token = mint()
    put(runtimeFile(), token + ' '.repeat(64 * 1024 - token.length))
    expect((await findSciToken()).serialize()).toBe(token)
    put(runtimeFile(), token + ' '.repeat(64 * 1024 - token.length + 1))
    const open = jest.spyOn(fs, 'openSync')
    expect(await reasons()).toEqual([
      { code: 'too-large', source: runtimeFile(), message: `${runtimeFile()} is larger than 64 KiB` },
    ])
    expect(open).not.toHaveBeenCalled()
  })

  it('a folder is skipped', async () => {
    const folder = (process.env.BEARER_TOKEN_FILE = room('folder'))
    fs.mkdirSync(folder)
    expect(await reasons()).toEqual([
      {
        code: 'not-a-file',
        source: `${folder} (BEARER_TOKEN_FILE)`,
        message: `${folder} (BEARER_TOKEN_FILE) is a folder, not a file`,
      },
    ])
    put(temporaryFile(), mint())
    expect(await find()).toBe(temporaryFile())
  })

  it('a FIFO, a socket and a device are skipped without being opened', async () => {
    const open = jest.spyOn(fs, 'openSync')
    const socket = path.join(String(process.env.XDG_RUNTIME_DIR), 's')
    await listen(net.createServer(), { path: socket })
    const files = ['/dev/null', '/dev/tty', socket, makeFifo()]
    for (const file of files) {
      if (file === undefined || !fs.existsSync(file)) continue
      fill('SCITOKEN_FILE', file)
      expect((await reasons())[0]).toEqual({
        code: 'not-a-file',
        source: `${file} (SCITOKEN_FILE)`,
        message: `${file} (SCITOKEN_FILE) is a FIFO, socket or device, not a file`,
      })
    }
    expect(open).not.toHaveBeenCalled()
  })

  /** Node cannot create one. */
  function makeFifo(): string | undefined {
    try {
      execFileSync('mkfifo', [room('fifo')], { stdio: 'ignore' })
      return room('fifo')
    } catch {
      return undefined
    }
  }

  it('links in a circle are skipped', async () => {
    fs.symlinkSync(room('b'), room('a'))
    fs.symlinkSync(room('a'), room('b'))
    fill('SCITOKEN_FILE', room('a'))
    expect(await reasons()).toEqual([
      {
        code: 'unreadable',
        source: `${room('a')} (SCITOKEN_FILE)`,
        message: `${room('a')} (SCITOKEN_FILE) cannot be read (ELOOP)`,
      },
    ])
    put(temporaryFile(), mint())
    expect(await find()).toBe(temporaryFile())
  })

  it('a file without permission to read is skipped until it has it', async () => {
    fill('BEARER_TOKEN_FILE', put(room('token'), mint(), 0o000))
    // Root can read it.
    const isRoot = process.geteuid?.() === 0
    const refused = `${room('token')} (BEARER_TOKEN_FILE) cannot be read (EACCES)`
    if (!isRoot) expect((await reasons()).map(({ message }) => message)).toEqual([refused])
    fs.chmodSync(room('token'), 0o600)
    expect(await find()).toBe(`${room('token')} (BEARER_TOKEN_FILE)`)
  })

  it('a transient failure of the system is not remembered', async () => {
    fill('BEARER_TOKEN_FILE', put(room('token'), mint()))
    const open = jest.spyOn(fs, 'openSync').mockImplementationOnce(() => {
      throw Object.assign(new Error(`EMFILE: too many open files, open '${room('token')}'`), {
        code: 'EMFILE',
      })
    })
    expect((await reasons())[0]!.message).toBe(`${room('token')} (BEARER_TOKEN_FILE) cannot be read (EMFILE)`)
    open.mockRestore()
    expect(await find()).toBe(`${room('token')} (BEARER_TOKEN_FILE)`)
  })

  it('a name with a NUL or with control characters is sanitized', async () => {
    const file = put(room('\u001b[31mred\n'), 'nothing')
    fill('SCITOKEN_FILE', file)
    const [reason] = await reasons()
    expect(reason!.message).toBe(`${room('?[31mred?')} (SCITOKEN_FILE) contains no SciToken (not a JWT)`)
    expect((await failure()).message).not.toContain('\u001b')
    fill('SCITOKEN_FILE', 'a\0b')
    expect((await reasons())[0]!.message).toBe('a?b (SCITOKEN_FILE) cannot be read (ERR_INVALID_ARG_VALUE)')
  })
})

describe('a file that changes after it was read (trap 25)', () => {
  let search: TokenSearch
  const codesNow = () =>
    search(requirementsOf({}))
      .reasons.map(({ code }) => code)
      .filter((code) => code !== 'absent')

  beforeEach(() => {
    search = discovery()
  })

  const files = [
    ['BEARER_TOKEN_FILE', () => (process.env.BEARER_TOKEN_FILE = room('token'))],
    ['XDG_RUNTIME_DIR', runtimeFile],
    ['the temporary folder', temporaryFile],
    ['_CONDOR_CREDS', () => path.join((process.env._CONDOR_CREDS = room('condor')), 'a.use')],
  ] as const

  describe.each(files)('in %s', (_, name) => {
    let file: string
    const serialized = () => search(requirementsOf({})).token?.serialize()

    beforeEach(() => {
      file = name()
      const first = mint()
      put(file, first)
      age(path.dirname(file))
      // Twice, so that the second search is a remembered one.
      expect(serialized()).toBe(first)
      expect(serialized()).toBe(first)
    })

    it('by rename', () => {
      const next = mint()
      fs.renameSync(put(`${file}.new`, next), file)
      expect(serialized()).toBe(next)
    })

    it('in place', () => {
      const next = mint()
      fs.writeFileSync(file, next)
      expect(serialized()).toBe(next)
      // Once more within the same tick of the clock.
      const third = mint()
      fs.writeFileSync(file, third)
      expect(serialized()).toBe(third)
    })

    it('in place, to another of the same length and age', () => {
      const { mtimeMs } = fs.statSync(file)
      const next = mint()
      fs.writeFileSync(file, next)
      fs.utimesSync(file, mtimeMs / 1000, mtimeMs / 1000)
      expect(serialized()).toBe(next)
    })

    it('by being emptied', () => {
      fs.truncateSync(file)
      expect(codesNow()).toEqual(['empty'])
    })

    it('by being truncated', () => {
      fs.truncateSync(file, 20)
      expect(codesNow()).toEqual(['malformed'])
    })

    it('by being removed, and created again', () => {
      fs.unlinkSync(file)
      expect(codesNow()).toEqual([])
      const next = mint()
      put(file, next)
      expect(serialized()).toBe(next)
    })

    it('by becoming a folder', () => {
      fs.unlinkSync(file)
      fs.mkdirSync(file)
      expect(codesNow()).toEqual(['not-a-file'])
    })

    it('by becoming a link, whose target then changes', () => {
      fs.unlinkSync(file)
      const [first, next] = [mint(), mint()]
      fs.symlinkSync(put(room('elsewhere'), first), file)
      fs.lutimesSync(file, 1, 1)
      expect(serialized()).toBe(first)
      expect(serialized()).toBe(first)
      fs.renameSync(put(room('elsewhere.new'), next), room('elsewhere'))
      expect(serialized()).toBe(next)
    })
  })

  it('between its stat and its reading is read as it is then', () => {
    const file = (process.env.BEARER_TOKEN_FILE = put(room('token'), mint()))
    const next = mint()
    const { openSync } = fs
    const open = jest.spyOn(fs, 'openSync').mockImplementationOnce((...parameters) => {
      fs.renameSync(put(`${file}.new`, next), file)
      return openSync(...parameters)
    })
    expect(search(requirementsOf({})).token?.serialize()).toBe(next)
    open.mockRestore()
    const third = mint()
    fs.renameSync(put(`${file}.new`, third), file)
    expect(search(requirementsOf({})).token?.serialize()).toBe(third)
  })

  it('by being removed between its stat and its reading is absent', () => {
    const file = (process.env.BEARER_TOKEN_FILE = put(room('token'), mint()))
    const { openSync } = fs
    jest.spyOn(fs, 'openSync').mockImplementationOnce((...parameters) => {
      fs.unlinkSync(file)
      return openSync(...parameters)
    })
    expect(codesNow()).toEqual([])
  })

  it('so that an earlier location has a token is noticed', () => {
    put(temporaryFile(), mint())
    expect(search(requirementsOf({})).token?.source).toBe(temporaryFile())
    expect(search(requirementsOf({})).token?.source).toBe(temporaryFile())
    put(runtimeFile(), mint())
    expect(search(requirementsOf({})).token?.source).toBe(runtimeFile())
  })
})

it('keeps nothing between calls: each reads its files', async () => {
  put(runtimeFile(), mint())
  const open = jest.spyOn(fs, 'openSync')
  await findSciToken()
  await findSciToken()
  expect(open).toHaveBeenCalledTimes(2)
})

describe('strict', () => {
  beforeEach(() => {
    put(temporaryFile(), mint())
  })

  it.each([
    ['malformed', 'not a token', 'contains no SciToken (not a JWT)'],
    ['too-large', ' '.repeat(64 * 1024 + 1), 'is larger than 64 KiB'],
  ])('fails on what is %s', async (code, text, what) => {
    const file = (process.env.BEARER_TOKEN_FILE = put(room('token'), text))
    expect(await find()).toBe(temporaryFile())
    const error = await failure({}, { strict: true })
    expect(error.code).toBe('ERR_IGWN_TOKEN_MALFORMED')
    expect(error.message).toBe(
      `${file} (BEARER_TOKEN_FILE) ${what}. With \`strict\`, the search fails on the first malformed candidate (WLCG Bearer Token Discovery). ` +
        'Fix or remove it, or leave `strict` out.',
    )
    expect(error.reasons.at(-1)).toMatchObject({ code, source: `${file} (BEARER_TOKEN_FILE)` })
  })

  it('fails on a folder and on what cannot be read', async () => {
    fs.mkdirSync(room('folder'))
    process.env.SCITOKEN_FILE = room('folder')
    expect((await failure({}, { strict: true })).reasons.at(-1)!.code).toBe('not-a-file')
    fs.symlinkSync(room('circle'), room('circle'))
    process.env.SCITOKEN_FILE = room('circle')
    expect((await failure({}, { strict: true })).reasons.at(-1)!.code).toBe('unreadable')
  })

  it('fails on a file in the temporary folder that others can read', async () => {
    put(temporaryFile(), mint(), 0o640)
    expect(await find()).toBe(temporaryFile())
    const error = await failure({}, { strict: true })
    expect(error.code).toBe('ERR_IGWN_TOKEN_MALFORMED')
    expect(error.reasons.at(-1)).toEqual({
      code: 'open-permissions',
      source: temporaryFile(),
      message: `${temporaryFile()} can be reached by others (mode 0640); chmod 600 ${temporaryFile()}`,
      expected: '0600',
      actual: '0640',
    })
  })

  it('skips what is absent, empty, expired or for another audience', async () => {
    process.env.SCITOKEN = ' '
    process.env.SCITOKEN_FILE = room('nothing')
    process.env.BEARER_TOKEN = mint({ exp: now() - 60 })
    put(runtimeFile(), mint({ aud: 'https://else.example.org' }))
    expect(await find({ audience: 'https://x.example.org' }, { strict: true })).toBe(temporaryFile())
  })
})

describe('the error if there is no suitable token', () => {
  it('says what is required, what is wrong with each candidate in order, and what to do', async () => {
    process.env.SCITOKEN = 'garbage'
    process.env.BEARER_TOKEN = mint({ aud: 'https://else.example.org' })
    put(runtimeFile(), mint({ exp: now() - 7300 }))
    const error = await failure({
      audience: ['https://x.example.org', 'https://x.example.org:8443'],
      scope: 'gracedb.read read:/frames',
      issuer: 'https://cilogon.org/igwn',
    })
    expect(error.code).toBe('ERR_IGWN_TOKEN_NOT_FOUND')
    expect(error.message).toBe(
      'No suitable token found for audience https://x.example.org or https://x.example.org:8443 with scope gracedb.read ' +
        'read:/frames of issuer https://cilogon.org/igwn. SCITOKEN contains no SciToken (not a JWT). BEARER_TOKEN is from ' +
        'issuer https://issuer.example.org, not https://cilogon.org/igwn. ' +
        `${runtimeFile()} expired 2 hours ago. Nothing in SCITOKEN_FILE, _CONDOR_CREDS, BEARER_TOKEN_FILE, ` +
        `${temporaryFile()}. Get one with igwn-auth login --vault vault.ligo.org --issuer igwn --scope=gracedb.read --scope=read:/frames ` +
        '--audience=https://x.example.org:8443, or name one in BEARER_TOKEN_FILE.',
    )
    expect(error.reasons.map(({ code }) => code)).toEqual([
      'malformed',
      'absent',
      'absent',
      'issuer',
      'absent',
      'expired',
      'absent',
    ])
  })

  it('has code, source, claim, expected and actual of each', async () => {
    process.env.BEARER_TOKEN = mint({ aud: ['https://else.example.org', 'https://y.example.org'] })
    expect(await reasons({ audience: 'https://x.example.org' })).toEqual([
      {
        code: 'audience',
        source: 'BEARER_TOKEN',
        claim: 'aud',
        expected: ['https://x.example.org'],
        actual: ['https://else.example.org', 'https://y.example.org'],
        message:
          'BEARER_TOKEN is for audience https://else.example.org or https://y.example.org, not https://x.example.org',
      },
    ])
  })

  it('names ten candidates, and has the reasons of all', async () => {
    putCondorCreds(Object.fromEntries(Array.from({ length: 15 }, (_, at) => [`${10 + at}.use`, 'x'])))
    const error = await failure()
    expect(error.message.match(/\.use/g)).toHaveLength(10)
    expect(error.message).toContain(' 5 more are not suitable (see reasons). ')
    expect(error.reasons.filter(({ code }) => code === 'malformed')).toHaveLength(15)
  })

  it('never shows a token', async () => {
    const tokens = [mint({ exp: now() }), mint({ aud: 'https://else.example.org' }), mint({ scope: 'a' })]
    process.env.SCITOKEN = tokens[0]
    process.env.BEARER_TOKEN = `${tokens[1]} and more`
    put(runtimeFile(), tokens[2]!)
    const error = await failure({ audience: 'https://x.example.org', scope: 'read:/' })
    const shown = [
      error.message,
      error.stack,
      JSON.stringify(error),
      JSON.stringify(error.reasons),
      inspect(error, { depth: null, showHidden: true }),
    ].join('\n')
    for (const token of tokens) expect(shown).not.toContain(signatureOf(token))
    expect(shown).not.toContain('eyJ')
  })

  it('repeats no control characters of claims, and truncates long ones', async () => {
    process.env.BEARER_TOKEN = mint({ aud: ['\u001b[2J\u0007\r\nevil\u202e', ...Array(5000).fill('aaaa')] })
    const error = await failure({ audience: 'https://x.example.org' })
    // eslint-disable-next-line no-control-regex
    expect(error.message).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202e]/)
    expect(error.message).toContain('BEARER_TOKEN is for audience ?[2J???evil? or aaaa or')
    expect(error.message.length).toBeLessThan(1500)
  })

  it('can be printed whatever the claims are', async () => {
    const depth = 10_000
    const deep = `${'['.repeat(depth)}${']'.repeat(depth)}`
    const claims = `{"ver":"scitoken:2.0","exp":${now() + 3600},"aud":${deep}}`
    process.env.BEARER_TOKEN = `e30.${Buffer.from(claims).toString('base64url')}.AA`
    const [reason] = await reasons()
    expect(reason).toMatchObject({ code: 'claim', claim: 'aud', actual: 'an array' })
    expect(() => JSON.stringify(reason)).not.toThrow()
  })

  it('suggests no command with shell syntax: a server may have named the scope', async () => {
    const error = await failure({ scope: ['a;reboot', 'b'], audience: 'https://x.example.org/$(id)' })
    expect(error.message).toMatch(
      /Get one with igwn-auth login --vault VAULT --issuer ISSUER, or name one in BEARER_TOKEN_FILE\.$/,
    )
  })
})

describe('unusual claims', () => {
  it('do not reach the prototype of anything', async () => {
    const claims = `{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"aud":"ANY","scope":"a","exp":${now() + 3600},"ver":"scitoken:2.0"}`
    process.env.BEARER_TOKEN = `e30.${Buffer.from(claims).toString('base64url')}.AA`
    const token = await findSciToken({ audience: 'https://x.example.org' })
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    expect((token.claims as { polluted?: unknown }).polluted).toBeUndefined()
  })

  it('may be 10,000 scopes', async () => {
    process.env.BEARER_TOKEN = mint({ scope: 'read:/aaa '.repeat(10_000) })
    const [reason] = await reasons({ scope: 'write:/' })
    expect(reason!.actual).toHaveLength(10_000)
    expect(reason!.message.length).toBeLessThan(500)
  })
})

describe('arguments of the wrong type', () => {
  it.each<[unknown, string]>([
    [null, 'query must be an object, not null.'],
    ['read:/', 'query must be an object, not a string.'],
    [
      { audience: '' },
      'query.audience must be a string or a list of strings, none empty, not an empty string.',
    ],
    [{ scope: 7 }, 'query.scope must be a string or a list of strings, none empty, not a number.'],
    [
      { issuer: [7] },
      'query.issuer must be a string or a list of strings, none empty, not a list with something else.',
    ],
    [{ minTimeLeft: -1 }, 'query.minTimeLeft must be a number of seconds, 0 or more, not -1.'],
    [{ minTimeLeft: NaN }, 'query.minTimeLeft must be a number of seconds, 0 or more, not NaN.'],
    [{ minTimeLeft: '60' }, 'query.minTimeLeft must be a number of seconds, 0 or more, not a string.'],
    [
      { scopes: 'read:/' },
      'query has no option "scopes"; there are audience, scope, issuer, minTimeLeft, challengeScope, object, stepUp, isRetry.',
    ],
  ])('query %j', async (query, message) => {
    process.env.BEARER_TOKEN = mint()
    expect(await failure(query as TokenQuery)).toMatchObject({ code: 'ERR_IGWN_INVALID_OPTION', message })
  })

  it.each<[unknown, string]>([
    [null, 'options must be an object, not null.'],
    [{ strict: 'yes' }, 'options.strict must be true or false, not a string.'],
    [{ verify: 'yes' }, 'options.verify must be a boolean or an axios instance, not a string.'],
    [{ verify: () => true }, 'options.verify must be a boolean or an axios instance, not a function.'],
  ])('options %j', async (options, message) => {
    process.env.BEARER_TOKEN = mint()
    expect(await failure({}, options as FindSciTokenOptions)).toMatchObject({
      code: 'ERR_IGWN_INVALID_OPTION',
      message,
    })
  })

  it('undefined is absent', async () => {
    process.env.BEARER_TOKEN = mint()
    const query = { audience: undefined, scope: undefined, issuer: undefined, minTimeLeft: undefined }
    expect(await findSciToken(query, { strict: undefined, verify: undefined })).toBeInstanceOf(SciToken)
  })
})

describe('a query of an object', () => {
  const object = { scope: [], issuer: ['https://other.example.org'], audience: [] }

  it('is satisfied by a token of one of its issuers only', async () => {
    process.env.BEARER_TOKEN = mint()
    expect(await find({ object: { ...object, issuer: ['https://issuer.example.org/'] } })).toBe(
      'BEARER_TOKEN',
    )
    expect(await codes({ object })).toEqual(['issuer'])
    expect(await failure({ object: 'all' as never })).toMatchObject({
      code: 'ERR_IGWN_INVALID_OPTION',
      message: 'query.object must be an object, not a string.',
    })
  })

  it('names its Vault server in the advice, unless that is no host', async () => {
    const advice = async (vaultServer: string) =>
      (await failure({ object: { ...object, vaultServer } })).message
    expect(await advice('vault.example.org:8200')).toContain(
      ' --vault vault.example.org:8200 --issuer ISSUER',
    )
    expect(await advice('vault.example.org; id')).toContain(' --vault VAULT --issuer ISSUER')
  })
})

it('a search remembers the results of 1000 queries at most', () => {
  put(runtimeFile(), mint())
  const search = discovery()
  const requirements = requirementsOf({})
  const first = search(requirements)
  expect(search(requirements)).toBe(first)
  for (let i = 0; i < 1000; i++) search(requirementsOf({ minTimeLeft: i + 1000 }))
  const again = search(requirements)
  expect(again).not.toBe(first)
  expect(again.token?.serialize()).toBe(first.token?.serialize())
})
