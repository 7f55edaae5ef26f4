import tls from 'node:tls'
import { explainUrl } from '../../lib/request/explain-url'
import { trustedFederation, type TestFederation } from '../support/federation'
import { mint, ours } from '../support/tokens'

let federation: TestFederation
beforeAll(async () => {
  federation = await trustedFederation()
})
beforeEach(async () => {
  await federation.reset()
  process.env.BEARER_TOKEN = mint({ iss: federation.issuer, aud: 'ANY' })
})
afterEach(() => {
  jest.restoreAllMocks()
  delete process.env.BEARER_TOKEN
})

const OWN = 'the request has its own Authorization, auth or userinfo: no header is added'

it.each([
  ['https://x.example.org/', false],
  ['https://me@x.example.org/', true],
  ['https://:sosecret@x.example.org/', true],
  ['https://me:sosecret@x.example.org/', true],
])('%s has credentials of its own: %s', async (url, isAuthenticated) => {
  const { findings, attached, url: shown } = await explainUrl(url, {})
  expect(findings.map(({ message }) => message).includes(OWN)).toBe(isAuthenticated)
  expect(attached.map(({ source }) => source)).toEqual(isAuthenticated ? [] : ['BEARER_TOKEN'])
  expect(shown).toBe('https://x.example.org/')
})

it('an invalid URL or option is an error', async () => {
  await expect(explainUrl('ftp://x.example.org', {})).rejects.toMatchObject({ code: 'ERR_IGWN_INVALID_URL' })
  await expect(explainUrl('https://x.example.org', { token: 1 } as object)).rejects.toThrow(
    ours(
      'ERR_IGWN_INVALID_OPTION',
      'options.token must be a token, a token source, a function or a boolean, not a number; leave it out to search for a token.',
    ),
  )
})

it('the lifetime of the token is compared with a transfer', async () => {
  const transfer = { bytes: 1000, rate: 10 }
  for (const url of ['https://x.example.org/', federation.url('/igwn/frames/f.txt')]) {
    expect((await explainUrl(url, {}, transfer)).lifetime).toMatchObject({ expected: 100, isEnough: true })
    expect((await explainUrl(url, {})).lifetime).toBeUndefined()
  }
})

it('the director alone is asked for an object, without a token, and its connection is closed', async () => {
  const connect = jest.spyOn(tls, 'connect')
  const { object, attached, problem } = await explainUrl(federation.url('/public/p.txt'), {})
  expect([object?.method, object?.requiresToken, attached, problem]).toEqual(['GET', false, [], undefined])
  expect(federation.director.seen.map(({ method, headers }) => [method, headers.authorization])).toEqual([
    ['GET', undefined],
    ['GET', undefined],
  ])
  expect(federation.caches.flatMap(({ seen }) => seen)).toEqual([])
  const sockets = connect.mock.results.map(({ value }) => value as tls.TLSSocket)
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true])
})
