import { execFileSync } from 'node:child_process'
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

/** Only root can change the owner of a link. */
const itAsRoot = process.geteuid?.() === 0 ? it : it.skip

describe('keeps tokens', () => {
  it('by key, and returns what was put, with unknown members', async () => {
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

  it('in a file of mode 0600, and creates a missing folder with mode 0700, whatever the umask', async () => {
    const before = process.umask(0)
    try {
      const deep = path.join(folder, 'not', 'there')
      await fileStore(path.join(deep, 'tokens.json')).set('a', token)
      expect([modeOf(path.join(deep, 'tokens.json')), modeOf(deep)]).toEqual(['600', '700'])
    } finally {
      process.umask(before)
    }
  })

  it('and leaves no other file', async () => {
    const store = fileStore(file)
    await store.set('a', token)
    await store.lock?.('a', () => store.set('a', token))
    await store.delete('a')
    expect(fs.readdirSync(folder)).toEqual(['tokens.json'])
  })

  it('in the target of a link, and keeps the link', async () => {
    const link = path.join(folder, 'link.json')
    fs.writeFileSync(file, '{}', { mode: 0o600 })
    fs.symlinkSync(file, link)
    await fileStore(link).set('a', token)
    expect(fs.lstatSync(link).isSymbolicLink()).toBe(true)
    expect(await fileStore(file).get('a')).toEqual(token)
  })

  it('at a path relative to the working directory at its creation', async () => {
    const before = process.cwd()
    process.chdir(folder)
    const store = fileStore('tokens.json')
    process.chdir(before)
    await store.set('a', token)
    expect(fs.existsSync(file)).toBe(true)
  })

  it('reads an empty file as one without tokens', async () => {
    fs.writeFileSync(file, '', { mode: 0o600 })
    const store = fileStore(file)
    expect(await store.get('a')).toBeUndefined()
    await store.set('a', token)
    expect(await store.get('a')).toEqual(token)
  })

  it('loses none of many concurrent writes by several stores', async () => {
    const stores = [fileStore(file), fileStore(file)]
    await Promise.all(
      Array.from({ length: 40 }, async (_, i) => stores[i % 2]!.set(`k${i}`, { access_token: `t${i}` })),
    )
    expect(Object.keys(JSON.parse(fs.readFileSync(file, 'utf8')) as object)).toHaveLength(40)
  })

  it('whole when a writer is killed', async () => {
    const store = fileStore(file)
    await store.set('a', token)
    const writer = runProgram(
      `const store = fileStore(${JSON.stringify(file)})
       console.log('ready')
       for (;;) await store.set('b', { access_token: 'y'.repeat(60_000) })`,
      { killAfterOutput: 150 },
    )
    await expect(writer).rejects.toThrow('SIGKILL')
    expect(await store.get('a')).toEqual(token)
    expect([undefined, 60_000]).toContain((await store.get('b'))?.access_token.length)
  })

  it('leaves what was there when a write fails', async () => {
    const store = fileStore(file)
    await store.set('a', token)
    await expect(store.set('b', { access_token: 'b', big: 1n })).rejects.toThrow('BigInt')
    expect(await store.get('a')).toEqual(token)
    expect(fs.readdirSync(folder)).toEqual(['tokens.json'])
  })

  it('leaves what was there when the disk is full, and says so', async () => {
    const store = fileStore(file)
    await store.set('a', token)
    const printed = await runProgram(
      `const store = fileStore(${JSON.stringify(file)})
       const full = await store.set('b', { access_token: 'y'.repeat(60_000) }).catch((error) => error)
       console.log(JSON.stringify([full.code, full.message]))`,
      { room: '2' },
    )
    expect(JSON.parse(printed)).toEqual([
      'ERR_IGWN_STORE_UNUSABLE',
      `${file} cannot be written (EFBIG). Use a file that you can write.`,
    ])
    expect(await store.get('a')).toEqual(token)
    expect(fs.readdirSync(folder)).toEqual(['tokens.json'])
  })

  it('until they have been expired for an hour, unless there is a refresh token', async () => {
    const now = Date.now() / 1000
    const store = fileStore(file)
    await store.set('expired', { access_token: 'a', expires_at: now - 4000 })
    await store.set('just expired', { access_token: 'b', expires_at: now - 10 })
    await store.set('a login', { access_token: 'c', expires_at: 1, refresh_token: 'r' })
    await store.set('no expiry', { access_token: 'd' })
    expect(Object.keys(JSON.parse(fs.readFileSync(file, 'utf8')) as object)).toEqual([
      'just expired',
      'a login',
      'no expiry',
    ])
  })

  it('in a file that can always be read again: the oldest are deleted from one that grows too large', async () => {
    const access_token = 'x'.repeat(65_000)
    const most = Array.from({ length: 63 }, (_, n) => [`key-${n}`, { access_token }])
    fs.writeFileSync(file, JSON.stringify(Object.fromEntries(most)), { mode: 0o600 })
    const store = fileStore(file)
    for (let n = 63; n < 65; n += 1) await store.set(`key-${n}`, { access_token })
    expect(await fileStore(file).get('key-64')).toEqual({ access_token })
    expect(await store.get('key-0')).toBeUndefined()
    expect(await store.get('key-10')).toEqual({ access_token })
  })

  it('if it has at most 64 KiB, so that a server cannot drive out the tokens of others', async () => {
    const store = fileStore(file)
    await store.set('key', { access_token: 'first-token' })
    await expect(store.set('a', { access_token: 'x'.repeat(65_536) })).rejects.toMatchObject({
      code: 'ERR_IGWN_STORE_UNUSABLE',
      message: expect.stringMatching(/^The token response is larger than 64 KiB/) as string,
    })
    expect(await store.get('key')).toEqual({ access_token: 'first-token' })
  })

  it.each([
    ['a date text', '2100-01-01T00:00:00Z', 4_102_444_800],
    ['digits', '4102444800', 4_102_444_800],
    ['milliseconds', 4_102_444_800_000, 4_102_444_800],
    ['nonsense', 'soon', 0],
  ])('with an expiry that was written as %s', async (_, expires_at, expected) => {
    fs.writeFileSync(file, JSON.stringify({ a: { access_token: 'first-token', expires_at } }), {
      mode: 0o600,
    })
    expect(await fileStore(file).get('a')).toEqual({ access_token: 'first-token', expires_at: expected })
  })

  it('shows none of them when it is printed', async () => {
    const store = fileStore(file)
    await store.set('a', token)
    expectNoSecret(store, ['first-token'])
    expect(inspect(store, { depth: null })).not.toContain('first')
  })
})

describe('rejects', () => {
  it('a file that others can read, with the command that fixes it', async () => {
    fs.writeFileSync(file, JSON.stringify({ a: token }), { mode: 0o600 })
    fs.chmodSync(file, 0o644)
    const store = fileStore(file)
    const refusal = unusable(
      `${file} is accessible to others (mode 0644), so its tokens may be known to them. Run \`chmod 600 ${file}\`.`,
    )
    await expect(store.get('a')).rejects.toEqual(refusal)
    await expect(store.set('a', token)).rejects.toEqual(refusal)
    await expect(store.delete('a')).rejects.toEqual(refusal)
    expect(fs.readFileSync(file, 'utf8')).toBe(JSON.stringify({ a: token }))
    fs.chmodSync(file, 0o600)
    expect(await store.get('a')).toEqual(token)
  })

  it('a folder in which others can replace the file, unless only owners can, as in /tmp', async () => {
    const store = fileStore(file)
    await store.set('a', token)
    fs.chmodSync(folder, 0o777)
    const refusal = unusable(`${folder} can be written by others (mode 0777). Run \`chmod go-w ${folder}\`.`)
    await expect(store.get('a')).rejects.toEqual(refusal)
    await expect(store.set('a', token)).rejects.toEqual(refusal)
    await expect(store.lock?.('a', () => Promise.resolve())).rejects.toEqual(refusal)
    fs.chmodSync(folder, 0o1777)
    expect(await store.get('a')).toEqual(token)
  })

  it('a file and a folder of another user', async () => {
    fs.writeFileSync(file, JSON.stringify({ a: token }), { mode: 0o600 })
    const own = process.geteuid?.() ?? 0
    // Only root can change the owner of a file, so the user is changed instead.
    const asked = jest.spyOn(processEnvironment, 'euid', 'get').mockReturnValue(own + 1)
    try {
      await expect(fileStore(file).get('a')).rejects.toEqual(
        unusable(
          `${file} belongs to user ${own}, not to user ${own + 1}. Use a regular file of your own, in a folder of your own.`,
        ),
      )
    } finally {
      asked.mockRestore()
    }
  })

  it.each([
    ['text that is not JSON', 'first-token'],
    ['half of it', '{"a":{"access_token":"first-token"'],
    ['a list', '["first-token"]'],
    ['null', 'null'],
    ['an entry that is not a token', '{"a":"first-token"}'],
    ['an entry without access_token', '{"a":{"refresh_token":"first-token"}}'],
  ])('%s, without repeating it', async (_, text) => {
    fs.writeFileSync(file, text, { mode: 0o600 })
    const error: unknown = await fileStore(file)
      .get('a')
      .catch((reason: unknown) => reason)
    expect(error).toEqual(
      unusable(`${file} is not a token store: it has no JSON object with tokens by key. Run \`rm ${file}\`.`),
    )
    expectNoSecret(error, ['first-token'])
  })

  it('a second hard link, a FIFO, and a link of another user', async () => {
    fs.writeFileSync(path.join(folder, 'other.json'), '{}', { mode: 0o600 })
    fs.linkSync(path.join(folder, 'other.json'), file)
    const hardLink = unusable(
      `${file} has 2 hard links, of which others may use one. Use a regular file of your own, in a folder of your own.`,
    )
    await expect(fileStore(file).get('a')).rejects.toEqual(hardLink)
    await expect(fileStore(file).set('a', token)).rejects.toEqual(hardLink)
    fs.rmSync(file)
    execFileSync('mkfifo', [file])
    await expect(fileStore(file).get('a')).rejects.toMatchObject({ code: 'ERR_IGWN_STORE_UNUSABLE' })
    await expect(fileStore(file).set('a', token)).rejects.toMatchObject({ code: 'ERR_IGWN_STORE_UNUSABLE' })
  })

  it('a link into a folder in which others can replace the file', async () => {
    const open = path.join(folder, 'open')
    fs.mkdirSync(open)
    fs.writeFileSync(path.join(open, 'tokens.json'), '{}', { mode: 0o600 })
    fs.chmodSync(open, 0o777)
    fs.symlinkSync(path.join(open, 'tokens.json'), file)
    await expect(fileStore(file).get('a')).rejects.toMatchObject({ code: 'ERR_IGWN_STORE_UNUSABLE' })
    await expect(fileStore(file).set('a', token)).rejects.toMatchObject({ code: 'ERR_IGWN_STORE_UNUSABLE' })
  })

  itAsRoot('a folder that is, or is below, a link of another user: nothing is created there', async () => {
    const [shared, own] = [path.join(folder, 'shared'), path.join(folder, 'own')]
    for (const one of [shared, own]) fs.mkdirSync(one)
    fs.chmodSync(shared, 0o1777)
    const link = path.join(shared, 'link')
    fs.symlinkSync(own, link)
    fs.lchownSync(link, 65_534, 65_534)
    const refusal = unusable(
      `${link} belongs to user 65534, not to user 0, and others can write to a folder on the path. Use a folder of your own.`,
    )
    const store = fileStore(path.join(link, 'tokens.json'))
    await expect(store.set('a', token)).rejects.toEqual(refusal)
    await expect(store.delete('a')).rejects.toEqual(refusal)
    await expect(store.lock?.('a', () => Promise.resolve())).rejects.toEqual(refusal)
    await expect(fileStore(path.join(link, 'new', 'tokens.json')).set('a', token)).rejects.toEqual(refusal)
    expect(fs.readdirSync(own)).toEqual([])
    fs.lchownSync(link, 0, 0)
    await store.set('a', token)
    expect(fs.readdirSync(own)).toEqual(['tokens.json'])
  })

  it('to store what is not a token', async () => {
    await expect(fileStore(file).set('a', { access_token: '' })).rejects.toMatchObject({
      code: 'ERR_IGWN_STORE_UNUSABLE',
    })
    expect(fs.existsSync(file)).toBe(false)
  })

  it('a folder instead of the file, and a file instead of the folder', async () => {
    fs.mkdirSync(file)
    await expect(fileStore(file).get('a')).rejects.toEqual(
      unusable(`${file} is a folder, not a file. Use a regular file of your own, in a folder of your own.`),
    )
    fs.rmdirSync(file)
    fs.writeFileSync(file, '{}', { mode: 0o600 })
    const below = path.join(file, 'tokens.json')
    await expect(fileStore(below).set('a', token)).rejects.toEqual(
      unusable(`${file} cannot be created (EEXIST). Use a file that you can write.`),
    )
  })

  it.each([undefined, '', 7, {}])('a path that is not one: %j', (value) => {
    expect(thrownBy(() => fileStore(value as string))).toMatchObject({
      code: 'ERR_IGWN_INVALID_OPTION',
      message: expect.stringMatching(/^fileStore needs the path of a file, not (undefined|an? .*)\.$/),
    })
  })
})
