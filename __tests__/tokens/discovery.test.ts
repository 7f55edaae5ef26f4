import fs from 'node:fs'
import path from 'node:path'
import { requirementsOf } from '../../lib/tokens/validate-claims'
import { discovery, type Discovery, type TokenSearch } from '../../lib/tokens/discovery'
import { processEnvironment, type Environment } from '../../lib/environment'
import type { TokenQuery } from '../../lib/tokens/token'
import {
  age,
  emptyPlaces,
  mint,
  now,
  passTime,
  put,
  putCondorCreds,
  room,
  runtimeFile,
  stopClock,
  temporaryFile,
} from '../support/tokens'

let look: TokenSearch
const find = (query: TokenQuery = {}) => look(requirementsOf(query)).token?.source
const codes = ({ reasons }: Discovery) => reasons.map(({ code }) => code).filter((code) => code !== 'absent')

beforeEach(() => {
  emptyPlaces()
  look = discovery()
})
afterEach(() => {
  jest.useRealTimers()
  jest.restoreAllMocks()
})

/** Counts what is asked of the file system. */
function watchFiles() {
  const names = [
    'openSync',
    'readSync',
    'readdirSync',
    'readFileSync',
    'statSync',
    'lstatSync',
    'fstatSync',
  ] as const
  const spies = names.map((name) => [name, jest.spyOn(fs, name)] as const)
  return () => {
    const counts = Object.fromEntries(spies.map(([name, spy]) => [name, spy.mock.calls.length]))
    for (const [, spy] of spies) spy.mockClear()
    const { statSync = 0, lstatSync = 0, ...others } = counts
    return {
      stats: statSync + lstatSync,
      others: Object.values(others).reduce((sum, count) => sum + count, 0),
    }
  }
}

describe('a second look with nothing changed', () => {
  it('asks for stats and nothing else, wherever the token is', () => {
    const count = watchFiles()
    const places: [() => unknown, number][] = [
      [() => put(temporaryFile(), mint()), 2],
      [() => put(runtimeFile(), mint()), 1],
      [() => (process.env.BEARER_TOKEN_FILE = put(room('token'), mint())), 1],
      [() => (process.env.BEARER_TOKEN = mint()), 0],
      [() => putCondorCreds({ 'a.use': mint() }), 2],
      [() => (process.env.SCITOKEN_FILE = put(room('scitoken'), mint())), 1],
      [() => (process.env.SCITOKEN = mint()), 0],
    ]
    for (const [fill, stats] of places) {
      fill()
      const first = look(requirementsOf({}))
      count()
      expect(look(requirementsOf({}))).toBe(first)
      expect(count()).toEqual({ stats, others: 0 })
    }
  })

  it('asks for stats and nothing else when there is no token at all', () => {
    const count = watchFiles()
    expect(find()).toBeUndefined()
    count()
    expect(find()).toBeUndefined()
    expect(count()).toEqual({ stats: 2, others: 0 })
    put(runtimeFile(), mint())
    expect(find()).toBe(runtimeFile())
  })

  it('asks for no more with 1,000 candidates than with one', () => {
    const others = Object.fromEntries(
      Array.from({ length: 1000 }, (_, at) => [`a${at}.use`, mint({ scope: 'write:/' })]),
    )
    const folder = putCondorCreds({ 'z.use': mint() })
    find({ scope: 'read:/frames' })
    const count = watchFiles()
    find({ scope: 'read:/frames' })
    const withOne = count()
    putCondorCreds(others)
    expect(find({ scope: 'read:/frames' })).toBe(`${folder}/z.use (_CONDOR_CREDS)`)
    count()
    expect(find({ scope: 'read:/frames' })).toBe(`${folder}/z.use (_CONDOR_CREDS)`)
    expect(count()).toEqual(withOne)
  })

  it('opens nothing again though no candidate satisfies', () => {
    putCondorCreds({ 'a.use': mint(), 'b.use': 'garbage' })
    put(runtimeFile(), 'garbage')
    const query = { scope: 'write:/' }
    expect(codes(look(requirementsOf(query)))).toEqual(['scope', 'malformed', 'malformed'])
    const count = jest.spyOn(fs, 'openSync')
    expect(codes(look(requirementsOf(query)))).toEqual(['scope', 'malformed', 'malformed'])
    expect(count).not.toHaveBeenCalled()
  })

  it('reads a file again that was written in this instant: it may be written once more in it', () => {
    stopClock()
    put(runtimeFile(), mint())
    age(runtimeFile(), 0.04)
    const open = jest.spyOn(fs, 'openSync')
    find()
    find()
    expect(open).toHaveBeenCalledTimes(2)
    passTime(0.02)
    find()
    find()
    expect(open).toHaveBeenCalledTimes(3)
  })
})

