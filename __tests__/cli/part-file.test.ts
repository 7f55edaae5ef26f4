/** Crashes of the host, other hosts, and files of other users: what tests of the command cannot have. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { openPart, type PartFile } from '../../lib/cli/part-file'

const source = { key: 'this', validator: { etag: '"version-1"' }, size: 30 }
const [first, second, third] = ['a', 'b', 'c'].map((letter) => Buffer.alloc(10, letter)) as [
  Buffer,
  Buffer,
  Buffer,
]

let file: string
const open: PartFile[] = []
beforeEach(() => {
  file = path.join(fs.mkdtempSync(path.join(String(process.env.TMPDIR), 'part-')), 'x')
})
afterEach(async () => {
  jest.restoreAllMocks()
  await Promise.all(open.splice(0).map((part) => part.close()))
})

async function opened(): Promise<PartFile> {
  const part = await openPart(file, 'this', true)
  open.push(part)
  return part
}

const BOOT = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
const hasSidecar = () =>
  fs.existsSync(`${file}.part.json`) && fs.readFileSync(`${file}.part.json`).includes('\n')
const sidecar = () => JSON.parse(fs.readFileSync(`${file}.part.json`, 'utf8')) as { bytes: number }

it('records every few seconds how much is synced to the disk', async () => {
  const part = await opened()
  await part.restart(source)
  await part.write(first)
  expect(fs.existsSync(`${file}.part.json`)).toBe(false)
  const now = Date.now()
  jest.spyOn(Date, 'now').mockImplementation(() => now + 6000)
  await part.write(second)
  while (!hasSidecar()) await wait(1)
  await part.write(third)
  expect(sidecar()).toEqual({ ...source, bytes: 20, boot: BOOT })
})

it('records after 16 MiB what it is the beginning of', async () => {
  const part = await opened()
  await part.restart({ ...source, size: 1e9 })
  await part.write(Buffer.alloc(16 * 1024 * 1024 - 1))
  expect(fs.existsSync(`${file}.part.json`)).toBe(false)
  await part.write(first)
  expect(sidecar()).toEqual({ ...source, size: 1e9, bytes: 0, boot: BOOT })
})

it('resumes at the end of the file after a process was killed', async () => {
  fs.writeFileSync(`${file}.part`, Buffer.concat([first, second]))
  // The second line is what a process left that was killed while it wrote the first one.
  fs.writeFileSync(`${file}.part.json`, `${JSON.stringify({ ...source, bytes: 0, boot: BOOT })}\n"}}\n`)
  const part = await opened()
  expect({ position: part.position, source: part.source }).toEqual({ position: 20, source })
})

it('resumes after a crash of the host at what is synced, whatever follows in the file', async () => {
  fs.writeFileSync(`${file}.part`, Buffer.concat([first, second, Buffer.alloc(20)]))
  fs.writeFileSync(`${file}.part.json`, JSON.stringify({ ...source, bytes: 20, boot: 'an earlier one' }))
  const part = await opened()
  expect({ position: part.position, source: part.source }).toEqual({ position: 20, source })
  await part.write(third)
  await part.complete()
  expect(fs.readFileSync(file, 'utf8')).toBe(Buffer.concat([first, second, third]).toString())
  expect(fs.readdirSync(path.dirname(file))).toEqual(['x'])
})

it('starts again when the file is shorter than what was synced', async () => {
  fs.writeFileSync(`${file}.part`, first)
  fs.writeFileSync(`${file}.part.json`, JSON.stringify({ ...source, bytes: 20 }))
  expect(await opened()).toMatchObject({ position: 0, source: undefined })
})

it('is refused when a symbolic link has its name', async () => {
  fs.symlinkSync('elsewhere', `${file}.part`)
  await expect(opened()).rejects.toMatchObject({
    exitCode: 23,
    message: `${file}.part is a symbolic link`,
  })
  expect(fs.readdirSync(path.dirname(file))).toEqual(['x.part'])
})

it('is refused when it is a hard link to another file', async () => {
  fs.writeFileSync(`${file}.other`, 'other')
  fs.linkSync(`${file}.other`, `${file}.part`)
  await expect(opened()).rejects.toMatchObject({ exitCode: 23 })
  expect(fs.readFileSync(`${file}.other`, 'utf8')).toBe('other')
})

it('has the mode of the final file from the start, and so has its sidecar', async () => {
  fs.writeFileSync(file, 'old', { mode: 0o600 })
  const part = await opened()
  expect(modeOf(`${file}.part`)).toBe('600')
  await part.restart(source)
  await part.write(first)
  await part.close()
  open.length = 0
  expect(modeOf(`${file}.part.json`)).toBe('600')
})

const modeOf = (name: string) => (fs.statSync(name).mode & 0o777).toString(8)

it.each([246, 255])('can be saved when its name has %i bytes', async (length) => {
  file = path.join(path.dirname(file), 'é'.repeat(100) + 'x'.repeat(length - 200))
  const part = await opened()
  await part.restart(source)
  await part.write(first)
  await part.write(second)
  await part.close()
  open.length = 0
  const again = await opened()
  expect(again.position).toBe(20)
  await again.write(third)
  await again.complete()
  expect(fs.readdirSync(path.dirname(file))).toEqual([path.basename(file)])
})

describe('the lock', () => {
  const lockFile = () => `${file}.part.lock`
  const write = (owner: object) => fs.writeFileSync(lockFile(), JSON.stringify(owner))

  it('of another host is respected, because its processes cannot be checked', async () => {
    write({ pid: 1, host: 'node17.example.org', id: 'x' })
    await expect(opened()).rejects.toMatchObject({
      exitCode: 23,
      message: `${file}.part is being written by process 1 on node17.example.org`,
      details: { fixes: [`wait for it; if there is no such process, rm ${lockFile()}`] },
    })
  })

  it('holds the process id, the host, the start time and a random id', async () => {
    await opened()
    const owner = JSON.parse(fs.readFileSync(lockFile(), 'utf8')) as Record<string, unknown>
    expect(owner).toMatchObject({ pid: process.pid, host: os.hostname(), id: expect.any(String) as string })
    if (process.platform === 'linux') expect(owner.start).toMatch(/^\d+$/)
    await expect(opened()).rejects.toMatchObject({ exitCode: 23 })
  })

  it.each<[string, () => void]>([
    ['of a process that no longer runs', () => write({ pid: 2147483646, host: os.hostname(), id: 'x' })],
    [
      'of this process id with another random id',
      () => write({ pid: process.pid, host: os.hostname(), id: 'x' }),
    ],
    [
      'of a running process with another start time',
      () => write({ pid: process.ppid, host: os.hostname(), start: '1', id: 'x' }),
    ],
    ['that is empty', () => fs.writeFileSync(lockFile(), '')],
    ['that is unreadable', () => fs.writeFileSync(lockFile(), '\0not JSON')],
  ])('%s is stale and replaced', async (_, leave) => {
    leave()
    expect((await opened()).position).toBe(0)
  })

  it('is not taken where something is in the way of replacing it, and the message says what', async () => {
    const inTheWay = `${lockFile()}.break`
    fs.mkdirSync(inTheWay)
    await expect(opened()).rejects.toMatchObject({
      exitCode: 23,
      message: `The lock file ${inTheWay} is a folder, not a file. Remove it, or use a folder of your own.`,
    })
  })

  it('that is stale is replaced by one of two that find it', async () => {
    write({ pid: 2147483646, host: os.hostname(), id: 'x' })
    const { rm } = fs.promises
    // The first one is slow.
    jest.spyOn(fs.promises, 'rm').mockImplementationOnce(async (...all) => {
      await wait(100)
      await rm(...all)
    })
    const outcomes = await Promise.allSettled([opened(), opened()])
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { exitCode: 23, message: expect.stringContaining('is being written by process') as string },
    })
  })
})
