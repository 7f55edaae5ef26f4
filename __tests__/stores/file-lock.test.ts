import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { isLeftBehind, processIdentity } from '../../lib/files/process-identity'
import { fileLock } from '../../lib/stores/file-lock'
import { ours } from '../support/tokens'

/** The content of a lock of another host. */
const OTHER = '1 other.example.org 1 1234\n'

let folder: string
let lockFile: string
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(String(process.env.TMPDIR), 'lock-'))
  lockFile = path.join(folder, 'a.lock')
})
afterEach(() => {
  // No file is left that would make the next one wait.
  expect(fs.readdirSync(folder)).toEqual([])
  fs.rmdirSync(folder)
})

/** Work that counts when other work runs at the same time. */
function exclusive() {
  const state = { inside: 0, done: 0, clashes: 0 }
  const work = async () => {
    state.inside += 1
    if (state.inside > 1) state.clashes += 1
    await wait(1)
    state.inside -= 1
    return (state.done += 1)
  }
  return Object.assign(state, { work })
}

it('runs one work at a time, with one lock or several of one path', async () => {
  const locks = [fileLock(lockFile), fileLock(lockFile), fileLock(lockFile)]
  const watch = exclusive()
  const all = await Promise.all(Array.from({ length: 30 }, async (_, i) => locks[i % 3]!(watch.work)))
  expect(new Set(all).size).toBe(30)
  expect(watch.clashes).toBe(0)
})

it('returns the result of the work, and is released after work that throws', async () => {
  const lock = fileLock(lockFile)
  await expect(lock(() => Promise.reject(new Error('no token today')))).rejects.toThrow('no token today')
  expect(await lock(() => Promise.resolve('done'))).toBe('done')
})

it('says once that it waits for another process, and waits no longer when the signal aborts', async () => {
  fs.writeFileSync(lockFile, OTHER)
  const controller = new AbortController()
  let waits = 0
  const onWait = () => {
    waits += 1
    setTimeout(() => {
      controller.abort(new Error('interrupted'))
    }, 100)
  }
  const work = jest.fn(() => Promise.resolve())
  await expect(fileLock(lockFile)(work, { signal: controller.signal, onWait })).rejects.toThrow('interrupted')
  expect(work).not.toHaveBeenCalled()
  expect(waits).toBe(1)
  fs.unlinkSync(lockFile)
})

it('leaves no file where the disk is full', async () => {
  const handle = await fs.promises.open(folder)
  await handle.close()
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  const write = jest.spyOn(Object.getPrototypeOf(handle) as typeof handle, 'writeFile')
  write.mockRejectedValueOnce(full)
  await expect(fileLock(lockFile)(() => Promise.resolve())).rejects.toBe(full)
  write.mockRestore()
  expect(fs.readdirSync(folder)).toEqual([])
})

it('has mode 0600', async () => {
  const mode = await fileLock(lockFile)(() => Promise.resolve(fs.statSync(lockFile).mode))
  expect(mode & 0o777).toBe(0o600)
})

it('removes a lock that is not touched, and only after it has watched it for so long', async () => {
  fs.writeFileSync(lockFile, OTHER)
  // Its age does not matter: the clock of a file server may be years off.
  fs.utimesSync(lockFile, 0, 0)
  const begin = performance.now()
  expect(await fileLock(lockFile, 300)(() => Promise.resolve('mine'))).toBe('mine')
  expect(performance.now() - begin).toBeGreaterThan(290)
})

it('does not remove a lock whose holder works for longer than that', async () => {
  const order: string[] = []
  let begin = (): void => undefined
  const begun = new Promise<void>((resolve) => (begin = resolve))
  const first = fileLock(
    lockFile,
    200,
  )(async () => {
    order.push('first begins')
    begin()
    await wait(700)
    order.push('first ends')
  })
  await begun
  await fileLock(lockFile, 200)(() => Promise.resolve(order.push('second')))
  await first
  expect(order).toEqual(['first begins', 'first ends', 'second'])
})

