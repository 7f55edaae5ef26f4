import http from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import axios from 'axios'
import FormDataPackage from 'form-data'
import { canResend, discard, formParts, ReplayedForm } from '../../lib/request/resend'
import { applyIgwnAuth } from '../support/all'
import { listen } from '../support/listen'
import { challenge, serverGroup } from '../support/server'

const servers = serverGroup()
afterEach(servers.close)

const refuseFirst = (_: unknown, index: number) => (index === 0 ? challenge() : {})

/** A source that returns token-1, token-2, … */
function counting() {
  let calls = 0
  return () => `token-${(calls += 1)}`
}

describe('a form of the form-data package', () => {
  /** 4 MB in 100 fields. */
  const largeForm = () => {
    const form = new FormDataPackage()
    for (let field = 0; field < 100; field += 1) form.append(`f${field}`, Buffer.alloc(40_000, field))
    return form
  }

  it('is sent in about the processor time of plain axios, also with 100 large fields', async () => {
    const server = http.createServer((request, response) => {
      request.resume().on('end', () => response.end('{}'))
    })
    const url = `http://127.0.0.1:${(await listen(server)).port}`
    const timeOf = async (instance: ReturnType<typeof axios.create>) => {
      const form = largeForm()
      const begin = process.cpuUsage()
      await instance.post(url, form, { maxBodyLength: Infinity })
      const { user, system } = process.cpuUsage(begin)
      return (user + system) / 1000
    }
    const plain = axios.create()
    const ours = applyIgwnAuth(axios.create(), { token: 'abc', cert: false })
    await timeOf(plain)
    // The least of three: garbage collection counts too.
    const least = async (one: typeof plain) =>
      Math.min(await timeOf(one), await timeOf(one), await timeOf(one))
    const [bare, withUs] = [await least(plain), await least(ours)]
    // Quadratic time was a hundred times as much.
    expect(withUs).toBeLessThan(3 * bare + 200)
  }, 60_000)

  it('is not copied: its parts are the buffers of the caller', () => {
    const value = Buffer.alloc(1000)
    const form = new FormDataPackage()
    form.append('file', value, { filename: 'a.bin' })
    expect(formParts(form)?.[1]).toBe(value)
  })

  it('has the same bytes again, with empty values and without values', async () => {
    const form = new FormDataPackage()
    expect([form.getLengthSync(), formParts(form)]).toEqual([0, []])
    for (const [name, value] of [
      ['first', ''],
      ['second', 'ü'],
      ['third', Buffer.alloc(0)],
      ['fourth', ''],
    ] as const)
      form.append(name, value)
    const parts = formParts(form)!
    // Several in a row stop a stream.
    expect(parts.map(({ length }) => length)).not.toContain(0)
    const again = new ReplayedForm(form, parts)
    expect(again.bytes()).toEqual(form.getBuffer())
    const length = new Promise((resolve) => {
      again.getLength((...all) => {
        resolve(all)
      })
    })
    expect(await length).toEqual([null, form.getLengthSync()])
    expect([again.getBoundary(), again.getHeaders()]).toEqual([form.getBoundary(), form.getHeaders()])
    expect(() => again.append()).toThrow('The form is being sent.')
    expect(formParts(again)).toBe(parts)
    expect(Buffer.concat(await again.toArray())).toEqual(form.getBuffer())
  })

  const method = () => 'x'
  it.each([
    undefined,
    null,
    'text',
    {},
    new FormData(),
    Readable.from([]),
    { getHeaders: method, _streams: [] },
    { getBoundary: method, _streams: [] },
    { getHeaders: method, getBoundary: method },
    { getHeaders: method, getBoundary: method, _streams: [method, 'value', method] },
    { getHeaders: method, getBoundary: method, _streams: ['header', method, method] },
  ])('is none for %s', (data) => {
    expect(formParts(data)).toBeUndefined()
  })

  it('with a part given as a function is sent whole, once', async () => {
    const server = await servers.serve(refuseFirst)
    const form = new FormDataPackage()
    form.append('first', 'one')
    const part = (next: (stream: Readable) => void) => {
      next(Readable.from([Buffer.from('from the function')]))
    }
    form.append('late', part, { filename: 'late.txt', knownLength: 'from the function'.length })
    const sending = applyIgwnAuth(axios.create(), { token: counting() }).post(server.origin, form)
    await expect(sending).rejects.toMatchObject({ response: { status: 401 } })
    expect(server.seen).toHaveLength(1)
    expect(server.seen[0]?.body).toContain('one')
    expect(server.seen[0]?.body).toContain('from the function')
  })

  it.each([
    ['content-only', undefined],
    ['legacy', 'yes'],
  ] as const)('has its headers by formDataHeaderPolicy %s, in both sends', async (policy, expected) => {
    const server = await servers.serve(refuseFirst)
    const form = new FormDataPackage()
    form.append('a', '1')
    const headers = { ...form.getHeaders(), 'x-form': 'yes' }
    form.getHeaders = () => headers
    await applyIgwnAuth(axios.create(), { token: counting() }).post(server.origin, form, {
      formDataHeaderPolicy: policy,
    } as object)
    expect(server.seen.map((one) => one.headers['x-form'])).toEqual([expected, expected])
    for (const one of server.seen)
      expect(one.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/)
  })
})

