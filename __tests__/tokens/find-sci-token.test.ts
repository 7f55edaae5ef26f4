import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { inspect } from 'node:util'
import jsonwebtoken from 'jsonwebtoken'
import { IgwnAuthError, type Reason } from '../../lib/errors'
import { findSciToken, type FindSciTokenOptions } from '../../lib/tokens/find-sci-token'
import { SciToken } from '../../lib/tokens/scitoken'
import type { TokenQuery } from '../../lib/tokens/token'
import {
  age,
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

/** Where the token came from, with what can be told without running it. */
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

/** What was found wrong with the things that are there. */
const reasons = async (query?: TokenQuery, options?: FindSciTokenOptions): Promise<readonly Reason[]> =>
  (await failure(query, options)).reasons.filter(({ code }) => code !== 'absent')

const codes = async (query?: TokenQuery) => (await reasons(query)).map(({ code }) => code)

// What is found on which machine is in conformance/wlcg-bearer-token-discovery.json; here, what is said of it.

describe('places', () => {
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
  /** Each puts a token in a place and says under which name it will be found. */
  const places = [
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

  it.each(places.map((place) => [place.name, place] as const))(
    '%s is named with what it gives',
    async (_, place) => {
      const token = mint()
      const name = place.fill(token)
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

  it('a variable that names a file or folder which is not there is passed over', async () => {
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

  it('XDG_RUNTIME_DIR is named where it is not set', async () => {
    const folder = process.env.XDG_RUNTIME_DIR
    delete process.env.XDG_RUNTIME_DIR
    expect((await failure()).reasons.at(-2)).toEqual({
      code: 'absent',
      source: 'XDG_RUNTIME_DIR',
      message: 'XDG_RUNTIME_DIR is not set',
    })
    process.env.XDG_RUNTIME_DIR = folder
  })

  it('a variable that changes while the program runs is seen', async () => {
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
    ['{', 'malformed', 'holds no SciToken (not a JWT)'],
    ['{"access_token": 1}', 'malformed', 'holds no SciToken (not a JWT)'],
    ['{"access_token": ""}', 'empty', 'is empty'],
    ['[]', 'malformed', 'holds no SciToken (not a JWT)'],
    ['', 'empty', 'is empty'],
  ])('that hold %j are passed over', async (text, code, what) => {
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

  it('may be missing, or no folder at all', async () => {
    const folder = putCondorCreds({ 'a.txt': '' })
    expect((await failure()).reasons[2]).toEqual({
      code: 'absent',
      source: `${folder} (_CONDOR_CREDS)`,
      message: `${folder} (_CONDOR_CREDS) holds no *.use file`,
    })
    process.env._CONDOR_CREDS = path.join(folder, 'a.txt')
    expect((await reasons())[0]).toMatchObject({
      code: 'not-a-file',
      message: `${folder}/a.txt (_CONDOR_CREDS) is not a folder`,
    })
  })
})

it('white space in the middle of a long text takes no time to tell from that at the end', async () => {
  put(runtimeFile(), `a${' '.repeat(60_000)}b`)
  expect(await codes()).toEqual(['malformed'])
})

describe('what is no token', () => {
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
    ['zeros', '\0'.repeat(100)],
    ['dots', '.'.repeat(60_000)],
    ['60 KB of letters', 'a'.repeat(60_000)],
    ['equals signs', `a${'='.repeat(60_000)}`],
  ])('%s is passed over, and not repeated', async (_, text) => {
    put(runtimeFile(), text)
    const error = await failure()
    expect(error.reasons.at(-2)).toEqual({
      code: 'malformed',
      source: runtimeFile(),
      message: `${runtimeFile()} holds no SciToken (not a JWT)`,
    })
    expect(error.message.length).toBeLessThan(1000)
    put(temporaryFile(), mint())
    expect(await find()).toBe(temporaryFile())
  })
})

it('a token that is cut short in its signature is passed over, whatever signed it', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const ofRsa = jsonwebtoken.sign({ sub: 'albert.einstein' }, privateKey, {
    algorithm: 'RS256',
    expiresIn: 3600,
  })
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
      message: `${runtimeFile()} is cut short: the signature of its token is not whole`,
    })
    put(runtimeFile(), token)
    expect(await find()).toBe(runtimeFile())
  }
})

describe('what cannot be read (trap 25)', () => {
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

  it('a folder is passed over', async () => {
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

  it('a FIFO, a socket and a device are passed over, and not even opened', async () => {
    const open = jest.spyOn(fs, 'openSync')
    const server = net.createServer().listen(path.join(String(process.env.XDG_RUNTIME_DIR), 's'))
    await once(server, 'listening')
    const files = ['/dev/null', '/dev/tty', path.join(String(process.env.XDG_RUNTIME_DIR), 's'), makeFifo()]
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
    server.close()
  })

  /** Where this machine has the program; Node itself cannot make one. */
  function makeFifo(): string | undefined {
    try {
      execFileSync('mkfifo', [room('fifo')], { stdio: 'ignore' })
      return room('fifo')
    } catch {
      return undefined
    }
  }

  it('links in a circle are passed over', async () => {
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

  it('a file without permission to read is passed over, until it has it', async () => {
    fill('BEARER_TOKEN_FILE', put(room('token'), mint(), 0o000))
    // Root reads what it likes: there, nothing is wrong with it.
    const isRoot = process.geteuid?.() === 0
    const refused = `${room('token')} (BEARER_TOKEN_FILE) cannot be read (EACCES)`
    if (!isRoot) expect((await reasons()).map(({ message }) => message)).toEqual([refused])
    fs.chmodSync(room('token'), 0o600)
    expect(await find()).toBe(`${room('token')} (BEARER_TOKEN_FILE)`)
  })

  it('trouble of the system is not remembered', async () => {
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

  it('a name with a NUL or with control characters harms nobody', async () => {
    const file = put(room('\u001b[31mred\n'), 'nothing')
    fill('SCITOKEN_FILE', file)
    const [reason] = await reasons()
    expect(reason!.message).toBe(`${room('?[31mred?')} (SCITOKEN_FILE) holds no SciToken (not a JWT)`)
    expect((await failure()).message).not.toContain('\u001b')
    fill('SCITOKEN_FILE', 'a\0b')
    expect((await reasons())[0]!.message).toBe('a?b (SCITOKEN_FILE) cannot be read (ERR_INVALID_ARG_VALUE)')
  })
})

describe('a file that changes after it was read (trap 25)', () => {
  /** Every place that is a file, and how to name it there. */
  const inPlaces = [
    ['BEARER_TOKEN_FILE', () => (process.env.BEARER_TOKEN_FILE = room('token'))],
    ['XDG_RUNTIME_DIR', runtimeFile],
    ['the temporary folder', temporaryFile],
    ['_CONDOR_CREDS', () => path.join((process.env._CONDOR_CREDS = room('condor')), 'a.use')],
  ] as const

  describe.each(inPlaces)('in %s', (_, name) => {
    let file: string
    const serialized = async () => (await findSciToken()).serialize()

    beforeEach(async () => {
      file = name()
      const first = mint()
      put(file, first)
      age(path.dirname(file))
      // Twice, so that what follows meets a decision that was relied on.
      expect(await serialized()).toBe(first)
      expect(await serialized()).toBe(first)
    })

    it('by rename', async () => {
      const next = mint()
      fs.renameSync(put(`${file}.new`, next), file)
      expect(await serialized()).toBe(next)
    })

    it('in place', async () => {
      const next = mint()
      fs.writeFileSync(file, next)
      expect(await serialized()).toBe(next)
      // Once more within the same tick of the clock.
      const third = mint()
      fs.writeFileSync(file, third)
      expect(await serialized()).toBe(third)
    })

    it('in place, to another of the same length and age', async () => {
      const { mtimeMs } = fs.statSync(file)
      const next = mint()
      fs.writeFileSync(file, next)
      fs.utimesSync(file, mtimeMs / 1000, mtimeMs / 1000)
      expect(await serialized()).toBe(next)
    })

    it('by being emptied', async () => {
      fs.truncateSync(file)
      expect(await codes()).toEqual(['empty'])
    })

    it('by being cut short', async () => {
      fs.truncateSync(file, 20)
      expect(await codes()).toEqual(['malformed'])
    })

    it('by going away, and coming back', async () => {
      fs.unlinkSync(file)
      expect(await codes()).toEqual([])
      const next = mint()
      put(file, next)
      expect(await serialized()).toBe(next)
    })

    it('by becoming a folder', async () => {
      fs.unlinkSync(file)
      fs.mkdirSync(file)
      expect(await codes()).toEqual(['not-a-file'])
    })

    it('by becoming a link, whose end then changes', async () => {
      fs.unlinkSync(file)
      const [first, next] = [mint(), mint()]
      fs.symlinkSync(put(room('elsewhere'), first), file)
      fs.lutimesSync(file, 1, 1)
      expect(await serialized()).toBe(first)
      expect(await serialized()).toBe(first)
      fs.renameSync(put(room('elsewhere.new'), next), room('elsewhere'))
      expect(await serialized()).toBe(next)
    })
  })

  it('between its stat and its reading is read as it then is', async () => {
    const file = (process.env.BEARER_TOKEN_FILE = put(room('token'), mint()))
    const next = mint()
    const { openSync } = fs
    const open = jest.spyOn(fs, 'openSync').mockImplementationOnce((...parameters) => {
      fs.renameSync(put(`${file}.new`, next), file)
      return openSync(...parameters)
    })
    expect((await findSciToken()).serialize()).toBe(next)
    open.mockRestore()
    const third = mint()
    fs.renameSync(put(`${file}.new`, third), file)
    expect((await findSciToken()).serialize()).toBe(third)
  })

  it('by going away between its stat and its reading is absent', async () => {
    const file = (process.env.BEARER_TOKEN_FILE = put(room('token'), mint()))
    const { openSync } = fs
    jest.spyOn(fs, 'openSync').mockImplementationOnce((...parameters) => {
      fs.unlinkSync(file)
      return openSync(...parameters)
    })
    expect(await codes()).toEqual([])
  })

  it('so that an earlier place has one again is seen', async () => {
    put(temporaryFile(), mint())
    expect(await find()).toBe(temporaryFile())
    expect(await find()).toBe(temporaryFile())
    put(runtimeFile(), mint())
    expect(await find()).toBe(runtimeFile())
  })
})

describe('strict', () => {
  beforeEach(() => {
    put(temporaryFile(), mint())
  })

  it.each([
    ['malformed', 'not a token', 'holds no SciToken (not a JWT)'],
    ['too-large', ' '.repeat(64 * 1024 + 1), 'is larger than 64 KiB'],
  ])('stops at what is %s', async (code, text, what) => {
    const file = (process.env.BEARER_TOKEN_FILE = put(room('token'), text))
    expect(await find()).toBe(temporaryFile())
    const error = await failure({}, { strict: true })
    expect(error.code).toBe('ERR_IGWN_TOKEN_MALFORMED')
    expect(error.message).toBe(
      `${file} (BEARER_TOKEN_FILE) ${what}. With \`strict\`, a broken candidate ends the search, as WLCG Bearer Token ` +
        'Discovery says; mend or remove it, or leave `strict` out.',
    )
    expect(error.reasons.at(-1)).toMatchObject({ code, source: `${file} (BEARER_TOKEN_FILE)` })
  })

  it('stops at a folder and at what cannot be read', async () => {
    fs.mkdirSync(room('folder'))
    process.env.SCITOKEN_FILE = room('folder')
    expect((await failure({}, { strict: true })).reasons.at(-1)!.code).toBe('not-a-file')
    fs.symlinkSync(room('circle'), room('circle'))
    process.env.SCITOKEN_FILE = room('circle')
    expect((await failure({}, { strict: true })).reasons.at(-1)!.code).toBe('unreadable')
  })

  it('stops at a file in the temporary folder that others can read', async () => {
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

  it('goes on past what is absent, empty, expired or for others', async () => {
    process.env.SCITOKEN = ' '
    process.env.SCITOKEN_FILE = room('nothing')
    process.env.BEARER_TOKEN = mint({ exp: now() - 60 })
    put(runtimeFile(), mint({ aud: 'https://else.example.org' }))
    expect(await find({ audience: 'https://x.example.org' }, { strict: true })).toBe(temporaryFile())
  })
})

describe('the error when nothing satisfies', () => {
  it('says what was wanted, what each candidate lacked in order, and what to do', async () => {
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
      'No SciToken found for audience https://x.example.org or https://x.example.org:8443 with scope gracedb.read ' +
        'read:/frames of issuer https://cilogon.org/igwn. SCITOKEN holds no SciToken (not a JWT). BEARER_TOKEN is of ' +
        'issuer https://issuer.example.org, not https://cilogon.org/igwn. ' +
        `${runtimeFile()} expired 2 hours ago. Nothing in SCITOKEN_FILE, _CONDOR_CREDS, BEARER_TOKEN_FILE, ` +
        `${temporaryFile()}. Get one with htgettoken -a vault.ligo.org -i igwn --scopes=gracedb.read,read:/frames ` +
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

  it('holds code, source, claim, wanted and got of each', async () => {
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

  it('names ten candidates, and holds them all', async () => {
    putCondorCreds(Object.fromEntries(Array.from({ length: 15 }, (_, at) => [`${10 + at}.use`, 'x'])))
    const error = await failure()
    expect(error.message.match(/\.use/g)).toHaveLength(10)
    expect(error.message).toContain(' 5 more did not satisfy (see reasons). ')
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

  it('repeats no control characters of claims, and cuts what is long', async () => {
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

  it('gives no command that a shell would read otherwise: a server may have asked for the scope', async () => {
    const error = await failure({ scope: ['a;reboot', 'b'], audience: 'https://x.example.org/$(id)' })
    expect(error.message).toMatch(
      /Get one with htgettoken -a VAULT -i ISSUER, or name one in BEARER_TOKEN_FILE\.$/,
    )
  })
})

describe('claims that nobody should write', () => {
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
    [{ scopes: 'read:/' }, 'query has no option "scopes"; there are audience, scope, issuer, minTimeLeft.'],
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
