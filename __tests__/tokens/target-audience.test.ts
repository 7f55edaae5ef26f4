import { targetAudience } from '../../lib/tokens/target-audience'
import { ours } from '../support/tokens'

// The audiences of each URL are in conformance/claims.json.

it.each<[string, string[]]>([
  ['https://host.example.org:8443/path', ['https://host.example.org', 'https://host.example.org:8443']],
  ['host.example.org', ['https://host.example.org']],
  ['condor://Host.example.org', ['condor://host.example.org']],
])('%s has %j, and ANY with includeAny', (url, audience) => {
  expect(targetAudience(url, { includeAny: false })).toEqual(audience)
  expect(targetAudience(url, { includeAny: true })).toEqual([...audience, 'ANY'])
  if (url.includes('://')) expect(targetAudience(new URL(url))).toEqual(audience)
})

it('a host name with non-ASCII letters has one, also after many calls', () => {
  // URL.canParse of Node 20 rejects it once it is compiled.
  const ask = () => targetAudience('https://bücher.example.org')
  for (let times = 0; times < 100_000; times += 1) ask()
  expect(ask()).toEqual(['https://xn--bcher-kva.example.org'])
})

it.each([
  '',
  ' ',
  '/opensesame',
  './opensesame',
  '../opensesame',
  '?q=opensesame',
  '#opensesame',
  '\\opensesame',
  'https://',
  'https://host.example.org:opensesame',
  'https://host.example.org:99999',
  'https://[opensesame]',
  'https://open sesame',
  'file:///opensesame',
  'data:,opensesame',
  'mailto:opensesame@example.org:x',
])('%j has none, and is not repeated', (url) => {
  const error = ours(
    'ERR_IGWN_INVALID_URL',
    'The URL has no host to take an audience from; give an absolute one, as https://host.example.org/path.',
  )
  expect(() => targetAudience(url)).toThrow(error)
})

it.each<[unknown, string]>([
  [undefined, 'undefined'],
  [null, 'null'],
  [7, 'a number'],
  [['https://host.example.org'], 'an array'],
  [{ href: 'https://host.example.org' }, 'an object'],
])('%j is not a URL', (url, kind) => {
  expect(() => targetAudience(url as string)).toThrow(
    ours('ERR_IGWN_INVALID_URL', `The URL must be a string or a URL, not ${kind}.`),
  )
})
