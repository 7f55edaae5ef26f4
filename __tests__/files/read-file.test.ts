import fs from 'node:fs'
import { fileReader, linkStatOf, readTextFile, REPLACED, statOf, unreadable } from '../../lib/files/read-file'
import { age, emptyPlaces, put, room } from '../support/tokens'

beforeEach(emptyPlaces)
afterEach(() => {
  jest.restoreAllMocks()
})

const reader = () => {
  const parse = jest.fn((text: string) => ({ text }))
  return { parse, read: fileReader(parse, 100) }
}

/** A system call that fails. */
const systemError = (code: string) => () => {
  throw Object.assign(new Error(`${code}: something with a path`), { code })
}

describe('a file is read once', () => {
  it('while it is unchanged', () => {
    const { parse, read } = reader()
    const file = put(room('a'), 'one')
    const value = read(file)
    expect(value).toEqual({ text: 'one' })
    expect(read(file)).toBe(value)
    expect(read(file, fs.statSync(file))).toBe(value)
    expect(parse.mock.calls).toEqual([['one', file]])
  })

  it('and again after a change of content, inode or permissions', () => {
    const { parse, read } = reader()
    const file = put(room('a'), 'one')
    read(file)
    put(file, 'two')
    expect(read(file)).toEqual({ text: 'two' })
    fs.renameSync(put(room('b'), 'six'), file)
    expect(read(file)).toEqual({ text: 'six' })
    fs.chmodSync(file, 0o400)
    read(file)
    expect(parse).toHaveBeenCalledTimes(4)
    read(file)
    expect(parse).toHaveBeenCalledTimes(4)
  })

  it('but is not remembered if it was written just now', () => {
    const { parse, read } = reader()
    fs.writeFileSync(room('a'), 'one')
    read(room('a'))
    read(room('a'))
    expect(parse).toHaveBeenCalledTimes(2)
  })

  it('but is not remembered if its time is in the future', () => {
    const { parse, read } = reader()
    age(put(room('a'), 'one'), -3600)
    read(room('a'))
    read(room('a'))
    expect(parse).toHaveBeenCalledTimes(2)
  })

  it('for each path', () => {
    const { read } = reader()
    put(room('a'), 'a')
    put(room('b'), 'b')
    expect([read(room('a')), read(room('b')), read(room('a'))]).toEqual([
      { text: 'a' },
      { text: 'b' },
      { text: 'a' },
    ])
  })

  it('by each reader', () => {
    const file = put(room('a'), 'one')
    expect(fileReader(() => 1, 100)(file)).toBe(1)
    expect(fileReader(() => 2, 100)(file)).toBe(2)
  })

  it('until 10,000 others were read, so that memory does not grow without limit', () => {
    const { parse, read } = reader()
    const file = put(room('folder/a'), 'one')
    age(room('folder'), 60)
    // The result for a folder is remembered too, and costs only a stat. These are all names of the same one.
    const bits = Array.from({ length: 14 }, (_, bit) => 2 ** bit)
    const nameOf = (i: number) => room('folder') + bits.map((bit) => (i & bit ? '/.' : '/')).join('')
    read(file)
    for (let i = 1; i < 10_000; i++) read(nameOf(i))
    read(file)
    expect(parse).toHaveBeenCalledTimes(1)
    expect(read(nameOf(10_000))).toMatchObject({ problem: 'not-a-file' })
    expect(read(file)).toEqual({ text: 'one' })
    expect(parse).toHaveBeenCalledTimes(2)
  })

  it('and again if the parser threw', () => {
    const file = put(room('a'), 'one')
    const parse = jest.fn<number, []>().mockImplementationOnce(systemError('EWHY')).mockReturnValue(1)
    const read = fileReader(parse, 100)
    expect(() => read(file)).toThrow('EWHY')
    expect(read(file)).toBe(1)
  })
})