describe('decisions', () => {
  it('are never shared by two queries', () => {
    put(runtimeFile(), mint({ aud: ['a b', 'c'], scope: 'x y', iss: 'i' }))
    const queries: [TokenQuery, boolean][] = [
      [{ audience: 'a b' }, true],
      [{ audience: ['a', 'b'] }, false],
      [{ audience: 'c' }, true],
      [{ audience: 'c\nx' }, false],
      [{ audience: 'c', scope: 'x' }, true],
      [{ audience: 'c', scope: 'x z' }, false],
      [{ scope: 'c', issuer: 'x' }, false],
      [{ issuer: 'i' }, true],
      [{ issuer: 'j' }, false],
      [{ minTimeLeft: 3500 }, true],
      [{ minTimeLeft: 3700 }, false],
    ]
    for (const round of [1, 2])
      for (const [query, satisfied] of queries)
        expect([round, query, find(query)]).toEqual([round, query, satisfied ? runtimeFile() : undefined])
  })

  it('are not shared by strict and lenient looks', () => {
    process.env.SCITOKEN = 'garbage'
    put(runtimeFile(), mint())
    expect(find()).toBe(runtimeFile())
    expect(() => look(requirementsOf({}), { strict: true })).toThrow(
      'SCITOKEN holds no SciToken (not a JWT). With `strict`',
    )
    expect(find()).toBe(runtimeFile())
  })

  it('do not hold where a token is to be passed over', () => {
    const token = (process.env.BEARER_TOKEN = mint())
    put(runtimeFile(), mint())
    expect(find()).toBe('BEARER_TOKEN')
    const refused = { code: 'refused', source: 'BEARER_TOKEN', message: 'BEARER_TOKEN was refused' } as const
    const found = look(requirementsOf({}), {
      passOver: (one) => (one.serialize() === token ? refused : undefined),
    })
    expect(found.token?.source).toBe(runtimeFile())
    expect(found.reasons).toContain(refused)
    expect(find()).toBe('BEARER_TOKEN')
  })

  it('stay right after a thousand queries', () => {
    put(runtimeFile(), mint({ aud: 'https://h7.example.org' }))
    for (let host = 0; host < 1100; host++)
      expect(find({ audience: `https://h${host}.example.org` })).toBe(host === 7 ? runtimeFile() : undefined)
    expect(find({ audience: 'https://h7.example.org' })).toBe(runtimeFile())
  })
})

