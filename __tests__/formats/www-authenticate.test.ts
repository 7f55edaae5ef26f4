import { bearerChallenge, parseChallenges } from '../../lib/formats/www-authenticate'

/** A sentence, the field, and the challenges in it: the scheme, then its parameters or its token68. */
type Vector = [string, string | string[], ...(readonly [string, (Record<string, string> | string)?])[]]

function expected([, , ...challenges]: Vector) {
  return challenges.map(([scheme, rest = {}]) =>
    typeof rest === 'string' ? { scheme, params: {}, token68: rest } : { scheme, params: rest },
  )
}

const asWritten: Vector[] = [
  ['reads a scheme alone', 'Bearer', ['bearer']],
  ['lowers a scheme in capitals', 'BEARER', ['bearer']],
  ['takes a scheme in lower case', 'bearer', ['bearer']],
  ['reads one parameter', 'Bearer realm="x"', ['bearer', { realm: 'x' }]],
  [
    'reads several parameters',
    'Bearer realm="x", error="invalid_token"',
    ['bearer', { realm: 'x', error: 'invalid_token' }],
  ],
  ['lowers the names of parameters', 'Bearer REALM="X", Error="Y"', ['bearer', { realm: 'X', error: 'Y' }]],
  ['takes a value that is a token', 'Bearer error=invalid_token', ['bearer', { error: 'invalid_token' }]],
  ['keeps a value that is empty', 'Basic realm=""', ['basic', { realm: '' }]],
  ['keeps commas inside quotes', 'Basic realm="a, b"', ['basic', { realm: 'a, b' }]],
  ['keeps an equals sign inside quotes', 'Basic realm="a=b"', ['basic', { realm: 'a=b' }]],
  ['keeps spaces at the ends of a quoted value', 'Basic realm=" a "', ['basic', { realm: ' a ' }]],
  ['keeps a tab inside quotes', 'Basic realm="a\tb"', ['basic', { realm: 'a\tb' }]],
  ['keeps characters beyond ASCII inside quotes', 'Basic realm="é"', ['basic', { realm: 'é' }]],
  ['undoes an escaped quote', 'Basic realm="say \\"hi\\""', ['basic', { realm: 'say "hi"' }]],
  ['undoes an escaped backslash', 'Basic realm="a\\\\"', ['basic', { realm: 'a\\' }]],
  ['undoes an escape that was not needed', 'Basic realm="\\f\\o\\o"', ['basic', { realm: 'foo' }]],
  [
    'does not end a value at an escaped quote before a comma',
    'Basic realm="a\\", Bearer b=\\"c"',
    ['basic', { realm: 'a", Bearer b="c' }],
  ],
  ['allows white space round the equals sign', 'Bearer realm \t=  "x"', ['bearer', { realm: 'x' }]],
  ['allows white space round the equals sign of a token', 'Bearer realm = x', ['bearer', { realm: 'x' }]],
  ['allows several spaces behind the scheme', 'Bearer    realm="x"', ['bearer', { realm: 'x' }]],
  ['allows white space at both ends', ' \t Bearer realm="x" \t ', ['bearer', { realm: 'x' }]],
  ['allows commas without spaces', 'Bearer a="1",b="2"', ['bearer', { a: '1', b: '2' }]],
  ['allows spaces before commas', 'Bearer a="1" , b="2"', ['bearer', { a: '1', b: '2' }]],
  [
    'takes every character a token may have',
    "Bearer !#$%&'*+-.^_`|~1=a",
    ['bearer', { "!#$%&'*+-.^_`|~1": 'a' }],
  ],
]

