import fs from 'node:fs'
import os from 'node:os'
import { isLeftBehind, processIdentity } from '../../lib/files/process-identity'

afterEach(() => {
  jest.restoreAllMocks()
})

it('a lock file names the process, its host and its start', () => {
  const [pid, host, start, id] = processIdentity().trim().split(' ')
  expect([pid, host]).toEqual([String(process.pid), os.hostname()])
  expect(start).toMatch(/^\d+$/)
  expect(isLeftBehind(processIdentity())).toBe(false)
  expect(isLeftBehind(`${pid} ${host} ${start} other\n`)).toBe(false)
  expect(isLeftBehind(`${pid} ${host} 1 other\n`)).toBe(true)
  expect(isLeftBehind(`${pid} ${host} 1 ${id}\n`)).toBe(false)
  expect(isLeftBehind(`${pid} another-host 1 other\n`)).toBe(false)
  expect(isLeftBehind(`1${pid} ${host} 1 other\n`)).toBe(false)
  expect(isLeftBehind('')).toBe(true)
})

it('on a host without /proc the start is the time in seconds', async () => {
  jest.spyOn(fs, 'readFileSync').mockImplementation(() => {
    throw new Error('there is no /proc')
  })
  await jest.isolateModulesAsync(async () => {
    const elsewhere = await import('../../lib/files/process-identity')
    const start = Number(elsewhere.processIdentity().split(' ')[2])
    const expected = Date.now() / 1000 - process.uptime()
    expect(Math.abs(start - expected)).toBeLessThan(2)
    expect(elsewhere.isLeftBehind(`${process.pid} ${os.hostname()} ${start} other\n`)).toBe(false)
  })
})
