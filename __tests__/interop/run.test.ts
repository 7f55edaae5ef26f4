import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { newFolder } from './support/room'

const ROOT = path.join(__dirname, '../..')
const RUN = ['--import', 'tsx', '__tests__/interop/run.ts']

describe('without the packages', () => {
  const run = (...args: string[]) =>
    // Without dpkg-query, no package counts as installed.
    spawnSync(process.execPath, [...RUN, ...args], {
      cwd: ROOT,
      encoding: 'utf8',
      env: { ...process.env, PATH: '' },
    })

  it('runs nothing, and prints what to install', () => {
    const { status, stdout, stderr } = run()
    expect(status).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toMatch(
      /^ {2}apt-get install --no-install-recommends .*\bxrootd-server .*\bpython3-requests\b/m,
    )
  })

  it('lists them with --missing', () => {
    const { status, stdout } = run('--missing')
    expect(status).toBe(0)
    expect(stdout.split('\n')).toEqual(
      expect.arrayContaining(['xrootd-server', 'scitokens-cpp', 'apache2-bin']),
    )
  })
})

/** Starts a run that would never end, and kills one of its processes. */
describe('servers, and the folder of the run,', () => {
  interface Note {
    readonly server: number
    readonly worker: number
    readonly folder: string
  }

  async function runForever() {
    const file = path.join(newFolder('forever'), 'note')
    const folder = newFolder('temporary')
    const runner = spawn(process.execPath, [...RUN, '--testMatch', '**/interop/support/forever.ts'], {
      cwd: ROOT,
      stdio: 'ignore',
      env: { ...process.env, INTEROP_NOTE: file, TMPDIR: folder },
    })
    const ended = once(runner, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
    while (!fs.existsSync(file)) {
      if (runner.exitCode !== null) throw new Error(`The run ended with ${runner.exitCode}.`)
      await wait(20)
    }
    const note = JSON.parse(fs.readFileSync(file, 'utf8')) as Note
    expect(isRunning(note.server)).toBe(true)
    return { runner, ended, ...note }
  }

  it.each(['SIGINT', 'SIGTERM'] as const)('do not remain after %s', async (signal) => {
    const { runner, ended, server, folder } = await runForever()
    runner.kill(signal)
    expect(await ended).toEqual([signal === 'SIGINT' ? 130 : 143, null])
    expect(isRunning(server)).toBe(false)
    expect(fs.existsSync(folder)).toBe(false)
  })

  it('do not remain after the tests were killed', async () => {
    const { ended, worker, server, folder } = await runForever()
    process.kill(worker, 'SIGKILL')
    const [code] = await ended
    expect(code).not.toBe(0)
    expect(isRunning(server)).toBe(false)
    expect(fs.existsSync(folder)).toBe(false)
  })

  it('do not remain after the runner was killed, except for the folder', async () => {
    const { runner, server, worker, folder } = await runForever()
    runner.kill('SIGKILL')
    while (isRunning(worker) || isRunning(server)) await wait(20)
    fs.rmSync(folder, { recursive: true })
  })

  function isRunning(pid: number): boolean {
    try {
      // A zombie does not count.
      return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))
    } catch {
      return false
    }
  }
})
