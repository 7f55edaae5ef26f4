import axios, { AxiosHeaders, type InternalAxiosRequestConfig } from 'axios'
import { destinationFinder, objectUrlOf, requestUrl, urlOf } from '../../lib/request/destination'
import { applyIgwnAuth } from '../support/all'

const blank = new axios.Axios({})

const BASES = [
  undefined,
  '',
  'https://a.example.org',
  'https://a.example.org/',
  'https://a.example.org//',
  'https://a.example.org/api',
  'https://me:pw@a.example.org:8443/api//',
  'https://a.example.org?x=',
  'https://a.example.org/#',
  'http://[::1]:8080',
  'HTTPS://A.example.org',
  '//a.example.org',
  '/relative',
  'https:',
  'https://',
  'https://a.example.org\\@b.example.org',
  ' https://a.example.org ',
]
const URLS = [
  undefined,
  '',
  '/',
  '//',
  'x',
  '/x?y=1#z',
  '//b.example.org/x',
  '///b.example.org/x',
  'https://b.example.org',
  'HTTP://b.example.org:80/x',
  'https:/b.example.org',
  'https:b.example.org',
  'ftp://b.example.org',
  'data:,x',
  'mailto:a@b.example.org',
  '@b.example.org',
  ':443@b.example.org',
  '.b.example.org',
  '/\\b.example.org',
  '\\\\b.example.org\\x',
  '?q=https://b.example.org',
  '#https://b.example.org',
  ' https://b.example.org',
  '\thttps://b.example.org',
  'ht\ntps://b.example.org',
  '../../x',
  'ü',
]

/** The URL that axios uses; undefined where it rejects the URL. */
function byAxios(request: InternalAxiosRequestConfig): URL | undefined {
  try {
    const url = new URL(
      request.baseURL ? blank.getUri({ ...request, params: undefined }) : (request.url ?? ''),
    )
    return /^https?:$/.test(url.protocol) ? url : undefined
  } catch {
    return undefined
  }
}

it.each([undefined, true, false])(
  'is the origin that axios uses, for every base and every URL, with allowAbsoluteUrls %s',
  (allowAbsoluteUrls) => {
    const findDestination = destinationFinder()
    let compared = 0
    const different: unknown[] = []
    for (const baseURL of BASES)
      for (const url of URLS) {
        const request = {
          headers: new AxiosHeaders(),
          baseURL,
          url,
          allowAbsoluteUrls,
        } as InternalAxiosRequestConfig
        const expected = byAxios(request)
        // axios does not send these.
        if (expected === undefined && findDestination(request)) {
          expect(() => blank.getUri({ ...request })).toThrow('Invalid URL')
          continue
        }
        const [origin, href] = [findDestination(request)?.origin, urlOf(request)?.href]
        if (origin !== expected?.origin || href !== expected?.href)
          different.push({ baseURL, url, origin, href, expected: expected?.href })
        compared += 1
      }
    expect(different).toEqual([])
    expect(compared).toBeGreaterThan(400)
  },
)

it('does not depend on what was requested before', () => {
  const [a, b, invalid] = ['https://a.example.org', 'https://b.example.org', 'https://b.example.org:99999']
  const requests = [
    { baseURL: a },
    { baseURL: a, url: '/' },
    { baseURL: a, url: '/x' },
    { baseURL: a, url: 'x' },
    { baseURL: a, url: '//b.example.org/x' },
    { baseURL: a, url: `${b}/` },
    { baseURL: a, url: `${b}/x` },
    { baseURL: a, url: '/x', socketPath: '/run/service.sock' },
    { baseURL: b, url: '/x' },
    { baseURL: invalid, url: '/x' },
    { baseURL: '/relative', url: '/x' },
    { url: `${a}/x` },
    { url: invalid },
    { url: '/x' },
    {},
  ]
  const originOf = (find: typeof urlOf, request: object) => find(request)?.origin
  for (const first of requests)
    for (const second of requests) {
      const find = destinationFinder()
      find(first)
      expect([first, second, originOf(find, second)]).toEqual([first, second, originOf(urlOf, second)])
    }
  expect(requests.map((request) => originOf(urlOf, request))).toEqual([
    ...[a, a, a, a, undefined, b, b, undefined, b, undefined, undefined, a, undefined, undefined, undefined],
  ])
})

it('of an object in a federation is its URL, unless the request goes to a UNIX socket', () => {
  const url = 'osdf:///igwn/f.txt'
  expect(objectUrlOf({ url })).toBe(url)
  expect(objectUrlOf({ url, socketPath: '/run/service.sock' })).toBeUndefined()
  expect(objectUrlOf({ url: 'https://a.example.org/igwn/f.txt' })).toBeUndefined()
  expect(destinationFinder()({ url })).toBeUndefined()
})

it('with its path is none for a UNIX socket, and the URL that is known where the request has none', () => {
  expect(urlOf({ url: 'http://localhost/a', socketPath: '/run/service.sock' })).toBeUndefined()
  const url = new URL('https://a.example.org/')
  expect(requestUrl({ request: { url: '/b', baseURL: 'https://a.example.org/a' }, url }).href).toBe(
    'https://a.example.org/a/b',
  )
  expect(requestUrl({ request: { url: 'osdf:///igwn/f.txt' }, url })).toBe(url)
})

it('is the same object for requests to one origin', () => {
  const find = destinationFinder()
  const url = find({ url: 'https://a.example.org/x' })
  expect(find({ url: 'https://a.example.org/y' })).toBe(url)
  expect(find({ baseURL: 'https://a.example.org', url: '/z' })).toBe(url)
  expect(find({ url: 'https://b.example.org/y' })).not.toBe(url)
})

it('a credential that is required is not left out for a UNIX socket: nothing is sent', async () => {
  const adapter = jest.fn()
  const instance = applyIgwnAuth(axios.create({ adapter, socketPath: '/run/service.sock' }))
  for (const igwnAuth of [{ failIfNoAuth: true }, { token: true }])
    await expect(instance.get('http://localhost/', { igwnAuth })).rejects.toMatchObject({
      code: 'ERR_IGWN_NO_CREDENTIAL',
    })
  expect(adapter).not.toHaveBeenCalled()
})
