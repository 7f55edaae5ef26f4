import { parsePelicanUrl } from '../../lib/federation/pelican-url'
import { isPelicanUrl } from '../../lib/formats/url'
import { thrownBy } from '../support/thrown-by'

it.each([
  ['pelican://osg-htc.org/igwn/f', 'osg-htc.org', '/igwn/f'],
  ['pelican://Localhost:8444/igwn/f', 'localhost:8444', '/igwn/f'],
  ['pelican://osg-htc.org:443/igwn/f', 'osg-htc.org', '/igwn/f'],
  ['osdf:///igwn/f', 'osg-htc.org', '/igwn/f'],
  ['osdf://igwn/f', 'osg-htc.org', '/igwn/f'],
  ['osdf:/igwn/f', 'osg-htc.org', '/igwn/f'],
  ['OSDF:///igwn/F', 'osg-htc.org', '/igwn/F'],
  ['stash:////igwn//f/', 'osg-htc.org', '/igwn//f/'],
  ['osdf:///igwn/a b/../c%20d', 'osg-htc.org', '/igwn/c%20d'],
])('reads %s as the object %s%s', (url, federation, path) => {
  expect(isPelicanUrl(url)).toBe(true)
  expect(parsePelicanUrl(url)).toEqual({
    federation,
    path,
    directRead: false,
    directorQuery: '',
    tokenName: undefined,
  })
})

it('reads the parameters for the director, and the name of a token', () => {
  expect(parsePelicanUrl(new URL('osdf:///x?directread'))).toMatchObject({
    directRead: true,
    directorQuery: '',
  })
  expect(parsePelicanUrl('pelican://h/x?skipstat&prefercached')).toMatchObject({
    directRead: false,
    directorQuery: '?skipstat&prefercached',
  })
  expect(parsePelicanUrl('igwn.prod+osdf:///x')).toMatchObject({ tokenName: 'igwn.prod', path: '/x' })
})

it.each([
  ['https://osg-htc.org/x', 'It must be pelican://FEDERATION/PATH, osdf:///PATH or stash:///PATH.'],
  ['/igwn/x', 'It must be pelican://FEDERATION/PATH, osdf:///PATH or stash:///PATH.'],
  ['pelican:///x', 'It has no federation: pelican://FEDERATION/PATH.'],
  ['pelican://me:secret@h/x', 'It must not have userinfo.'],
  ['pelican://h h/x', 'Its host or its path is invalid.'],
  ['osdf:x', 'Its host or its path is invalid.'],
  ['osdf:///x?pack=tar', 'The parameter pack is not supported; use directread, skipstat or prefercached.'],
  ['osdf:///x?authz=abc', 'The parameter authz is not supported; use directread, skipstat or prefercached.'],
])('refuses %s', (url, problem) => {
  expect(thrownBy(() => parsePelicanUrl(url))).toMatchObject({
    code: 'ERR_IGWN_INVALID_URL',
    message: `The URL does not name an object of a federation. ${problem}`,
  })
})

it.each(['https://h/osdf:///x', 'osdfs:///x', 'data:osdf:,', ''])('%s is no URL of a federation', (url) => {
  expect(isPelicanUrl(url)).toBe(false)
})
