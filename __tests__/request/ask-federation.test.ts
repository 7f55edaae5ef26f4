import { Readable } from 'node:stream'
import { AxiosError, AxiosHeaders, type AxiosResponse, type InternalAxiosRequestConfig } from 'axios'
import { federationAsker } from '../../lib/request/ask-federation'

const question = { method: 'GET', url: 'https://director.example.org/' }

/** Asks through outcomes in turn: an error is thrown, anything else is the body of a 200. */
function askerOf(outcomes: readonly unknown[]) {
  const sent: InternalAxiosRequestConfig[] = []
  const ask = federationAsker((config) => {
    const outcome = outcomes[sent.length]
    sent.push(config)
    if (outcome instanceof Error) return Promise.reject(outcome)
    const headers = new AxiosHeaders({ 'x-a': '1' })
    return Promise.resolve({ status: 200, statusText: '', headers, config, data: outcome } as AxiosResponse)
  })
  return { ask, sent }
}

it.each<[string, unknown, string]>([
  ['text', '{"a":1}', '{"a":1}'],
  ['JSON that an adapter parsed', { a: 1 }, '{"a":1}'],
  ['a stream', Readable.from([Buffer.from('{"a"'), Buffer.from(':1}')]), '{"a":1}'],
  ['nothing', undefined, '""'],
])('a body that an adapter returns as %s is read as text', async (_, data, body) => {
  const { ask, sent } = askerOf([data])
  expect(await ask(question)).toEqual({ status: 200, headers: { 'x-a': '1' }, body })
  expect(sent).toHaveLength(1)
})

it('a question accepts every type and status, follows no redirect, and limits the time and the size', async () => {
  const { ask, sent } = askerOf(['', ''])
  await ask(question)
  const [{ headers, validateStatus, ...config } = {} as InternalAxiosRequestConfig] = sent
  expect(config).toEqual({
    ...question,
    responseType: 'text',
    transformResponse: [],
    timeout: 20_000,
    maxContentLength: 2 ** 20,
    maxRedirects: 0,
    fetchOptions: { redirect: 'manual' },
  })
  expect([200, 307, 404, 503].filter((status) => !validateStatus?.(status))).toEqual([])
  expect(headers.toJSON()).toEqual({ Accept: '*/*' })
  await ask({ ...question, headers: { Accept: 'application/json', 'X-A': '1' } })
  expect(sent[1]?.headers.toJSON()).toEqual({ Accept: 'application/json', 'X-A': '1' })
})

it.each(['ECONNABORTED', 'ETIMEDOUT'])(
  'a question that times out (%s) is sent as often as its attempts say',
  async (code) => {
    const late = new AxiosError('late', code)
    const answered = askerOf([late, 'text'])
    expect(await answered.ask({ ...question, attempts: 2 })).toMatchObject({ body: 'text' })
    expect(answered.sent).toHaveLength(2)
    const unanswered = askerOf([late, late, 'text'])
    await expect(unanswered.ask({ ...question, attempts: 2 })).rejects.toBe(late)
    expect(unanswered.sent).toHaveLength(2)
  },
)

it('another failure, and a time-out of a question with one attempt, is the error at once', async () => {
  const refused = new AxiosError('refused', 'ECONNREFUSED')
  const one = askerOf([refused, 'text'])
  await expect(one.ask({ ...question, attempts: 3 })).rejects.toBe(refused)
  const late = new AxiosError('late', 'ETIMEDOUT')
  const other = askerOf([late, 'text'])
  await expect(other.ask(question)).rejects.toBe(late)
  expect([one.sent.length, other.sent.length]).toEqual([1, 1])
})
