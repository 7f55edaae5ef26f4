import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import {
  failureText,
  FileAccessError,
  openDevice,
  openForWriting,
  openOwnFile,
  removeTextFile,
  replaceFile,
  writeTarget,
  writeTextFile,
} from '../../lib/files/write-file'
import { emptyPlaces, put, room } from '../support/tokens'

const isRoot = process.geteuid?.() === 0
const itAsRoot = isRoot ? it : it.skip

beforeEach(emptyPlaces)

const modeOf = (file: string) => (fs.statSync(file).mode & 0o777).toString(8)
const refusal = (what: string) => expect.objectContaining({ name: 'FileAccessError', message: what }) as Error

/** Opens and closes. */
async function opened(...parameters: Parameters<typeof openForWriting>): Promise<void> {
  await (await openForWriting(...parameters)).close()
}

describe('openForWriting', () => {
  it('creates a file with the given mode, and gives it to one that exists, without truncating it', async () => {
    await opened(room('new'), { mode: 0o600 })
    expect(modeOf(room('new'))).toBe('600')
    await opened(put(room('old'), 'text', 0o644), { mode: 0o640 })
    expect(modeOf(room('old'))).toBe('640')
    await opened(put(room('same'), 'text', 0o604))
    expect(modeOf(room('same'))).toBe('604')
    expect(fs.readFileSync(room('old'), 'utf8')).toBe('text')
  })

  it('fails with EEXIST if the file exists and must not', async () => {
    put(room('lock'), '')
    await expect(openForWriting(room('lock'), { exclusive: true })).rejects.toMatchObject({ code: 'EEXIST' })
    fs.symlinkSync(room('nowhere'), room('link'))
    await expect(openForWriting(room('link'), { exclusive: true })).rejects.toMatchObject({ code: 'EEXIST' })
    expect(fs.existsSync(room('nowhere'))).toBe(false)
  })

  it.each([
    [
      'a symbolic link',
      'is a symbolic link',
      () => {
        fs.symlinkSync(put(room('target'), 'text'), room('file'))
      },
    ],
    [
      'a link to no file',
      'is a symbolic link',
      () => {
        fs.symlinkSync(room('nowhere'), room('file'))
      },
    ],
    [
      'a FIFO',
      'is a FIFO, socket or device, not a file',
      () => {
        execFileSync('mkfifo', [room('file')])
      },
    ],
    [
      'a file with a second hard link',
      'has 2 hard links, of which others may use one',
      () => {
        fs.linkSync(put(room('target'), 'text'), room('file'))
      },
    ],
  ])('refuses %s', async (_, what, create) => {
    create()
    await expect(openForWriting(room('file'))).rejects.toEqual(refusal(what))
    await expect(openOwnFile(room('file'))).rejects.toEqual(refusal(what))
    if (fs.existsSync(room('target'))) expect(fs.readFileSync(room('target'), 'utf8')).toBe('text')
    expect(fs.existsSync(room('nowhere'))).toBe(false)
  })

  itAsRoot('refuses a file of another user', async () => {
    fs.chownSync(put(room('file'), 'text'), 4321, 4321)
    const what = 'belongs to user 4321, not to user 0'
    await expect(openForWriting(room('file'))).rejects.toEqual(refusal(what))
    await expect(openOwnFile(room('file'))).rejects.toEqual(refusal(what))
    await expect(replaceFile(room('file'), room('target'))).rejects.toEqual(refusal(what))
    expect(fs.existsSync(room('target'))).toBe(false)
  })
})

describe('openDevice', () => {
  it('opens a device for writing', async () => {
    const device = await openDevice('/dev/null')
    try {
      expect(await device.write('text')).toMatchObject({ bytesWritten: 4 })
    } finally {
      await device.close()
    }
  })

  it('refuses a regular file, which was put in its place, and does not change it', async () => {
    const file = put(room('file'), 'text')
    await expect(openDevice(file)).rejects.toEqual(refusal('was replaced while it was read'))
    expect(fs.readFileSync(file, 'utf8')).toBe('text')
  })

  itAsRoot('refuses the link of another user in a folder that others can write to', async () => {
    const folder = room('shared')
    fs.mkdirSync(folder)
    fs.chmodSync(folder, 0o1777)
    const link = path.join(folder, 'link')
    fs.symlinkSync('/dev/null', link)
    fs.lchownSync(link, 4321, 4321)
    await expect(openDevice(link)).rejects.toEqual(refusal('belongs to user 4321, not to user 0'))
  })
})

