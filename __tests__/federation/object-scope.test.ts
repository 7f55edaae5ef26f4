import { scopesFor, scopeToRequest } from '../../lib/federation/object-scope'

const hints = { basePaths: ['/igwn'], namespace: '/igwn/ligo' }

it.each([
  ['GET', '/igwn/ligo/f.gwf', ['storage.read:/ligo/f.gwf', 'read:/ligo/f.gwf']],
  ['PROPFIND', '/igwn', ['storage.read:/', 'read:/']],
  ['PUT', '/igwn/u/f', ['storage.create:/u/f', 'write:/u/f']],
  ['DELETE', '/igwn/u/f', ['storage.modify:/u/f', 'write:/u/f']],
  ['MKCOL', '/igwn/u', ['storage.create:/u', 'write:/u']],
  // Not below the base path, although the text begins alike.
  ['GET', '/igwn2/f', ['storage.read:/igwn2/f', 'read:/igwn2/f']],
])('%s of %s needs one of %j', (method, path, scopes) => {
  expect(scopesFor(path, method, hints)).toEqual(scopes)
})

it('is relative to the namespace where the base path is unknown, and to the base path that fits', () => {
  expect(scopesFor('/igwn/ligo/f', 'GET', { ...hints, basePaths: [] })[1]).toBe('read:/f')
  expect(scopesFor('/igwn/ligo/f', 'GET', { ...hints, basePaths: ['/x', '/igwn/ligo/'] })[1]).toBe('read:/f')
  expect(scopesFor('/a/f', 'GET', { basePaths: [], namespace: undefined })[1]).toBe('read:/a/f')
  expect(scopesFor('/a/f', 'GET', { basePaths: ['/'], namespace: undefined })[1]).toBe('read:/a/f')
})

it('requests the folder of an object, as deep as the issuer allows', () => {
  expect(scopeToRequest('read:/a/b/c/d/f', 3)).toBe('read:/a/b/c')
  expect(scopeToRequest('read:/a/f', 3)).toBe('read:/a')
  expect(scopeToRequest('read:/f', undefined)).toBe('read:/')
})
