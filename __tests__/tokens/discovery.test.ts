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

let search: TokenSearch
const find = (query: TokenQuery = {}) => search(requirementsOf(query)).token?.source
const codes = ({ reasons }: Discovery) => reasons.map(({ code }) => code).filter((code) => code !== 'absent')

beforeEach(() => {
  emptyPlaces()
  search = discovery()
})
afterEach(() => {
  jest.useRealTimers()
  jest.restoreAllMocks()
})

/** Counts calls of the file system. */
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

describe('a second search with nothing changed', () => {
  // A search that skipped something is repeated after 5 seconds.
  beforeEach(stopClock)

  it('makes only stats, wherever the token is', () => {
    const count = watchFiles()
    const locations: [() => unknown, number][] = [
      [() => put(temporaryFile(), mint()), 2],
      [() => put(runtimeFile(), mint()), 1],
      [() => (process.env.BEARER_TOKEN_FILE = put(room('token'), mint())), 1],
      [() => (process.env.BEARER_TOKEN = mint()), 0],
      [() => putCondorCreds({ 'a.use': mint() }), 2],
      [() => (process.env.SCITOKEN_FILE = put(room('scitoken'), mint())), 1],
      [() => (process.env.SCITOKEN = mint()), 0],
    ]
    for (const [fill, stats] of locations) {
      fill()
      const first = search(requirementsOf({}))
      count()
      expect(search(requirementsOf({}))).toBe(first)
      expect(count()).toEqual({ stats, others: 0 })
    }
  })

  it('makes only stats if there is no token', () => {
    const count = watchFiles()
    expect(find()).toBeUndefined()
    count()
    expect(find()).toBeUndefined()
    expect(count()).toEqual({ stats: 2, others: 0 })
    put(runtimeFile(), mint())
    expect(find()).toBe(runtimeFile())
  })

  it('makes as many with 200 candidates as with one', () => {
    const token = mint({ scope: 'write:/' })
    const others = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`a${at}.use`, token]))
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

  it('opens no file again if no candidate is usable', () => {
    putCondorCreds({ 'a.use': mint(), 'b.use': 'garbage' })
    put(runtimeFile(), 'garbage')
    const query = { scope: 'write:/' }
    expect(codes(search(requirementsOf(query)))).toEqual(['scope', 'malformed', 'malformed'])
    const count = jest.spyOn(fs, 'openSync')
    expect(codes(search(requirementsOf(query)))).toEqual(['scope', 'malformed', 'malformed'])
    expect(count).not.toHaveBeenCalled()
  })

  it('reads a file again that was written within the last clock tick', () => {
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

describe('remembered searches', () => {
  it('are not shared by two queries', () => {
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

  it('are not shared by strict and other searches', () => {
    process.env.SCITOKEN = 'garbage'
    put(runtimeFile(), mint())
    expect(find()).toBe(runtimeFile())
    expect(() => search(requirementsOf({}), { strict: true })).toThrow(
      'SCITOKEN contains no SciToken (not a JWT). With `strict`',
    )
    expect(find()).toBe(runtimeFile())
  })

  it('are not used with passOver', () => {
    const token = (process.env.BEARER_TOKEN = mint())
    put(runtimeFile(), mint())
    expect(find()).toBe('BEARER_TOKEN')
    const refused = { code: 'refused', source: 'BEARER_TOKEN', message: 'BEARER_TOKEN was refused' } as const
    const found = search(requirementsOf({}), {
      passOver: (one) => (one.serialize() === token ? refused : undefined),
    })
    expect(found.token?.source).toBe(runtimeFile())
    expect(found.reasons).toContain(refused)
    expect(find()).toBe('BEARER_TOKEN')
  })

  it('are bounded: results stay right after a thousand queries', () => {
    put(runtimeFile(), mint({ aud: 'https://h7.example.org' }))
    for (let host = 0; host < 1100; host++)
      expect(find({ audience: `https://h${host}.example.org` })).toBe(host === 7 ? runtimeFile() : undefined)
    expect(find({ audience: 'https://h7.example.org' })).toBe(runtimeFile())
  })
})

describe('over time', () => {
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

  it('a token without exp is not usable', () => {
    process.env.BEARER_TOKEN = mint({ exp: undefined })
    expect(search(requirementsOf({})).reasons).toContainEqual({
      code: 'claim',
      source: 'BEARER_TOKEN',
      claim: 'exp',
      expected: 'a time',
      actual: undefined,
      message: 'BEARER_TOKEN has no exp claim',
    })
  })

  it('a selected token is replaced when it expires too soon', () => {
    process.env.BEARER_TOKEN = mint({ exp: now() + 100 })
    put(runtimeFile(), mint())
    expect(find()).toBe('BEARER_TOKEN')
    passTime(40)
    expect(find()).toBe('BEARER_TOKEN')
    passTime(0.001)
    expect(find()).toBe(runtimeFile())
    expect(search(requirementsOf({})).reasons).toContainEqual({
      code: 'expired',
      source: 'BEARER_TOKEN',
      claim: 'exp',
      expected: 'at least 60 s left',
      actual: now() + 60,
      message: 'BEARER_TOKEN expires in 59 seconds, less than the required 60 seconds',
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

  it('a token that was not valid yet is used when it is', () => {
    process.env.BEARER_TOKEN = mint({ nbf: now() + 63 })
    put(runtimeFile(), mint())
    expect(find()).toBe(runtimeFile())
    passTime(2)
    expect(find()).toBe(runtimeFile())
    passTime(1)
    expect(find()).toBe('BEARER_TOKEN')
  })

  it('a clock that is set back takes effect at once', () => {
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

  it('a skipped file in _CONDOR_CREDS that is fixed in place is used some seconds later', () => {
    const folder = putCondorCreds({ 'a.use': mint({ exp: now() }), 'b.use': mint() })
    expect(find()).toBe(`${folder}/b.use (_CONDOR_CREDS)`)
    const { mtimeMs } = fs.statSync(folder)
    fs.writeFileSync(path.join(folder, 'a.use'), mint())
    expect(fs.statSync(folder).mtimeMs).toBe(mtimeMs)
    passTime(5)
    expect(find()).toBe(`${folder}/a.use (_CONDOR_CREDS)`)
  })

  it('if none was usable, one that is fixed is used at once', () => {
    const folder = putCondorCreds({ 'a.use': mint({ exp: now() }) })
    expect(find()).toBeUndefined()
    fs.writeFileSync(path.join(folder, 'a.use'), mint())
    expect(find()).toBe(`${folder}/a.use (_CONDOR_CREDS)`)
  })

  it('the reason for an expired token is updated', () => {
    process.env.BEARER_TOKEN = mint({ exp: now() - 60 })
    put(runtimeFile(), mint())
    const said = () => search(requirementsOf({})).reasons.find(({ code }) => code === 'expired')?.message
    expect(said()).toBe('BEARER_TOKEN expired 60 seconds ago')
    passTime(600)
    expect(said()).toBe('BEARER_TOKEN expired 11 minutes ago')
  })
})

describe('the temporary folder', () => {
  const isRoot = process.geteuid?.() === 0
  /** The owner of a file of another user: root gives it away; others search as another user. */
  const otherUser = 4321
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

  it('a file of this user is used', () => {
    const file = own(put(fileOf(me), mint()), me)
    const found = discovery(environment(me))(requirementsOf({}))
    expect(found.token?.source).toBe(file)
    expect(found.warning).toBeUndefined()
  })

  it('a file of root is used', () => {
    if (!isRoot) return // only root can create one
    const file = put(fileOf(me), mint())
    expect(discovery(environment(me))(requirementsOf({})).token?.source).toBe(file)
  })

  it('a file of another user is not used and not opened', () => {
    const [owner, euid] = isRoot ? [otherUser, me] : [me, me + 1]
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

  it('a change of the owner is noticed', () => {
    if (!isRoot) return // only root can give files away
    const file = own(put(fileOf(me), mint()), me)
    search = discovery(environment(me))
    expect(find()).toBe(file)
    own(file, otherUser)
    expect(find()).toBeUndefined()
    own(file, me)
    expect(find()).toBe(file)
  })

  it('a link of this user to a file of this user is followed', () => {
    own(put(room('token'), mint()), me)
    fs.symlinkSync(room('token'), fileOf(me))
    own(fileOf(me), me)
    expect(discovery(environment(me))(requirementsOf({})).token?.source).toBe(fileOf(me))
  })

  it('a link of another user to a file of this user is not followed', () => {
    const [owner, euid] = isRoot ? [otherUser, me] : [me, me + 1]
    own(put(room('token'), mint()), euid)
    fs.symlinkSync(room('token'), fileOf(euid))
    own(fileOf(euid), owner)
    const found = discovery(environment(euid))(requirementsOf({}))
    expect(found.reasons.at(-1)).toEqual(foreign(fileOf(euid), owner, euid))
  })

  it('a link of this user to a file of another user is not followed', () => {
    if (!isRoot) return // only root can give files away
    own(put(room('token'), mint()), otherUser)
    fs.symlinkSync(room('token'), fileOf(me))
    own(fileOf(me), me)
    const found = discovery(environment(me))(requirementsOf({}))
    expect(found.reasons.at(-1)).toEqual(
      foreign(fileOf(me), otherUser, me, `leads to ${room('token')}, which `),
    )
  })

  it('a file of another user that replaces a checked one before it is opened is not used', () => {
    if (!isRoot) return // only root can give files away
    const file = own(put(fileOf(me), mint()), me)
    const { openSync } = fs
    jest.spyOn(fs, 'openSync').mockImplementationOnce((...parameters) => {
      fs.renameSync(own(put(`${file}.new`, mint()), otherUser), file)
      return openSync(...parameters)
    })
    const found = discovery(environment(me))(requirementsOf({}))
    expect(found.token).toBeUndefined()
    expect(found.reasons.at(-1)).toEqual(foreign(file, otherUser, me))
  })

  it('a link to no file is absent', () => {
    fs.symlinkSync(room('nowhere'), temporaryFile())
    expect(search(requirementsOf({})).reasons.at(-1)).toMatchObject({
      code: 'absent',
      source: temporaryFile(),
    })
  })

  it.each([0o644, 0o640, 0o604, 0o620, 0o601])('a file of mode %i is used, with a warning', (mode) => {
    put(temporaryFile(), mint(), mode)
    const { token, warning } = search(requirementsOf({}))
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
    expect(search(requirementsOf({})).warning).toBeUndefined()
    fs.chmodSync(temporaryFile(), 0o400)
    expect(search(requirementsOf({})).warning).toBeUndefined()
  })

  it('elsewhere, owner and permissions are not checked', () => {
    put(runtimeFile(), mint(), 0o644)
    if (isRoot) fs.chownSync(runtimeFile(), otherUser, otherUser)
    expect(search(requirementsOf({}), { strict: true })).toMatchObject({ token: { source: runtimeFile() } })
  })

  it('is not searched on a platform without user ids', () => {
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