describe('a missing file', () => {
  it('is undefined, also below a file', () => {
    const { read } = reader()
    put(room('a'), '')
    for (const file of [room('nothing'), room('nothing/at/all'), room('a/b')]) {
      expect(read(file)).toBeUndefined()
      expect(readTextFile(file, 100)).toBeUndefined()
      expect(statOf(file)).toBeUndefined()
      expect(linkStatOf(file)).toBeUndefined()
    }
  })

  it('is noticed when it is created and removed', () => {
    const { read } = reader()
    expect(read(room('a'))).toBeUndefined()
    put(room('a'), 'one')
    expect(read(room('a'))).toEqual({ text: 'one' })
    fs.unlinkSync(room('a'))
    expect(read(room('a'))).toBeUndefined()
  })
})

describe('a file that cannot be used', () => {
  it('is described', () => {
    fs.mkdirSync(room('folder'))
    fs.symlinkSync(room('circle'), room('circle'))
    const { read } = reader()
    expect(read(room('folder'))).toEqual({ problem: 'not-a-file', what: 'is a folder, not a file' })
    expect(read('/dev/null')).toEqual({
      problem: 'not-a-file',
      what: 'is a FIFO, socket or device, not a file',
    })
    expect(read(room('circle'))).toEqual({
      problem: 'unreadable',
      what: 'cannot be read (ELOOP)',
      transient: true,
    })
    expect(linkStatOf(room('circle'))).toHaveProperty('size')
    expect(linkStatOf(room('circle/a'))).toMatchObject({
      problem: 'unreadable',
      what: 'cannot be read (ELOOP)',
    })
  })

  it('for a reason without a code is described without its message, which may have the path', () => {
    expect(unreadable(new Error('/home/me/token is odd'))).toEqual({
      problem: 'unreadable',
      what: 'cannot be read (unknown error)',
      transient: true,
    })
  })

  it('is too large with one byte more than the limit', () => {
    const { read } = reader()
    expect(read(put(room('a'), 'x'.repeat(100)))).toEqual({ text: 'x'.repeat(100) })
    expect(read(put(room('b'), 'x'.repeat(101)))).toEqual({
      problem: 'too-large',
      what: `is larger than ${100 / 1024} KiB`,
    })
  })

  it('is too large if it grows while it is read', () => {
    const file = put(room('a'), 'x'.repeat(50))
    const { fstatSync } = fs
    jest.spyOn(fs, 'fstatSync').mockImplementationOnce((descriptor) => {
      const stats = fstatSync(descriptor)
      fs.appendFileSync(file, 'x'.repeat(60))
      return stats
    })
    expect(readTextFile(file, 100)).toMatchObject({ problem: 'too-large' })
  })

  it('may become a folder between stat and open', () => {
    const { read } = reader()
    const file = put(room('a'), 'one')
    const stats = fs.statSync(file)
    fs.unlinkSync(file)
    fs.mkdirSync(file)
    expect(read(file, stats)).toEqual({ problem: 'not-a-file', what: 'is a folder, not a file' })
  })

  it.each([
    ['EACCES', 1],
    ['EPERM', 1],
    ['EMFILE', 2],
    ['EIO', 2],
    ['EAGAIN', 2],
  ])('because of %s is tried %i times in two calls', (code, tries) => {
    const { read } = reader()
    const file = put(room('a'), 'one')
    const open = jest.spyOn(fs, 'openSync').mockImplementation(systemError(code))
    const problem = { problem: 'unreadable', what: `cannot be read (${code})` }
    expect([read(file), read(file)]).toMatchObject([problem, problem])
    expect(open).toHaveBeenCalledTimes(tries)
    open.mockRestore()
    fs.chmodSync(file, 0o400)
    expect(read(file)).toEqual({ text: 'one' })
  })

  it('is closed', () => {
    const [file, large] = [put(room('a'), 'one'), put(room('b'), 'x'.repeat(101))]
    const close = jest.spyOn(fs, 'closeSync')
    jest.spyOn(fs, 'readSync').mockImplementationOnce(systemError('EIO'))
    expect(readTextFile(file, 100)).toMatchObject({ problem: 'unreadable', what: 'cannot be read (EIO)' })
    expect(close).toHaveBeenCalledTimes(1)
    readTextFile(large, 100)
    expect(close).toHaveBeenCalledTimes(2)
  })
})