const severalChallenges: Vector[] = [
  ['reads two schemes without parameters', 'Negotiate, Bearer', ['negotiate'], ['bearer']],
  [
    'reads two challenges with a parameter each',
    'Bearer realm="a", DPoP algs="ES256 EdDSA"',
    ['bearer', { realm: 'a' }],
    ['dpop', { algs: 'ES256 EdDSA' }],
  ],
  [
    'tells the parameters of one challenge from those of the next',
    'Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"',
    ['newauth', { realm: 'apps', type: '1', title: 'Login to "apps"' }],
    ['basic', { realm: 'simple' }],
  ],
  [
    'keeps two challenges of one scheme',
    'Bearer realm="a", Bearer realm="b"',
    ['bearer', { realm: 'a' }],
    ['bearer', { realm: 'b' }],
  ],
  [
    'finds Bearer behind Basic',
    'Basic realm="a, b", Bearer error="e"',
    ['basic', { realm: 'a, b' }],
    ['bearer', { error: 'e' }],
  ],
  [
    'reads several fields in a list',
    ['Basic realm="a"', 'Bearer realm="b"'],
    ['basic', { realm: 'a' }],
    ['bearer', { realm: 'b' }],
  ],
  [
    'does not let an open quote reach into the next field',
    ['Basic realm="a', 'Bearer realm="b"'],
    ['basic'],
    ['bearer', { realm: 'b' }],
  ],
  [
    'does not give a challenge the parameters of the next field',
    ['Bearer realm="a"', 'error="e"'],
    ['bearer', { realm: 'a' }],
  ],
  [
    'is not misled by a parameter that has the name of a scheme',
    'Digest bearer=x',
    ['digest', { bearer: 'x' }],
  ],
  [
    'is not misled by a parameter of that name with spaces round its sign',
    'Digest a=b, Bearer = x',
    ['digest', { a: 'b', bearer: 'x' }],
  ],
]

const emptyElements: Vector[] = [
  ['passes over commas at the beginning', ',, ,Bearer realm="x"', ['bearer', { realm: 'x' }]],
  ['passes over commas at the end', 'Bearer realm="x", ,,', ['bearer', { realm: 'x' }]],
  ['passes over empty elements between parameters', 'Bearer a="1", ,,b="2"', ['bearer', { a: '1', b: '2' }]],
  ['passes over empty elements between challenges', 'Basic,, , Bearer', ['basic'], ['bearer']],
  ['reads parameters behind an empty first one', 'Bearer , realm="x"', ['bearer', { realm: 'x' }]],
  ['finds nothing in an empty field', ''],
  ['finds nothing in white space', ' \t '],
  ['finds nothing in commas', ' , ,, '],
]

const token68: Vector[] = [
  ['reads a token68', 'Negotiate oYIBqzCC', ['negotiate', 'oYIBqzCC']],
  ['reads the padding of a token68', 'Negotiate YWJj/+8==', ['negotiate', 'YWJj/+8==']],
  ['reads a token68 with one sign of padding as no parameter', 'Negotiate YWI=', ['negotiate', 'YWI=']],
  [
    'reads a token68 before another challenge',
    'Negotiate YWI=, Bearer realm="x"',
    ['negotiate', 'YWI='],
    ['bearer', { realm: 'x' }],
  ],
  ['reads a token68 before a space and a comma', 'NTLM TlRM== , Basic', ['ntlm', 'TlRM=='], ['basic']],
  ['reads a token68 of all its characters', 'X az09-._~+/=', ['x', 'az09-._~+/=']],
  ['takes a word with a value for a parameter', 'Bearer a=b', ['bearer', { a: 'b' }]],
  ['does not take bare padding for a token68', 'Negotiate ==, Basic', ['basic']],
  ['does not keep a token68 beside parameters', 'Bearer realm=, a="b"', ['bearer', { a: 'b' }]],
]

const notAChallenge: Vector[] = [
  ['does not find Bearer in a quoted realm', 'Basic realm="Bearer"', ['basic', { realm: 'Bearer' }]],
  [
    'does not find a whole Bearer challenge in a quoted realm',
    'Basic realm="x, Bearer realm=y, error=z"',
    ['basic', { realm: 'x, Bearer realm=y, error=z' }],
  ],
  ['does not find Bearer in a longer scheme', 'BearerX realm="x"', ['bearerx', { realm: 'x' }]],
  ['does not find Bearer as a token68', 'Basic Bearer', ['basic', 'Bearer']],
  ['does not find Bearer in a value that is a token', 'Basic realm=Bearer', ['basic', { realm: 'Bearer' }]],
]

