/** The secrets matrix for objects of federations: every outcome of a request, by type of its response. */
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import axios, { type AxiosResponse } from 'axios'
import { applyIgwnAuth, explain, type IgwnAuthOptions } from '../../lib/index'
import { someCombinations } from '../support/combinations'
import { expectNoSecret } from '../support/expect-no-secret'
import { trustedFederation, type TestFederation } from '../support/federation'
import { mint } from '../support/tokens'

const token = mint({ aud: 'ANY', scope: 'read:/ write:/' })
const secrets = [token, token.split('.')[2] ?? '']

let federation: TestFederation

beforeAll(async () => {
  federation = await trustedFederation()
})
beforeEach(async () => {
  await federation.reset()
  process.env.BEARER_TOKEN = token
})
afterAll(() => {
  delete process.env.BEARER_TOKEN
})

/** What happens, and the path of the object. */
const OUTCOMES: Record<string, (federation: TestFederation) => unknown> = {
  success: () => undefined,
  'a public object': () => '/public/p.txt',
  'an unknown object': () => '/igwn/none.txt',
  'a cache that is down': ({ caches }) => caches[0].stop(),
  'two caches that are down': ({ caches }) => Promise.all(caches.map((cache) => cache.stop())),
  'an error of a cache': ({ caches }) => void (caches[0].faults = { status: 503 }),
  'a refusal by a cache': ({ caches }) => void (caches[0].faults = { status: 403 }),
  'a body that is cut': ({ caches }) => void (caches[0].faults = { cutAfter: 3 }),
  'bodies that break off': ({ caches }) => caches.forEach((cache) => (cache.faults = { cutAfter: 3 })),
  'a failure in the trailer': ({ caches }) => void (caches[0].faults = { transferStatus: '500: no' }),
  'a wrong digest': ({ caches }) => caches.forEach((cache) => (cache.faults = { digest: 'crc32=1' })),
  'a redirect with the token in its URL': ({ caches }) =>
    void (caches[0].faults = { redirectTo: caches[1].origin }),
  'a redirect with the token to nowhere': ({ caches }) =>
    void (caches[0].faults = { redirectTo: 'https://localhost:1' }),
  'a director that wants the token': ({ director }) => void director.closed.add('/igwn'),
  'a director that repeats a token of others': ({ director, caches }) =>
    void (director.headers = { Link: '', Location: `${caches[0].origin}/igwn/frames/f.txt?authz=${token}` }),
  'a director that fails': ({ director }) => void director.replies.push({ status: 500, body: 'no' }),
  'false hints of a cache': ({ caches }) =>
    void (caches[0].faults = {
      status: 404,
      headers: { 'X-Pelican-Authorization': 'issuer=https://evil.test' },
    }),
  'a token of another issuer': () =>
    void (process.env.BEARER_TOKEN = mint({ aud: 'ANY', iss: 'https://other.test', jti: token })),
}

/** A request that downloads or uploads an object. */
const REQUESTS = (['get', 'put'] as const).flatMap((method) =>
  (['json', 'stream', 'arraybuffer'] as const).flatMap((responseType) =>
    [undefined, true].map((integrity) => ({ method, responseType, integrity })),
  ),
)

it.each(Object.entries(OUTCOMES))('%s', async (_, prepare) => {
  const object = (await prepare(federation)) ?? '/igwn/frames/f.txt'
  const url = federation.url(typeof object === 'string' ? object : '/igwn/frames/f.txt')
  // A download and an upload, at least.
  for (const { method, responseType, integrity } of someCombinations(REQUESTS, REQUESTS.length / 2)) {
    const collected: unknown[] = []
    const options: IgwnAuthOptions = { onEvent: (event) => collected.push(event), integrity }
    const request = applyIgwnAuth(axios.create(), options).request<unknown>({
      url,
      method,
      responseType,
      data: method === 'put' ? 'new' : undefined,
      timeout: 5000,
    })
    const outcome = await request.catch((error: unknown) => error)
    const { data } = outcome as AxiosResponse
    if (responseType === 'stream' && typeof (data as Readable | undefined)?.pipe === 'function')
      collected.push(await buffer(data as Readable).catch((error: unknown) => error))
    expectNoSecret([outcome, collected, (outcome as AxiosResponse).request], secrets)
    expectNoSecret(outcome, secrets)
  }
  expectNoSecret(await explain(url), secrets)
  expect(federation.director.seen.some(({ url: asked }) => asked.includes(token))).toBe(false)
})

it('the token reaches the cache', async () => {
  await applyIgwnAuth(axios.create()).get(federation.url('/igwn/frames/f.txt'))
  expect(federation.caches[0].seen.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${token}`])
})
