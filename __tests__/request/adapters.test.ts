import { adapterKind, type AdapterKind } from '../../lib/request/adapters'
import type { AxiosAdapter, InternalAxiosRequestConfig } from 'axios'

const own: AxiosAdapter = () => Promise.reject(new Error('not called'))

it.each<[InternalAxiosRequestConfig['adapter'], AdapterKind]>([
  [undefined, 'http'],
  ['http', 'http'],
  ['FETCH', 'fetch'],
  [own, 'custom'],
  [['xhr', 'http', 'fetch'], 'http'],
  [['xhr', 'fetch'], 'fetch'],
  [['fetch', 'http'], 'fetch'],
  [['xhr', own], 'custom'],
  [[own, 'http'], 'custom'],
  ['fetch without undici', 'fetch without undici'],
])('axios sends by the first adapter that Node has: of %p that is %s', (adapter, kind) => {
  expect(adapterKind(adapter)).toBe(kind)
})