describe('time', () => {
  beforeEach(stopClock)

  it.each([
    [61, true],
    [60, true],
    [59, false],
    [0, false],
  ])('a token with %i s left satisfies: %s', (left, satisfies) => {
    process.env.BEARER_TOKEN = mint({ exp: now() + left })
    expect(find()).toBe(satisfies ? 'BEARER_TOKEN' : undefined)
  })

  it('a token without an end does not satisfy', () => {
    process.env.BEARER_TOKEN = mint({ exp: undefined })
    expect(look(requirementsOf({})).reasons).toContainEqual({
      code: 'claim',
      source: 'BEARER_TOKEN',
      claim: 'exp',
      expected: 'a time',
      actual: undefined,
      message: 'BEARER_TOKEN has no exp claim',
    })
  })

  it('a chosen token is replaced when less than the minimum is left of it', () => {
    process.env.BEARER_TOKEN = mint({ exp: now() + 100 })
    put(runtimeFile(), mint())
    expect(find()).toBe('BEARER_TOKEN')
    passTime(40)
    expect(find()).toBe('BEARER_TOKEN')
    passTime(0.001)
    expect(find()).toBe(runtimeFile())
    expect(look(requirementsOf({})).reasons).toContainEqual({
      code: 'expired',
      source: 'BEARER_TOKEN',
      claim: 'exp',
      expected: 'at least 60 s left',
      actual: now() + 60,
      message: 'BEARER_TOKEN has 59 seconds left, and 60 seconds are wanted',
    })
  })

  it.each([
    [-10, true],
    [59, true],
    [60, true],
    [61, false],
  ])('a token that begins in %i s satisfies: %s', (ahead, satisfies) => {
    process.env.BEARER_TOKEN = mint({ nbf: now() + ahead })
    expect(find()).toBe(satisfies ? 'BEARER_TOKEN' : undefined)
  })

  it('a token that was passed over because it had not begun is taken when it has', () => {
    process.env.BEARER_TOKEN = mint({ nbf: now() + 63 })
    put(runtimeFile(), mint())
    expect(find()).toBe(runtimeFile())
    passTime(2)
    expect(find()).toBe(runtimeFile())
    passTime(1)
    expect(find()).toBe('BEARER_TOKEN')
  })

  it('a clock that is set back is believed at once: a token has not ended, or has not begun', () => {
    const ended = (process.env.SCITOKEN = mint({ exp: now() + 30, nbf: now() - 3600 }))
    process.env.BEARER_TOKEN = mint({ nbf: now() - 600 })
    put(runtimeFile(), mint())
    age(runtimeFile(), 86_400)
    expect(find()).toBe('BEARER_TOKEN')
    passTime(-30)
    expect(find()).toBe('SCITOKEN')
    process.env.SCITOKEN = ''
    expect(find()).toBe('BEARER_TOKEN')
    passTime(-3600)
    expect(find()).toBe(runtimeFile())
    process.env.SCITOKEN = ended
    expect(find()).toBe('SCITOKEN')
  })

  it('a file in _CONDOR_CREDS that was passed over and then mended in place is taken some seconds later', () => {
    const folder = putCondorCreds({ 'a.use': mint({ exp: now() }), 'b.use': mint() })
    expect(find()).toBe(`${folder}/b.use (_CONDOR_CREDS)`)
    const { mtimeMs } = fs.statSync(folder)
    fs.writeFileSync(path.join(folder, 'a.use'), mint())
    expect(fs.statSync(folder).mtimeMs).toBe(mtimeMs)
    passTime(5)
    expect(find()).toBe(`${folder}/a.use (_CONDOR_CREDS)`)
  })

  it('when none satisfied, one that is mended is taken at once', () => {
    const folder = putCondorCreds({ 'a.use': mint({ exp: now() }) })
    expect(find()).toBeUndefined()
    fs.writeFileSync(path.join(folder, 'a.use'), mint())
    expect(find()).toBe(`${folder}/a.use (_CONDOR_CREDS)`)
  })

  it('what was said of an expired token is said anew later', () => {
    process.env.BEARER_TOKEN = mint({ exp: now() - 60 })
    put(runtimeFile(), mint())
    const said = () => look(requirementsOf({})).reasons.find(({ code }) => code === 'expired')?.message
    expect(said()).toBe('BEARER_TOKEN expired 60 seconds ago')
    passTime(600)
    expect(said()).toBe('BEARER_TOKEN expired 11 minutes ago')
  })
})