it('short reads are continued', () => {
  const file = put(room('a'), 'some words')
  const { readSync } = fs
  const read = jest
    .spyOn(fs, 'readSync')
    .mockImplementation(((descriptor: number, buffer: Buffer, offset: number, length: number) =>
      readSync(descriptor, buffer, offset, Math.min(length, 3), null)) as typeof fs.readSync)
  expect(readTextFile(file, 100)).toMatchObject({ text: 'some words' })
  expect(read).toHaveBeenCalledTimes(5)
})

describe('text encodings', () => {
  it('the byte order mark of UTF-8 is skipped', () => {
    expect(readTextFile(put(room('a'), '\ufefftext'), 100)).toMatchObject({ text: 'text' })
    expect(readTextFile(put(room('b'), '\ufeff'), 100)).toMatchObject({ text: '' })
  })

  it.each(['fffe', 'feff'])('UTF-16 with the byte order mark %s is named', (mark) => {
    fs.writeFileSync(room('a'), Buffer.from(`${mark}6100`, 'hex'))
    expect(readTextFile(room('a'), 100)).toEqual({
      problem: 'malformed',
      what: 'is in UTF-16 (as PowerShell writes it); save it as UTF-8',
    })
  })
})

describe('a check of access', () => {
  const REFUSED = { problem: 'foreign-owner', what: 'is not yours' } as const

  it('is made on each call, and nothing is opened that it refuses', () => {
    const file = put(room('a'), 'one')
    const check = jest.fn().mockReturnValueOnce(REFUSED)
    const read = fileReader((text) => ({ text }), 100, check)
    const open = jest.spyOn(fs, 'openSync')
    expect(read(file)).toBe(REFUSED)
    expect(open).not.toHaveBeenCalled()
    expect(read(file)).toEqual({ text: 'one' })
    check.mockReturnValueOnce(REFUSED)
    expect(read(file)).toBe(REFUSED)
    expect(read(file)).toEqual({ text: 'one' })
    expect(open).toHaveBeenCalledTimes(1)
  })

  it('is made on the open file too', () => {
    const file = put(room('a'), 'one')
    const check = jest.fn((_: string, stats: fs.Stats) => (stats.size === 3 ? undefined : REFUSED))
    const { openSync } = fs
    jest.spyOn(fs, 'openSync').mockImplementationOnce((...parameters) => {
      fs.renameSync(put(room('b'), 'another'), file)
      return openSync(...parameters)
    })
    expect(fileReader((text) => ({ text }), 100, check)(file)).toBe(REFUSED)
  })
})

it('a link is not followed where that is asked for', () => {
  fs.symlinkSync(put(room('a'), 'one'), room('link'))
  expect(readTextFile(room('link'), 100)).toMatchObject({ text: 'one' })
  expect(readTextFile(room('link'), 100, { followLinks: false })).toMatchObject({
    problem: 'unreadable',
    what: 'cannot be read (ELOOP)',
  })
})

describe('a file that is renewed by a rename while it is read', () => {
  const replacedFor = (times: number) => jest.fn(() => (times-- > 0 ? REPLACED : undefined))

  it('is read again', () => {
    const file = put(room('a'), 'one')
    expect(readTextFile(file, 100, { check: replacedFor(4) })).toMatchObject({ text: 'one' })
    expect(fileReader((text) => text, 100, replacedFor(4))(file)).toBe('one')
  })

  it('cannot be used after five tries', () => {
    const file = put(room('a'), 'one')
    const check = replacedFor(Infinity)
    expect(readTextFile(file, 100, { check })).toEqual({
      problem: 'unreadable',
      what: 'was replaced while it was read',
      transient: true,
    })
    expect(check).toHaveBeenCalledTimes(5)
  })
})