const twice: Vector[] = [
  ['keeps the first of a parameter named twice', 'Bearer scope="a", scope="b"', ['bearer', { scope: 'a' }]],
  [
    'keeps the first also when the second has another case',
    'Bearer Scope="a", sCOPE="b"',
    ['bearer', { scope: 'a' }],
  ],
  ['keeps the first also when it is empty', 'Bearer scope="", scope="b"', ['bearer', { scope: '' }]],
  ['keeps a name of its own in each challenge', 'A x="1", B x="2"', ['a', { x: '1' }], ['b', { x: '2' }]],
]

const malformed: Vector[] = [
  [
    'keeps what stands before a quote that never ends',
    'Bearer error="e", realm="x',
    ['bearer', { error: 'e' }],
  ],
  ['reads nothing behind a quote that never ends', 'Basic realm="x, Bearer error=e', ['basic']],
  ['reads nothing behind a backslash at the end of a quote', 'Basic realm="x\\', ['basic']],
  ['reads nothing behind a last quote that is escaped', 'Basic realm="x\\", Bearer', ['basic']],
  ['leaves out a parameter without a value', 'Bearer realm=, error="e"', ['bearer', { error: 'e' }]],
  [
    'leaves out a value that goes on behind a space',
    'Bearer realm=a b, error="e"',
    ['bearer', { error: 'e' }],
  ],
  [
    'leaves out a value that goes on behind its quotes',
    'Bearer realm="a"b, error="e"',
    ['bearer', { error: 'e' }],
  ],
  [
    'leaves out a value with a control character',
    'Bearer realm="a\0b", error="e"',
    ['bearer', { error: 'e' }],
  ],
  ['leaves out a value with a line break', 'Bearer realm="a\r\nb", error="e"', ['bearer', { error: 'e' }]],
  ['leaves out parameters without a scheme', 'realm="x", error="e"'],
  [
    'leaves out parameters of a scheme it cannot read',
    'Basic realm="a", Bea@rer realm="b", error="e"',
    ['basic', { realm: 'a' }],
  ],
  ['leaves out a scheme with a colon', 'Bearer: realm="x"'],
  ['leaves out a quoted string in the place of a scheme', '"Bearer", Basic', ['basic']],
  ['leaves out a nameless parameter', 'Bearer realm="a", ="b"', ['bearer', { realm: 'a' }]],
  [
    'keeps the scheme of a challenge in free words',
    'Bearer token is required, Basic realm="x"',
    ['bearer'],
    ['basic', { realm: 'x' }],
  ],
  ['does not open a challenge in the free words behind a value', 'Basic realm="x" Bearer', ['basic', {}]],
  [
    'forgives a comma forgotten between parameters',
    'Bearer realm="x" error="e" scope=s',
    ['bearer', { realm: 'x', error: 'e', scope: 's' }],
  ],
  ['forgives a tab behind the scheme', 'Bearer\trealm="x"', ['bearer', { realm: 'x' }]],
  [
    'forgives quotes forgotten round a path',
    'Bearer scope=storage.read:/a/b, error=e',
    ['bearer', { scope: 'storage.read:/a/b', error: 'e' }],
  ],
  [
    'forgives quotes forgotten round a URL',
    'Bearer error_uri=https://a.example/?b=c',
    ['bearer', { error_uri: 'https://a.example/?b=c' }],
  ],
  ['does not take a semicolon for a comma', 'Bearer realm="x"; error="e"', ['bearer']],
  ['goes on behind an element of rubbish', '@@@, Bearer realm="x"', ['bearer', { realm: 'x' }]],
  ['is not misled by commas inside the quotes of rubbish', '@ "a, Bearer", Basic', ['basic']],
]

