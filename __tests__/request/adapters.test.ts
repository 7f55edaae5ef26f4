import axios, { type AxiosAdapter, type InternalAxiosRequestConfig } from 'axios'
import { adapterKind, isHttp2, leavesRedirects, type AdapterKind } from '../../lib/request/adapters'

type Adapter = InternalAxiosRequestConfig['adapter']
const own: AxiosAdapter = () => Promise.reject(new Error('not called'))

it.each<[unknown, AdapterKind]>([
  [undefined, 'http'],
  ['http', 'http'],
  ['FETCH', 'fetch'],
  [own, 'custom'],
  [['xhr', 'http', 'fetch'], 'http'],
  [['xhr', 'fetch'], 'fetch'],
  [['XHR', 'Fetch'], 'fetch'],
  [[null, false, 'fetch', 'http'], 'fetch'],
  [['fetch', 'http'], 'fetch'],
  [['xhr', own], 'custom'],
  [[own, 'http'], 'custom'],
  ['fetch without undici', 'fetch without undici'],
  ['fetch with a dispatcher', 'fetch with a dispatcher'],
])('axios sends by the first adapter that Node has: of %p that is %s', (adapter, kind) => {
  expect(adapterKind(adapter as Adapter)).toBe(kind)
})

it.each([['XHR'], ['http2'], [], [1], {}, null, false])(
  'what axios does not accept as an adapter (%p) is an error of axios, and none before that',
  (adapter) => {
    expect(() => axios.getAdapter(adapter as never)).toThrow(axios.AxiosError)
    expect(adapterKind(adapter as never)).toBe('http')
  },
)

it.each([
  [2, true],
  ['2', true],
  ['2.0', true],
  [1, false],
  ['1.1', false],
  [undefined, false],
])('httpVersion %p is HTTP/2: %p', (httpVersion, expected) => {
  expect(isHttp2({ httpVersion })).toBe(expected)
})

it('only an adapter that is a function and says so leaves redirects to the exchange', () => {
  const adapter = (properties: object) =>
    Object.assign((...parts: Parameters<AxiosAdapter>) => own(...parts), properties)
  expect(leavesRedirects(adapter({ redirect: 'manual' }))).toBe(true)
  for (const other of [
    adapter({ redirect: 'follow' }),
    own,
    'fetch',
    ['fetch'],
    undefined,
    { redirect: 'manual' },
  ])
    expect(leavesRedirects(other as Adapter)).toBe(false)
})