it('admits one when many find the same stale lock', async () => {
  fs.writeFileSync(lockFile, '')
  const watch = exclusive()
  await Promise.all(Array.from({ length: 12 }, async () => fileLock(lockFile, 200)(watch.work)))
  expect(watch.clashes).toBe(0)
})

it('does not remove the lock of another holder when it is released', async () => {
  let other = 0
  await fileLock(lockFile)(() => {
    // As if this process had been stopped for so long that its lock counted as stale.
    fs.unlinkSync(lockFile)
    fs.writeFileSync(lockFile, 'of another')
    other = fs.statSync(lockFile).ino
    return Promise.resolve()
  })
  expect(fs.statSync(lockFile).ino).toBe(other)
  fs.unlinkSync(lockFile)
})

it('works when a breaker was left behind too', async () => {
  fs.writeFileSync(lockFile, '')
  fs.writeFileSync(`${lockFile}.break`, '')
  // Each look at a lock takes half a second.
  let time = 0
  const clock = jest.spyOn(performance, 'now').mockImplementation(() => (time += 500))
  try {
    expect(await fileLock(lockFile)(() => Promise.resolve('mine'))).toBe('mine')
  } finally {
    clock.mockRestore()
  }
})

it('is removed after its holder was killed', async () => {
  const lib = path.join(__dirname, '../../dist/index.js')
  const holder = spawn(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `import { fileStore } from ${JSON.stringify(lib)}
       await fileStore(${JSON.stringify(path.join(folder, 'tokens.json'))}).lock('k', () => {
         console.log('held')
         return new Promise((resolve) => setTimeout(resolve, 60_000))
       })`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  await once(holder.stdout, 'data')
  const [held] = fs.readdirSync(folder)
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  expect(fs.readdirSync(folder)).toEqual([held])
  expect(await fileLock(path.join(folder, held!), 200)(() => Promise.resolve('mine'))).toBe('mine')
})

it('rejects at once when the folder does not exist', async () => {
  await expect(fileLock(path.join(folder, 'no', 'a.lock'))(() => Promise.resolve())).rejects.toMatchObject({
    code: 'ENOENT',
  })
})

describe('a lock that was left behind', () => {
  const [pid, host, start] = processIdentity().trim().split(' ')

  it.each([
    ['is empty', ''],
    ['is not readable as one', 'garbage'],
    [
      'has the number of this process and this host, another start and another id',
      `${pid} ${host} 0 another-id\n`,
    ],
  ])('and %s is removed early', async (_, text) => {
    fs.writeFileSync(lockFile, text)
    // Each look at the lock takes a quarter of a second.
    let time = 0
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => (time += 250))
    try {
      expect(await fileLock(lockFile)(() => Promise.resolve(time))).toBeGreaterThan(2000)
      expect(time).toBeLessThan(5000)
    } finally {
      clock.mockRestore()
    }
  })

  it.each([
    ['of this process', processIdentity()],
    ['of another thread of this process', `${pid} ${host} ${start} another-id\n`],
    ['of another process', `${Number(pid) + 1} ${host} 0 another-id\n`],
    ['of another host', OTHER],
  ])('and is one %s is not', (_, text) => {
    expect(isLeftBehind(text)).toBe(false)
  })
})

it.each([
  ['a FIFO', () => execFileSync('mkfifo', [lockFile]), 'is a FIFO, socket or device, not a file'],
  ['a folder', () => fs.mkdirSync(lockFile), 'is a folder, not a file'],
  ['a link', () => fs.symlinkSync('/dev/null', lockFile), 'is a symbolic link'],
])('rejects when its name is that of %s, without blocking', async (_, make, problem) => {
  make()
  await expect(fileLock(lockFile)(() => Promise.resolve())).rejects.toEqual(
    ours(
      'ERR_IGWN_STORE_UNUSABLE',
      `The lock file ${lockFile} ${problem}. Remove it, or use a folder of your own.`,
    ),
  )
  fs.rmSync(lockFile, { recursive: true })
})
