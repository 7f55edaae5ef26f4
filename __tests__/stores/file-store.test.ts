import fs from 'node:fs'
import path from 'node:path'
import { inspect } from 'node:util'
import { fileStore } from '../support/all'
import { processEnvironment } from '../../lib/environment'
import { expectNoSecret } from '../support/expect-no-secret'
import { runProgram } from '../support/program'
import { thrownBy } from '../support/thrown-by'
import { ours, room } from '../support/tokens'

const unusable = (message: string) => ours('ERR_IGWN_STORE_UNUSABLE', message)

let folder: string
let file: string
beforeEach(() => {
  folder = fs.mkdtempSync(room('store-'))
  file = path.join(folder, 'tokens.json')
})
afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true })
})

const token = { access_token: 'first-token', expires_at: 1_800_000_000, token_type: 'Bearer' }
const modeOf = (name: string) => (fs.statSync(name).mode & 0o7777).toString(8)

describe('keeps tokens', () => {
  it('by key, and gives back what was put, members that it does not know and expired ones too', async () => {
    const store = fileStore(file)
    expect(await store.get('a')).toBeUndefined()
    await store.set('a', token)
    await store.set('b', { access_token: 'b', expires_at: 1, refresh_token: 'r', custom: { deep: [1] } })
    expect(await fileStore(file).get('a')).toEqual(token)
    expect(await store.get('b')).toEqual({
      access_token: 'b',
      expires_at: 1,
      refresh_token: 'r',
      custom: { deep: [1] },
    })
    await store.delete('a')
    await store.delete('never there')
    expect(await store.get('a')).toBeUndefined()
    expect(Object.keys(JSON.parse(fs.readFileSync(file, 'utf8')) as object)).toEqual(['b'])
  })

  it.each(['__proto__', 'constructor', 'toString', '', 'a key\nwith "anything" ☃', 'x'.repeat(5000)])(
    'under the key %j',
    async (key) => {
      const store = fileStore(file)
      expect(await store.get(key)).toBeUndefined()
      await store.set(key, token)
      expect(await fileStore(file).get(key)).toEqual(token)
      expect(await store.lock?.(key, () => Promise.resolve('locked'))).toBe('locked')
    },
  )

  it('in a file of mode 0600 and a folder, when it makes one, of mode 0700, whatever the umask', async () => {
    const before = process.umask(0)
    try {
      const deep = path.join(folder, 'not', 'there')
      await fileStore(path.join(deep, 'tokens.json')).set('a', token)
      expect([modeOf(path.join(deep, 'tokens.json')), modeOf(deep)]).toEqual(['600', '700'])
    } finally {
      process.umask(before)
    }
  })

  it('and leaves no other file behind', async () => {
    const store = fileStore(file)
    await store.set('a', token)
    await store.lock?.('a', () => store.set('a', token))
    await store.delete('a')
    expect(fs.readdirSync(folder)).toEqual(['tokens.json'])
  })

  it('in the file that a link leads to, and leaves the link', async () => {
    const link = path.join(folder, 'link.json')
    fs.writeFileSync(file, '{}', { mode: 0o600 })
    fs.symlinkSync(file, link)
    await fileStore(link).set('a', token)
    expect(fs.lstatSync(link).isSymbolicLink()).toBe(true)
    expect(await fileStore(file).get('a')).toEqual(token)
  })

  it('at a path that begins at the working directory of when it was made', async () => {
    const before = process.cwd()
    process.chdir(folder)
    const store = fileStore('tokens.json')
    process.chdir(before)
    await store.set('a', token)
    expect(fs.existsSync(file)).toBe(true)
  })

  it('takes an empty file for one without tokens', async () => {
    fs.writeFileSync(file, '', { mode: 0o600 })
    const store = fileStore(file)
    expect(await store.get('a')).toBeUndefined()
    await store.set('a', token)
    expect(await store.get('a')).toEqual(token)
  })

  it('loses none of many that are put at once, by several stores', async () => {
    const stores = [fileStore(file), fileStore(file)]
    await Promise.all(
      Array.from({ length: 40 }, async (_, i) => stores[i % 2]!.set(`k${i}`, { access_token: `t${i}` })),
    )
    expect(Object.keys(JSON.parse(fs.readFileSync(file, 'utf8')) as object)).toHaveLength(40)
  })

  it('loses none of what several processes put at once', async () => {
    const put = (name: string) =>
      runProgram(`
        const store = fileStore(${JSON.stringify(file)})
        for (let i = 0; i < 10; i += 1) await store.set('${name}' + i, { access_token: 'x' })`)
    await Promise.all(['a', 'b', 'c', 'd'].map(put))
    expect(Object.keys(JSON.parse(fs.readFileSync(file, 'utf8')) as object)).toHaveLength(40)
  }, 30_000)

  it('whole, when a writer is killed again and again', async () => {
    const store = fileStore(file)
    await store.set('a', token)
    const writer = runProgram(
      `const store = fileStore(${JSON.stringify(file)})
       console.log('ready')
       for (;;) await store.set('b', { access_token: 'y'.repeat(200_000) })`,
      { killAfterOutput: 150 },
    )
    await expect(writer).rejects.toThrow('SIGKILL')
    expect(await store.get('a')).toEqual(token)
    expect([undefined, 200_000]).toContain((await store.get('b'))?.access_token.length)
  })

  it('leaves what was there when a write fails', async () => {
    const store = fileStore(file)
    await store.set('a', token)
    await expect(store.set('b', { access_token: 'b', big: 1n })).rejects.toThrow()
    expect(await store.get('a')).toEqual(token)
    expect(fs.readdirSync(folder)).toEqual(['tokens.json'])
  })

  it('leaves what was there when the disk is full, and says so', async () => {
    const store = fileStore(file)
    await store.set('a', token)
    const printed = await runProgram(
      `const store = fileStore(${JSON.stringify(file)})
       const full = await store.set('b', { access_token: 'y'.repeat(200_000) }).catch((error) => error)
       console.log(JSON.stringify([full.code, full.message]))`,
      { room: '2' },
    )
    expect(JSON.parse(printed)).toEqual([
      'ERR_IGWN_STORE_UNUSABLE',
      `${file} cannot be written (EFBIG). Name a file where you may write.`,
    ])
    expect(await store.get('a')).toEqual(token)
    expect(fs.readdirSync(folder)).toEqual(['tokens.json'])
  })

  it('shows none of them when it is printed', async () => {
    const store = fileStore(file)
    await store.set('a', token)
    expectNoSecret(store, ['first-token'])
    expect(inspect(store, { depth: null })).not.toContain('first')
  })
})

