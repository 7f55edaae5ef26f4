import { targetAudience } from '../lib/target-audience'
import { ours } from './support/tokens'

it.each<[string, string[]]>([
  ['https://host.example.org', ['https://host.example.org']],
  ['https://host.example.org/', ['https://host.example.org']],
  ['https://host.example.org/path?query=1#part', ['https://host.example.org']],
  ['https://host.example.org:443/path', ['https://host.example.org']],
  ['https://host.example.org:8443/path', ['https://host.example.org', 'https://host.example.org:8443']],
  ['http://host.example.org:80', ['http://host.example.org']],
  ['http://host.example.org:443', ['http://host.example.org', 'http://host.example.org:443']],
  ['https://host.example.org:80', ['https://host.example.org', 'https://host.example.org:80']],
  ['HTTPS://HOST.Example.ORG/Path', ['https://host.example.org']],
  ['https://[2001:DB8::1]/', ['https://[2001:db8::1]']],
  ['https://[::1]:8443/', ['https://[::1]', 'https://[::1]:8443']],
  ['https://127.0.0.1:8443', ['https://127.0.0.1', 'https://127.0.0.1:8443']],
  ['https://user:opensesame@host.example.org:1/', ['https://host.example.org', 'https://host.example.org:1']],
  ['https://bücher.example.org', ['https://xn--bcher-kva.example.org']],
  ['host.example.org', ['https://host.example.org']],
  ['host.example.org/path', ['https://host.example.org']],
  ['host.example.org:8443', ['https://host.example.org', 'https://host.example.org:8443']],
  ['user:opensesame@host.example.org', ['https://host.example.org']],
  ['localhost:8080/a', ['https://localhost', 'https://localhost:8080']],
  ['[::1]:8443', ['https://[::1]', 'https://[::1]:8443']],
  ['//host.example.org/path', ['https://host.example.org']],
  ['condor://Host.example.org:9618', ['condor://host.example.org', 'condor://host.example.org:9618']],
  ['root://host.example.org//store', ['root://host.example.org']],
])('%s is for %j', (url, audience) => {
  expect(targetAudience(url)).toEqual(audience)
  expect(targetAudience(url, { includeAny: false })).toEqual(audience)
  expect(targetAudience(url, { includeAny: true })).toEqual([...audience, 'ANY'])
  if (URL.canParse(url) && url.includes('://')) expect(targetAudience(new URL(url))).toEqual(audience)
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
    'ERR_IGWN_URL',
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
])('%j is no URL', (url, kind) => {
  expect(() => targetAudience(url as string)).toThrow(
    ours('ERR_IGWN_URL', `The URL must be a string or a URL, not ${kind}.`),
  )
})
