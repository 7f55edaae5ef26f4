import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileLock } from '../../lib/stores/file-lock'

let folder: string
let lockFile: string
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(String(process.env.TMPDIR), 'lock-'))
  lockFile = path.join(folder, 'a.lock')
})
afterEach(() => {
  // Whatever happened, nothing is left that would make the next one wait.
  expect(fs.readdirSync(folder)).toEqual([])
  fs.rmdirSync(folder)
})

/** Work that fails when any other is under way. */
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

it('lets one work at a time, through one lock or several of one path', async () => {
  const locks = [fileLock(lockFile), fileLock(lockFile), fileLock(lockFile)]
  const watch = exclusive()
  const all = await Promise.all(Array.from({ length: 30 }, async (_, i) => locks[i % 3]!(watch.work)))
  expect(new Set(all).size).toBe(30)
  expect(watch.clashes).toBe(0)
})

it('gives what the work gives, and is free again after work that throws', async () => {
  const lock = fileLock(lockFile)
  await expect(lock(() => Promise.reject(new Error('no token today')))).rejects.toThrow('no token today')
  expect(await lock(() => Promise.resolve('done'))).toBe('done')
})

it('is a file of this user alone while it is held', async () => {
  await fileLock(lockFile)(() => {
    expect(fs.statSync(lockFile).mode & 0o777).toBe(0o600)
    return Promise.resolve()
  })
})

it('takes away a lock that nobody touches, and only after it has watched it for so long', async () => {
  fs.writeFileSync(lockFile, '')
  // Its age says nothing: the clock of a file server may be years off.
  fs.utimesSync(lockFile, 0, 0)
  const begin = performance.now()
  expect(await fileLock(lockFile, 300)(() => Promise.resolve('mine'))).toBe('mine')
  expect(performance.now() - begin).toBeGreaterThan(290)
})

it('does not take away a lock whose holder works for longer than that', async () => {
  const order: string[] = []
  const first = fileLock(
    lockFile,
    200,
  )(async () => {
    order.push('first begins')
    await wait(700)
    order.push('first ends')
  })
  await wait(20)
  await fileLock(lockFile, 200)(() => Promise.resolve(order.push('second')))
  await first
  expect(order).toEqual(['first begins', 'first ends', 'second'])
})

it('lets one in when many find the same stale lock', async () => {
  fs.writeFileSync(lockFile, '')
  const watch = exclusive()
  await Promise.all(Array.from({ length: 12 }, async () => fileLock(lockFile, 200)(watch.work)))
  expect(watch.clashes).toBe(0)
})

it('leaves alone, when it lets go, the lock that another has taken meanwhile', async () => {
  let other = 0
  await fileLock(lockFile)(() => {
    // As if this process had been stopped for so long that its lock was taken for stale.
    fs.unlinkSync(lockFile)
    fs.writeFileSync(lockFile, 'of another')
    other = fs.statSync(lockFile).ino
    return Promise.resolve()
  })
  expect(fs.statSync(lockFile).ino).toBe(other)
  fs.unlinkSync(lockFile)
})

it('goes on when the breaker of a lock was left behind too', async () => {
  fs.writeFileSync(lockFile, '')
  fs.writeFileSync(`${lockFile}.break`, '')
  const taken = fileLock(lockFile, 100)(() => Promise.resolve('mine'))
  await wait(300)
  fs.unlinkSync(`${lockFile}.break`) // its ten seconds are not waited for here
  expect(await taken).toBe('mine')
})

it('is taken over from a process that was killed while it held it', async () => {
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

it('says what is wrong with a folder that is not there, at once', async () => {
  await expect(fileLock(path.join(folder, 'no', 'a.lock'))(() => Promise.resolve())).rejects.toMatchObject({
    code: 'ENOENT',
  })
})
