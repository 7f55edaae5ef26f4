/** What of a part outlives a crash, which no test can have: that of the machine, and of another one. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { openPart, type PartFile } from '../../lib/cli/part-file'

const whole = { key: 'this', validator: { etag: '"version-1"' }, size: 30 }
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

const papers = () => JSON.parse(fs.readFileSync(`${file}.part.json`, 'utf8')) as { bytes: number }

it('is noted every few seconds as far as it is surely on the disk', async () => {
  const part = await opened()
  await part.begin(whole)
  await part.write(first)
  expect(fs.existsSync(`${file}.part.json`)).toBe(false)
  const now = Date.now()
  jest.spyOn(Date, 'now').mockImplementation(() => now + 6000)
  await part.write(second)
  while (!fs.existsSync(`${file}.part.json`)) await wait(1)
  await part.write(third)
  expect(papers()).toEqual({ ...whole, bytes: 20 })
})

it('is taken up from there, whatever else the file has', async () => {
  fs.writeFileSync(`${file}.part`, Buffer.concat([first, second, Buffer.alloc(20)]))
  fs.writeFileSync(`${file}.part.json`, JSON.stringify({ ...whole, bytes: 20 }))
  const part = await opened()
  expect({ position: part.position, whole: part.whole }).toEqual({ position: 20, whole })
  await part.write(third)
  await part.complete()
  expect(fs.readFileSync(file, 'utf8')).toBe(Buffer.concat([first, second, third]).toString())
  expect(fs.readdirSync(path.dirname(file))).toEqual(['x'])
})

it('begins anew where less is there than was noted', async () => {
  fs.writeFileSync(`${file}.part`, first)
  fs.writeFileSync(`${file}.part.json`, JSON.stringify({ ...whole, bytes: 20 }))
  expect(await opened()).toMatchObject({ position: 0, whole: undefined })
})

it('is not begun where a link stands in its place', async () => {
  fs.symlinkSync('elsewhere', `${file}.part`)
  await expect(opened()).rejects.toMatchObject({
    exitCode: 23,
    message: `${file}.part cannot be written (ELOOP)`,
  })
  expect(fs.readdirSync(path.dirname(file))).toEqual(['x.part'])
})

it('may be in the hands of another machine, of which nobody here knows', async () => {
  fs.writeFileSync(`${file}.part.lock`, '1 node17.example.org\n')
  await expect(opened()).rejects.toMatchObject({
    exitCode: 23,
    message: `${file}.part is being written by process 1 of node17.example.org`,
    details: [`to mend it: wait for that; or where there is no such process, rm ${file}.part.lock`],
  })
  fs.writeFileSync(`${file}.part.lock`, `2147483646 ${os.hostname()}\n`)
  expect((await opened()).position).toBe(0)
})