it.each<[string, boolean, unknown]>([
  ['no body', true, undefined],
  ['null', true, null],
  ['a string', true, 'a'],
  ['bytes', true, Buffer.from('a')],
  ['a native form', true, new FormData()],
  ['a stream', false, Readable.from(['a'])],
  ['a web stream', false, new ReadableStream()],
  ['an async iterable', false, { [Symbol.asyncIterator]: () => undefined }],
  ['something with a reader', false, { getReader: () => undefined }],
  ['something with a pipe', false, { pipe: () => undefined }],
  ['a body that says that it cannot', false, { canResend: false }],
  ['a body that says that it can', true, { canResend: true }],
])('%s can be sent a second time: %s', (_, expected, data) => {
  expect(canResend(data)).toBe(expected)
  expect(canResend(data, ['part'])).toBe(true)
})

describe('a response that is not read', () => {
  /** A stream that has read so many bytes, and is not read further. */
  const streamWith = (size: number) => {
    const stream = new PassThrough({ highWaterMark: 4 * size })
    stream.write(Buffer.alloc(size))
    return stream
  }
  const MEBIBYTE = 1024 * 1024

  it.each([
    [MEBIBYTE, false],
    [MEBIBYTE + 1, true],
  ])('is drained up to 1 MiB: after %d bytes it is closed: %s', async (size, isClosed) => {
    const stream = streamWith(size)
    discard({ data: stream })
    await new Promise(setImmediate)
    expect([stream.readableLength, stream.destroyed]).toEqual([0, isClosed])
    stream.destroy(new Error('a failure that is not waited for'))
  })

  it('is closed after a second, and a timer is kept only until it ends', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] })
    try {
      const [ending, hanging] = [streamWith(1), streamWith(1)]
      // Sockets of other runtimes have no `unref`.
      discard({ data: Object.assign(ending, { socket: {} }) })
      discard({ data: hanging })
      ending.end()
      await new Promise(setImmediate)
      expect(jest.getTimerCount()).toBe(1)
      jest.advanceTimersByTime(999)
      expect(hanging.destroyed).toBe(false)
      jest.advanceTimersByTime(1)
      expect(hanging.destroyed).toBe(true)
    } finally {
      jest.useRealTimers()
    }
  })

  it('is canceled where it is a web stream, also one that has failed; other bodies stay', async () => {
    const cancel = jest.fn(() => Promise.reject(new Error('failed before')))
    for (const data of [{ cancel }, null, undefined, 'text', { cancel: true }]) discard({ data })
    await new Promise(setImmediate)
    expect(cancel).toHaveBeenCalledTimes(1)
  })
})
