import axios, { AxiosHeaders, type InternalAxiosRequestConfig } from 'axios'
import { destinationFinder } from '../../lib/request/destination'
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

/** The origin that axios uses; undefined where it rejects the URL. */
function byAxios(request: InternalAxiosRequestConfig): string | undefined {
  try {
    const url = new URL(
      request.baseURL ? blank.getUri({ ...request, params: undefined }) : (request.url ?? ''),
    )
    return /^https?:$/.test(url.protocol) ? url.origin : undefined
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
        const found = findDestination(request)?.origin
        if (found !== expected) different.push({ baseURL, url, found, expected })
        compared += 1
      }
    expect(different).toEqual([])
    expect(compared).toBeGreaterThan(400)
  },
)

it('of a URL that cannot be parsed is unknown each time, also after a request to another server', () => {
  const find = destinationFinder()
  expect(find({ baseURL: 'https://a.example.org', url: '/x' })?.origin).toBe('https://a.example.org')
  for (let time = 0; time < 2; time++)
    expect(find({ baseURL: 'https://b.example.org:99999', url: '/x' })).toBeUndefined()
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