describe('the temporary folder', () => {
  const isRoot = process.geteuid?.() === 0
  /** Files here belong to whoever runs the tests. A stranger to them is, for root, a file given away; else, a look as somebody else. */
  const stranger = 4321
  const me = isRoot ? 1234 : Number(process.geteuid?.())
  const environment = (euid: number): Environment => ({
    env: process.env,
    euid,
    uid: euid,
    temporaryFolder: processEnvironment.temporaryFolder,
  })
  const fileOf = (euid: number) => path.join(processEnvironment.temporaryFolder, `bt_u${euid}`)
  const own = (file: string, uid: number) => {
    if (isRoot) fs.lchownSync(file, uid, uid)
    return file
  }

  const foreign = (file: string, owner: number, euid: number, leadsTo = '') => ({
    code: 'foreign-owner',
    source: file,
    actual: owner,
    expected: euid,
    message: `${file} ${leadsTo}belongs to user ${owner}, not to user ${euid}, and others can write to a folder on the path`,
  })

  it('gives a file of ours', () => {
    const file = own(put(fileOf(me), mint()), me)
    const found = discovery(environment(me))(requirementsOf({}))
    expect(found.token?.source).toBe(file)
    expect(found.warning).toBeUndefined()
  })

  it('gives a file of root', () => {
    if (!isRoot) return // only root can make one
    const file = put(fileOf(me), mint())
    expect(discovery(environment(me))(requirementsOf({})).token?.source).toBe(file)
  })

  it('gives no file of anybody else, and does not read it', () => {
    const [owner, euid] = isRoot ? [stranger, me] : [me, me + 1]
    const file = own(put(fileOf(euid), mint()), owner)
    const open = jest.spyOn(fs, 'openSync')
    const found = discovery(environment(euid))(requirementsOf({}))
    expect(found.token).toBeUndefined()
    expect(found.reasons.at(-1)).toEqual(foreign(file, owner, euid))
    expect(open).not.toHaveBeenCalled()
    expect(() => discovery(environment(euid))(requirementsOf({}), { strict: true })).toThrow(
      `${foreign(file, owner, euid).message}. With \`strict\``,
    )
  })

  it('gives a file that becomes ours, and not one that ceases to be', () => {
    if (!isRoot) return // only root can give files away
    const file = own(put(fileOf(me), mint()), me)
    look = discovery(environment(me))
    expect(find()).toBe(file)
    own(file, stranger)
    expect(find()).toBeUndefined()
    own(file, me)
    expect(find()).toBe(file)
  })

  it('follows a link of ours to a file of ours', () => {
    own(put(room('token'), mint()), me)
    fs.symlinkSync(room('token'), fileOf(me))
    own(fileOf(me), me)
    expect(discovery(environment(me))(requirementsOf({})).token?.source).toBe(fileOf(me))
  })

  it('follows no link of anybody else, though it leads to a file of ours', () => {
    const [owner, euid] = isRoot ? [stranger, me] : [me, me + 1]
    own(put(room('token'), mint()), euid)
    fs.symlinkSync(room('token'), fileOf(euid))
    own(fileOf(euid), owner)
    const found = discovery(environment(euid))(requirementsOf({}))
    expect(found.reasons.at(-1)).toEqual(foreign(fileOf(euid), owner, euid))
  })

  it('follows no link of ours to a file of anybody else', () => {
    if (!isRoot) return // only root has a file of another at hand
    own(put(room('token'), mint()), stranger)
    fs.symlinkSync(room('token'), fileOf(me))
    own(fileOf(me), me)
    const found = discovery(environment(me))(requirementsOf({}))
    expect(found.reasons.at(-1)).toEqual(
      foreign(fileOf(me), stranger, me, `leads to ${room('token')}, which `),
    )
  })

  it('gives no file of anybody else that takes the place of ours between its stat and its reading', () => {
    if (!isRoot) return // only root can give files away
    const file = own(put(fileOf(me), mint()), me)
    const { openSync } = fs
    jest.spyOn(fs, 'openSync').mockImplementationOnce((...parameters) => {
      fs.renameSync(own(put(`${file}.new`, mint()), stranger), file)
      return openSync(...parameters)
    })
    const found = discovery(environment(me))(requirementsOf({}))
    expect(found.token).toBeUndefined()
    expect(found.reasons.at(-1)).toEqual(foreign(file, stranger, me))
  })

  it('a link that leads nowhere is absent', () => {
    fs.symlinkSync(room('nowhere'), temporaryFile())
    expect(look(requirementsOf({})).reasons.at(-1)).toMatchObject({ code: 'absent', source: temporaryFile() })
  })

  it.each([0o644, 0o640, 0o604, 0o620, 0o601])('a file of mode %i is used, with a warning', (mode) => {
    put(temporaryFile(), mint(), mode)
    const { token, warning } = look(requirementsOf({}))
    expect(token?.source).toBe(temporaryFile())
    const octal = `0${mode.toString(8)}`
    expect(warning).toEqual({
      code: 'open-permissions',
      source: temporaryFile(),
      expected: '0600',
      actual: octal,
      message: `${temporaryFile()} can be reached by others (mode ${octal}); chmod 600 ${temporaryFile()}`,
    })
    fs.chmodSync(temporaryFile(), 0o600)
    expect(look(requirementsOf({})).warning).toBeUndefined()
    fs.chmodSync(temporaryFile(), 0o400)
    expect(look(requirementsOf({})).warning).toBeUndefined()
  })

  it('only there does it matter who owns a file and who may read it', () => {
    put(runtimeFile(), mint(), 0o644)
    if (isRoot) fs.chownSync(runtimeFile(), stranger, stranger)
    expect(look(requirementsOf({}), { strict: true })).toMatchObject({ token: { source: runtimeFile() } })
  })

  it('has no file where the platform has no user ids', () => {
    const found = discovery({
      env: {},
      euid: undefined,
      uid: undefined,
      temporaryFolder: processEnvironment.temporaryFolder,
    })(requirementsOf({}))
    expect(found.reasons.at(-1)).toEqual({
      code: 'absent',
      source: 'the temporary folder',
      message: 'this platform has no user ids',
    })
  })
})