describe('refuses', () => {
  it('a file that others can read, with the command that mends it, and that command does', async () => {
    fs.writeFileSync(file, JSON.stringify({ a: token }), { mode: 0o600 })
    fs.chmodSync(file, 0o644)
    const store = fileStore(file)
    const refusal = unusable(
      `${file} can be reached by others (mode 0644), and what it holds may be known to them. Close it with: chmod 600 ${file}.`,
    )
    await expect(store.get('a')).rejects.toEqual(refusal)
    await expect(store.set('a', token)).rejects.toEqual(refusal)
    await expect(store.delete('a')).rejects.toEqual(refusal)
    expect(fs.readFileSync(file, 'utf8')).toBe(JSON.stringify({ a: token }))
    fs.chmodSync(file, 0o600)
    expect(await store.get('a')).toEqual(token)
  })

  it('a folder in which others can replace the file, unless only owners may, as in /tmp', async () => {
    const store = fileStore(file)
    await store.set('a', token)
    fs.chmodSync(folder, 0o777)
    const refusal = unusable(
      `${folder} can be written by others (mode 0777). Close it with: chmod go-w ${folder}.`,
    )
    await expect(store.get('a')).rejects.toEqual(refusal)
    await expect(store.set('a', token)).rejects.toEqual(refusal)
    await expect(store.lock?.('a', () => Promise.resolve())).rejects.toEqual(refusal)
    fs.chmodSync(folder, 0o1777)
    expect(await store.get('a')).toEqual(token)
  })

  it('a file and a folder that belong to somebody else', async () => {
    fs.writeFileSync(file, JSON.stringify({ a: token }), { mode: 0o600 })
    const own = process.geteuid?.() ?? 0
    // Who asks is somebody else: a file can be given away by root only.
    const asked = jest.spyOn(processEnvironment, 'euid', 'get').mockReturnValue(own + 1)
    try {
      const named = own === 0 ? file : folder
      await expect(fileStore(file).get('a')).rejects.toEqual(
        unusable(
          `${named} belongs to user ${own}, not to user ${own + 1}. Name a file ${own === 0 ? 'of your own' : 'in a folder of your own'}.`,
        ),
      )
    } finally {
      asked.mockRestore()
    }
  })

  it.each([
    ['text that is no JSON', 'first-token'],
    ['half of it', '{"a":{"access_token":"first-token"'],
    ['a list', '["first-token"]'],
    ['null', 'null'],
    ['an entry that is no token', '{"a":"first-token"}'],
    ['an entry without access_token', '{"a":{"refresh_token":"first-token"}}'],
    ['an entry with an end that is no time', '{"a":{"access_token":"first-token","expires_at":"soon"}}'],
  ])('%s, without repeating it', async (_, text) => {
    fs.writeFileSync(file, text, { mode: 0o600 })
    const error: unknown = await fileStore(file)
      .get('a')
      .catch((reason: unknown) => reason)
    expect(error).toEqual(
      unusable(
        `${file} is no token store: it does not hold tokens in JSON, by key. Remove it with: rm ${file}.`,
      ),
    )
    expectNoSecret(error, ['first-token'])
  })

  it('a folder in the place of the file, and a file in that of the folder', async () => {
    fs.mkdirSync(file)
    await expect(fileStore(file).get('a')).rejects.toEqual(
      unusable(`${file} is a folder, not a file. Name another file.`),
    )
    fs.rmdirSync(file)
    fs.writeFileSync(file, '{}', { mode: 0o600 })
    const below = path.join(file, 'tokens.json')
    await expect(fileStore(below).set('a', token)).rejects.toEqual(
      unusable(`${file} cannot be made (EEXIST). Name a file where you may write.`),
    )
  })

  it.each([undefined, '', 7, {}])('what is no path: %j', (value) => {
    expect(thrownBy(() => fileStore(value as string))).toMatchObject({
      code: 'ERR_IGWN_INVALID_OPTION',
      message: expect.stringMatching(/^fileStore needs the path of a file, not (undefined|an? .*)\.$/),
    })
  })
})