describe('writeTextFile', () => {
  it('replaces the whole file, leaves nothing beside it, and sets the mode', async () => {
    await writeTextFile(room('file'), 'one')
    expect([fs.readFileSync(room('file'), 'utf8'), modeOf(room('file'))]).toEqual(['one', '600'])
    const before = fs.statSync(room('file')).ino
    await writeTextFile(room('file'), 'two', 0o640)
    expect([fs.readFileSync(room('file'), 'utf8'), modeOf(room('file'))]).toEqual(['two', '640'])
    expect(fs.statSync(room('file')).ino).not.toBe(before)
    expect(fs.readdirSync(room(''))).toEqual(['file'])
  })

  it('keeps a link and replaces its target', async () => {
    put(room('folder/target'), 'one')
    fs.symlinkSync(room('folder/target'), room('link'))
    await writeTextFile(room('link'), 'two')
    expect(fs.lstatSync(room('link')).isSymbolicLink()).toBe(true)
    expect(fs.readFileSync(room('folder/target'), 'utf8')).toBe('two')
  })

  it('writes a file with a name of 255 bytes', async () => {
    const file = room('x'.repeat(255))
    await writeTextFile(file, 'text')
    expect(fs.readFileSync(file, 'utf8')).toBe('text')
  })

  it('leaves nothing behind when it fails', async () => {
    fs.mkdirSync(room('folder'))
    await expect(writeTextFile(room('folder'), 'text')).rejects.toEqual(refusal('is a folder, not a file'))
    await expect(writeTextFile(room('no/such/folder'), 'text')).rejects.toMatchObject({ code: 'ENOENT' })
    expect(fs.readdirSync(room(''))).toEqual(['folder'])
  })
})

describe('writeTarget', () => {
  it('is the file itself, or the target of a link', async () => {
    expect(await writeTarget(room('new'))).toBe(room('new'))
    put(room('target'), '')
    fs.symlinkSync('target', room('link'))
    expect(await writeTarget(room('link'))).toBe(fs.realpathSync(room('target')))
  })

  it('refuses a link to no file', async () => {
    fs.symlinkSync('nowhere', room('link'))
    await expect(writeTarget(room('link'))).rejects.toEqual(refusal('is a symbolic link to no file'))
  })

  it('refuses a link that leads to itself', async () => {
    fs.symlinkSync('circle', room('circle'))
    await expect(writeTarget(room('circle'))).rejects.toEqual(refusal('cannot be read (ELOOP)'))
  })

  itAsRoot('refuses a link of another user in a folder that others can write to', async () => {
    const folder = room('shared')
    fs.mkdirSync(folder)
    fs.chmodSync(folder, 0o1777)
    const link = path.join(folder, 'link')
    fs.symlinkSync(put(room('target'), ''), link)
    fs.lchownSync(link, 4321, 4321)
    await expect(writeTarget(link)).rejects.toEqual(
      refusal('belongs to user 4321, not to user 0, and others can write to a folder on the path'),
    )
  })
})

describe('removeTextFile', () => {
  it('removes a file, a link with its target, and a link to no file', async () => {
    put(room('file'), '')
    put(room('folder/target'), 'secret')
    fs.symlinkSync(room('folder/target'), room('link'))
    fs.symlinkSync('nowhere', room('broken'))
    for (const name of ['file', 'link', 'broken']) expect(await removeTextFile(room(name))).toBe(true)
    expect(await removeTextFile(room('file'))).toBe(false)
    expect(fs.readdirSync(room(''))).toEqual(['folder'])
    expect(fs.readdirSync(room('folder'))).toEqual([])
  })

  it('keeps a link to what writing would not replace', async () => {
    fs.symlinkSync('.', room('link'))
    await expect(removeTextFile(room('link'))).rejects.toEqual(refusal('is a folder, not a file'))
    expect(fs.readdirSync(room(''))).toEqual(['link'])
  })
})

it('a failure is described without the path', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write /secret'), { code: 'ENOSPC' })
  expect(failureText(full, 'written')).toBe('cannot be written (ENOSPC)')
  expect(failureText(new Error('of /secret'), 'locked')).toBe('cannot be locked (unknown error)')
  expect(
    failureText(new FileAccessError({ problem: 'not-a-file', what: 'is a symbolic link' }), 'locked'),
  ).toBe('is a symbolic link')
})
