/** Values as Pelican writes them (server_structs/director_test.go, client/director_test.go). */
import { parsePelicanHeaders } from '../../lib/federation/pelican-headers'

const NOTHING = {
  servers: [],
  namespace: undefined,
  requiresToken: false,
  collectionsUrl: undefined,
  issuers: [],
  basePaths: [],
  maxScopeDepth: undefined,
  vaultServer: undefined,
}

it('reads what a director says of a private object', () => {
  expect(
    parsePelicanHeaders({
      link: '<https://b.example.org:8443/igwn/f,g.txt?x=1>; rel="duplicate"; pri=2; depth=3, <https://a.example.org/igwn/f,g.txt>; rel="duplicate"; pri=1; depth=3',
      location: 'https://a.example.org/igwn/f,g.txt?authz=abc',
      'x-pelican-namespace':
        'namespace=/igwn, require-token=true, collections-url=https://o.example.org:1094',
      'x-pelican-authorization': 'issuer=https://other.example.org',
      'x-pelican-token-generation':
        'issuer=https://one.example.org/a=b, issuer=https://two.example.org, max-scope-depth=3, strategy=Vault, base-path=/igwn, vault-server=vault.example.org',
    }),
  ).toEqual({
    servers: [
      { url: 'https://a.example.org/igwn/f,g.txt', priority: 1 },
      { url: 'https://b.example.org:8443/igwn/f,g.txt?x=1', priority: 2 },
    ],
    namespace: '/igwn',
    requiresToken: true,
    collectionsUrl: 'https://o.example.org:1094/',
    issuers: ['https://one.example.org/a=b', 'https://two.example.org'],
    basePaths: ['/igwn'],
    maxScopeDepth: 3,
    vaultServer: 'vault.example.org',
  })
})

it('takes the issuers of X-Pelican-Authorization where tokens are not generated, each of several fields', () => {
  const { issuers } = parsePelicanHeaders({
    'X-Pelican-Authorization': [
      'issuer=https://a.example.org',
      'issuer=https://b.example.org, issuer=https://a.example.org',
    ],
  })
  expect(issuers).toEqual(['https://a.example.org', 'https://b.example.org'])
})

it('takes Location where there is no Link, without the token that a director repeats there', () => {
  const { servers } = parsePelicanHeaders({ Location: 'https://o.example.org/x?authz=secret&directread' })
  expect(servers).toEqual([{ url: 'https://o.example.org/x?directread=', priority: 0 }])
})

it('keeps equal priorities in their order, each server once, and links of other kinds out', () => {
  const link = [
    '<https://c.example.org/x>; rel="duplicate"; pri=1',
    '<https://b.example.org/x>; rel="duplicate"; pri=1',
    '<https://c.example.org/x>; rel="duplicate"; pri=9',
    '<https://me:secret@d.example.org/x>; pri=2; rel=duplicate',
    '<https://e.example.org/x>; rel="describedby"; pri=1',
    '<file:///etc/passwd>; rel="duplicate"; pri=1',
  ].join(', ')
  expect(parsePelicanHeaders({ link }).servers).toEqual([
    { url: 'https://c.example.org/x', priority: 1 },
    { url: 'https://b.example.org/x', priority: 1 },
    { url: 'https://d.example.org/x', priority: 2 },
  ])
})

it.each([
  ['no fields', {}],
  ['empty fields', { link: '', location: '', 'x-pelican-namespace': '', 'x-pelican-token-generation': '' }],
  [
    'malformed fields',
    {
      link: '<<>>,;',
      location: 'not a URL',
      'x-pelican-namespace': 'namespace, =, require-token=',
      'x-pelican-token-generation': 'issuer=nothing, max-scope-depth=-1, base-path=relative',
    },
  ],
  ['an issuer over plain HTTP', { 'x-pelican-authorization': 'issuer=http://issuer.example.org' }],
])('finds nothing in %s', (_, fields) => {
  expect(parsePelicanHeaders(fields)).toEqual(NOTHING)
})
