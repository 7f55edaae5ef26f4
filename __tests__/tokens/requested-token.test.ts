import { requestedToken, type ScopeAndAudience } from '../../lib/tokens/requested-token'
import type { TokenQuery } from '../../lib/tokens/token'

type Client = Parameters<typeof requestedToken>[2]

const A = 'https://a.example.org'
const B = 'https://b.example.org'

it.each<[string, TokenQuery, ScopeAndAudience, Client, string[]]>([
  ['the first audience of the query', { audience: [A, B] }, {}, {}, [A]],
  ['that of the query with the port, as a resource', { audience: [A, `${A}:8443`] }, {}, {}, [`${A}:8443`]],
  ['not another host with the same beginning', { audience: [A, `${A}:x.org`] }, {}, {}, [A]],
  [
    'the first audience of the query, as audience',
    { audience: [A, `${A}:8443`] },
    {},
    { audienceParameter: 'audience' },
    [A],
  ],
  ['the audience of the query that the options allow', { audience: [B] }, { audience: [A, B] }, {}, [B]],
  [
    'the first of the options where they allow none of the query',
    { audience: B },
    { audience: [A] },
    {},
    [A],
  ],
  ['the audience of the options without one in the query', {}, { audience: A }, {}, [A]],
  ['none where neither names one', {}, {}, {}, []],
  ['none for a server that takes none', { audience: A }, { audience: A }, { audienceParameter: false }, []],
])('requests a token for %s', (_, query, options, client, expected) => {
  expect(requestedToken(query, options, client).audience).toEqual(expected)
})

it.each<[TokenQuery['scope'], ScopeAndAudience['scope'], string[]]>([
  ['c b', 'a b', ['a', 'b', 'c']],
  [['c', 'b a'], ['a'], ['a', 'c', 'b']],
  [undefined, 'a', ['a']],
  ['a', undefined, ['a']],
  [undefined, undefined, []],
])('requests the scopes %j of the query after %j of the options, each once', (scope, own, expected) => {
  expect(requestedToken({ scope }, { scope: own }, {}).scope).toEqual(expected)
})

it('ignores what an object inherits', () => {
  const query = Object.create({ audience: A, scope: 'a' }) as TokenQuery
  expect(requestedToken(query, {}, {})).toEqual({ scope: [], audience: [] })
})