// As Apache sent them: mod_auth_basic, mod_auth_openidc, and the three lines of a place with three schemes.
const NO_TOKEN =
  'Bearer realm="sci data", error="invalid_request", error_description="No bearer token found in the request"'
const noToken = {
  realm: 'sci data',
  error: 'invalid_request',
  error_description: 'No bearer token found in the request',
}
const fromServers: Vector[] = [
  ['reads mod_auth_basic', 'Basic realm="Loopback realm"', ['basic', { realm: 'Loopback realm' }]],
  ['reads mod_auth_openidc when no token was sent', NO_TOKEN, ['bearer', noToken]],
  [
    'reads mod_auth_openidc when the token was bad',
    'Bearer realm="sci data", error="invalid_token", error_description="JWT token could not be validated"',
    [
      'bearer',
      { realm: 'sci data', error: 'invalid_token', error_description: 'JWT token could not be validated' },
    ],
  ],
  [
    'reads mod_auth_openidc when the scope was missing',
    'Bearer error="insufficient_scope", error_description="Different scope(s) or other claims required"',
    [
      'bearer',
      { error: 'insufficient_scope', error_description: 'Different scope(s) or other claims required' },
    ],
  ],
  [
    'reads three schemes as axios joins them',
    `Basic realm="Loopback, realm", charset="UTF-8", Negotiate, ${NO_TOKEN}`,
    ['basic', { realm: 'Loopback, realm', charset: 'UTF-8' }],
    ['negotiate'],
    ['bearer', noToken],
  ],
  [
    'reads an OpenID provider that offers Bearer and DPoP',
    'Bearer realm="https://localhost:8450", DPoP realm="https://localhost:8450", algs="ES256 Ed25519 EdDSA"',
    ['bearer', { realm: 'https://localhost:8450' }],
    ['dpop', { realm: 'https://localhost:8450', algs: 'ES256 Ed25519 EdDSA' }],
  ],
]

describe('parseChallenges', () => {
  describe.each<[string, Vector[]]>([
    ['one challenge', asWritten],
    ['several challenges', severalChallenges],
    ['empty list elements', emptyElements],
    ['token68', token68],
    ['words that are no challenge', notAChallenge],
    ['parameters named twice', twice],
    ['malformed input', malformed],
    ['what real servers send', fromServers],
  ])('%s', (_, vectors) => {
    it.each(vectors.map((vector) => [vector[0], vector] as const))('%s', (_sentence, vector) => {
      expect(parseChallenges(vector[1])).toEqual(expected(vector))
    })
  })

  it('finds nothing when there is no field, or something that is no text', () => {
    for (const header of [undefined, null, [], 7, false, {}, [undefined, 7]] as unknown as string[])
      expect(parseChallenges(header)).toEqual([])
  })

  it('gives parameters without a prototype, so that no name is special', () => {
    const [challenge, bare] = parseChallenges('Bearer __proto__="a", constructor="b", Basic')
    expect(Object.entries(challenge!.params)).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ])
    expect(Object.getPrototypeOf(challenge!.params)).toBeNull()
    expect(Object.getPrototypeOf(bare!.params)).toBeNull()
    expect('toString' in bare!.params).toBe(false)
  })

  it('has no token68 on a challenge with parameters', () => {
    expect(parseChallenges('Bearer a=b')[0]).not.toHaveProperty('token68')
  })
})

describe('parseChallenges and hostile input', () => {
  const megabyte = (unit: string, before = '', after = '') =>
    before + unit.repeat(Math.ceil(2 ** 20 / unit.length)) + after

  // Each would take minutes, not milliseconds, in a parser that goes back and tries again.
  it.each([
    ['commas before a challenge', megabyte(',', '', 'Bearer'), 1],
    ['spaces between a scheme and its parameter', megabyte(' ', 'Bearer', 'a=b'), 1],
    ['spaces round an equals sign', megabyte(' ', 'Bearer a', '=b'), 1],
    ['white space that ends in rubbish', megabyte(' \t', 'Bearer a', '@'), 1],
    ['escapes', megabyte('\\"', 'Bearer realm="', '"'), 1],
    ['escapes in a quote that never ends', megabyte('\\"', 'Bearer realm="'), 1],
    ['quotes', megabyte('"', 'Bearer '), 1],
    ['opened quotes', megabyte('a="', 'Bearer '), 1],
    ['a scheme', megabyte('a'), 1],
    ['a token68', megabyte('a', 'Bearer '), 1],
    ['a token68 that turns out to be none', megabyte('a', 'Bearer ', '@'), 1],
    ['padding', megabyte('=', 'Bearer a', '@'), 1],
    ['rubbish', megabyte('@'), 0],
    ['NUL characters', megabyte('\0', 'Bearer realm="', '"'), 1],
    ['characters no header can have', megabyte('\u{1F600}'), 0],
  ])('reads a megabyte of %s', (_, header, count) => {
    expect(parseChallenges(header)).toHaveLength(count)
  })

  it.each([
    ['challenges', megabyte('a,')],
    ['challenges with parameters', megabyte('a b=c,')],
    ['token68', megabyte('a b,')],
    ['parameters of one challenge', `Bearer ${Array.from({ length: 100_000 }, (_, n) => `p${n}=1`).join()}`],
    ['parameters without commas', megabyte('a=1 ', 'Bearer ')],
  ])('stops after ten thousand %s, more than any server sends', (_, header) => {
    const challenges = parseChallenges(header)
    const parameters = challenges.flatMap(({ params }) => Object.keys(params))
    expect(challenges[0]).toBeDefined()
    expect(Math.max(challenges.length, parameters.length)).toBeLessThanOrEqual(10_000)
  })

  it('never throws, whatever the characters', () => {
    const characters = ['"', '\\', ',', '=', ' ', '\t', 'a', 'Bearer ', '@', ';', '/', '\0', 'é', '\ud800']
    let seed = 1
    const next = () => (seed = (seed * 48_271) % 2_147_483_647)
    for (let round = 0; round < 2_000; round += 1) {
      const header = Array.from({ length: next() % 20 }, () => characters[next() % characters.length]).join(
        '',
      )
      for (const { scheme, params } of parseChallenges(header)) {
        expect(scheme).toMatch(/^[!#$%&'*+\-.^_`|~0-9a-z]+$/)
        expect(Object.keys(params).join('')).toMatch(/^[!#$%&'*+\-.^_`|~0-9a-z]*$/)
      }
    }
  })
})

describe('bearerChallenge', () => {
  it('names what RFC 6750 section 3 names, with the scopes apart', () => {
    const header =
      'Bearer realm="example", scope="read:/a  write:/b", error="insufficient_scope", error_description="No.", error_uri="https://a.example/why"'
    expect(bearerChallenge(parseChallenges(header))).toEqual({
      realm: 'example',
      scope: ['read:/a', 'write:/b'],
      error: 'insufficient_scope',
      errorDescription: 'No.',
      errorUri: 'https://a.example/why',
    })
  })

  it('has an empty list of scopes and nothing else when the server says nothing else', () => {
    expect(bearerChallenge(parseChallenges('bearer'))).toStrictEqual({ scope: [] })
    expect(bearerChallenge(parseChallenges('bearer scope=""'))).toStrictEqual({ scope: [] })
  })

  it('takes the first of several Bearer challenges', () => {
    const challenges = parseChallenges('Basic realm="a", Bearer realm="b", Bearer realm="c"')
    expect(bearerChallenge(challenges)).toEqual({ realm: 'b', scope: [] })
  })

  it('is undefined where no Bearer token is wanted', () => {
    for (const header of [
      undefined,
      '',
      'Basic realm="Bearer"',
      'Negotiate',
      'DPoP algs="ES256"',
      'Basic bearer=x',
    ])
      expect(bearerChallenge(parseChallenges(header))).toBeUndefined()
  })
})
