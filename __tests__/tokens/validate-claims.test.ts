import { duration } from '../../lib/formats/duration'
import {
  isValidToken,
  moment,
  namesOrigin,
  reasonFor,
  refusedByServer,
  requirementsOf,
  requirementTexts,
  validateClaims,
} from '../../lib/tokens/validate-claims'
import { SciToken } from '../../lib/tokens/scitoken'
import type { ObjectRequirements, Token, TokenQuery } from '../../lib/tokens/token'
import { mint, now, ours, stopClock } from '../support/tokens'

beforeEach(stopClock)
afterEach(() => {
  jest.useRealTimers()
})

const validate = (claims: Record<string, unknown>, query: TokenQuery = {}) =>
  validateClaims(SciToken.deserialize(mint(claims)), requirementsOf(query))

const X = 'https://x.example.org'
/** SciTokens 1.0. */
const V1 = { ver: undefined }
const WLCG = { ver: undefined, 'wlcg.ver': '1.0' }

// Which claims are valid for which query is in conformance/claims.json. Here are the reasons.

describe('version', () => {
  it.each<[unknown, unknown]>([
    ['2.0', '2.0'],
    ['0.9', '0.9'],
    ['10.0', '10.0'],
    ['11.0', '11.0'],
    [1.5, 1.5],
    ['1', '1'],
    ['1.x', '1.x'],
    ['1.0\n', '1.0\n'],
    [1, 1],
    [null, 'null'],
    [{ major: 1 }, 'an object'],
  ])('wlcg.ver %j is rejected', (version, got) => {
    expect(validate({ ...WLCG, 'wlcg.ver': version })).toEqual({
      code: 'profile',
      claim: 'wlcg.ver',
      expected: '1.x',
      actual: got,
      message: 'has an unknown version of the WLCG profile',
    })
  })
})

it('any minor version of the WLCG profile 1 is accepted', () => {
  expect(validate({ ...WLCG, 'wlcg.ver': '1.10' })).toBeUndefined()
})

describe('times', () => {
  it.each<[number, number | undefined, string | undefined]>([
    [61, undefined, undefined],
    [60, undefined, undefined],
    [59, undefined, 'expires in 59 seconds, less than the required 60 seconds'],
    [1, undefined, 'expires in 1 second, less than the required 60 seconds'],
    [0, undefined, 'expired 0 seconds ago'],
    [-1, undefined, 'expired 1 second ago'],
    [-119, undefined, 'expired 119 seconds ago'],
    [-120, undefined, 'expired 2 minutes ago'],
    [-172_800, undefined, 'expired 2 days ago'],
    [1, 0, undefined],
    [0, 0, undefined],
    [-1, 0, 'expired 1 second ago'],
    [3600, 3600, undefined],
    [3599, 3600, 'expires in 59 minutes, less than the required 60 minutes'],
  ])('%i s left if %j are required: %s', (left, minTimeLeft, message) => {
    expect(validate({ exp: now() + left }, { minTimeLeft })).toEqual(
      message === undefined
        ? undefined
        : {
            code: 'expired',
            claim: 'exp',
            expected: `at least ${minTimeLeft ?? 60} s left`,
            actual: now() + left,
            message,
          },
    )
  })

  it.each<[unknown, unknown, string]>([
    [undefined, undefined, 'has no exp claim'],
    ['2524608000', '2524608000', 'has an exp claim that is not a time'],
    [null, 'null', 'has an exp claim that is not a time'],
    [[4e9], [4e9], 'has an exp claim that is not a time'],
    [true, true, 'has an exp claim that is not a time'],
  ])('exp %j is rejected', (exp, got, message) => {
    expect(validate({ exp })).toEqual({
      code: 'claim',
      claim: 'exp',
      expected: 'a time',
      actual: got,
      message,
    })
  })

  it('exp of 1e999 is rejected', () => {
    const claims = Buffer.from('{"ver":"scitoken:2.0","aud":"ANY","scope":"a","exp":1e999}').toString(
      'base64url',
    )
    expect(validateClaims(SciToken.deserialize(`e30.${claims}.AA`), requirementsOf({}))).toMatchObject({
      claim: 'exp',
    })
  })

  it.each<[number, string | undefined]>([
    [-3600, undefined],
    [59, undefined],
    [60, undefined],
    [61, 'in 61 seconds'],
    [7200, 'in 2 hours'],
  ])('valid from %i s ahead: %s', (ahead, when) => {
    expect(validate({ nbf: now() + ahead, exp: now() + 86_400 })).toEqual(
      when === undefined
        ? undefined
        : {
            code: 'not-yet-valid',
            claim: 'nbf',
            expected: 'now',
            actual: now() + ahead,
            message: `is not valid yet: valid from ${moment(now() + ahead)} (${when})`,
          },
    )
  })

  it('nbf that is not a time is rejected', () => {
    expect(validate({ nbf: 'soon' })).toEqual({
      code: 'claim',
      claim: 'nbf',
      expected: 'a time',
      actual: 'soon',
      message: 'has an nbf claim that is not a time',
    })
  })
})

describe('issuer', () => {
  it('must be one of the required, exactly', () => {
    const iss = 'https://cilogon.org/igwn'
    expect(validate({ iss }, { issuer: iss })).toBeUndefined()
    expect(validate({ iss }, { issuer: ['https://other.example.org', iss] })).toBeUndefined()
    for (const issuer of [
      'https://cilogon.org/igwn/',
      'https://cilogon.org:443/igwn',
      'https://CILOGON.org/igwn',
    ])
      expect(validate({ iss }, { issuer })).toEqual({
        code: 'issuer',
        claim: 'iss',
        expected: [issuer],
        actual: iss,
        message: `is from issuer ${iss}, not ${issuer}`,
      })
  })

  it.each([undefined, 7, null])('is required, and iss is %j', (iss) => {
    expect(validate({ iss }, { issuer: ['https://a', 'https://b'] })).toMatchObject({
      code: 'issuer',
      message: 'has no issuer, and https://a or https://b is required',
    })
    expect(validate({ iss })).toBeUndefined()
  })
})

describe('audience', () => {
  it('of the token and the required ones are in the message', () => {
    expect(
      validate({ aud: ['https://y.example.org', 'https://z.example.org'] }, { audience: [X, `${X}:8443`] }),
    ).toEqual({
      code: 'audience',
      claim: 'aud',
      expected: [X, `${X}:8443`],
      actual: ['https://y.example.org', 'https://z.example.org'],
      message: `is for audience https://y.example.org or https://z.example.org, not ${X} or ${X}:8443`,
    })
  })

  it.each(['scitoken:2.0', 'wlcg'])(
    'is required in a %s token, also if the query requires none',
    (profile) => {
      const claims = profile === 'wlcg' ? WLCG : {}
      for (const aud of [undefined, []])
        for (const query of [{}, { audience: X }])
          expect(validate({ ...claims, aud }, query)).toEqual({
            code: 'claim',
            claim: 'aud',
            expected: query.audience ? [X] : [],
            actual: aud,
            message: `has no aud claim, which ${profile} tokens must have`,
          })
    },
  )

  it.each<[unknown, unknown]>([
    [7, 7],
    [null, 'null'],
    [
      ['a', 7],
      ['a', 7],
    ],
    [{ a: 1 }, 'an object'],
    [['a', { b: 1 }], 'an array'],
  ])('%j is rejected', (aud, got) => {
    expect(validate({ aud })).toMatchObject({
      code: 'claim',
      claim: 'aud',
      actual: got,
      message: 'has an aud claim that is neither a string nor a list of strings',
    })
  })
})

describe('scope', () => {
  it('must include all required ones', () => {
    const scope = 'gracedb.read read:/frames'
    for (const required of [
      'gracedb.read',
      'read:/frames gracedb.read',
      ['gracedb.read', 'read:/frames/O4'],
      '',
    ])
      expect(validate({ scope }, { scope: required })).toBeUndefined()
    expect(validate({ scope }, { scope: ['gracedb.read', 'dqsegdb.read write:/a'] })).toEqual({
      code: 'scope',
      claim: 'scope',
      expected: ['gracedb.read', 'dqsegdb.read', 'write:/a'],
      actual: ['gracedb.read', 'read:/frames'],
      message: 'has scope gracedb.read read:/frames, not dqsegdb.read write:/a',
    })
  })

  it('is required in a scitoken:2.0 token, also if the query requires none; it may be empty', () => {
    expect(validate({ scope: undefined })).toEqual({
      code: 'claim',
      claim: 'scope',
      expected: [],
      actual: undefined,
      message: 'has no scope claim, which scitoken:2.0 tokens must have',
    })
    for (const scope of ['', '  ', []]) {
      expect(validate({ scope })).toBeUndefined()
      expect(validate({ scope }, { scope: 'read:/' })).toMatchObject({ message: 'has no scope, not read:/' })
    }
  })

  it('of a challenge is required too: 20 of at most 256 characters', () => {
    const query = { scope: 'read:/frames', challengeScope: ['read:/frames', 'gracedb.read'] }
    expect(validate({ scope: 'read:/frames gracedb.read' }, query)).toBeUndefined()
    expect(validate({ scope: 'read:/frames' }, query)).toMatchObject({
      code: 'scope',
      expected: ['read:/frames', 'gracedb.read'],
    })
    const long = ['x'.repeat(257), 'y'.repeat(256)]
    expect(requirementsOf({ challengeScope: long }).challengeScope).toEqual([long[1]])
    const many = Array.from({ length: 30 }, (_, at) => `a${at}`)
    expect(requirementsOf({ challengeScope: many }).challengeScope).toEqual(many.slice(0, 20))
    expect(requirementsOf({ challengeScope: [many.join(' ')] }).challengeScope).toHaveLength(20)
    expect(requirementsOf(query).scope).toEqual(['read:/frames'])
    expect(requirementsOf({ challengeScope: [] })).not.toHaveProperty('challengeScope')
  })

  it('is optional in SciTokens 1.0 and WLCG tokens', () => {
    for (const profile of [V1, WLCG]) {
      expect(validate({ ...profile, scope: undefined })).toBeUndefined()
      expect(validate({ ...profile, scope: undefined }, { scope: 'read:/' })).toMatchObject({
        code: 'scope',
        actual: [],
        message: 'has no scope, not read:/',
      })
    }
  })

  it.each([{ scope: ['a', 7] }, { scope: 7 }, { scope: null }, { scope: undefined, scp: 7 }])(
    '%j is rejected',
    (claims) => {
      expect(validate(claims)).toMatchObject({
        code: 'claim',
        claim: 'scope',
        message: 'has a scope claim that is neither a string nor a list of strings',
      })
    },
  )

  it('with a parent segment is rejected, whatever is required', () => {
    expect(validate({ scope: 'gracedb.read read:/a/%2e%2e/b' }, { scope: 'gracedb.read' })).toEqual({
      code: 'scope',
      claim: 'scope',
      expected: ['gracedb.read'],
      actual: ['gracedb.read', 'read:/a/%2e%2e/b'],
      message: 'has the scope read:/a/%2e%2e/b, whose path contains ".."',
    })
  })
})

describe('for an object of a federation', () => {
  const ISSUER = 'https://issuer.example.org'
  const any = { scope: [], issuer: [], audience: [] }
  const validateFor = (object: Partial<ObjectRequirements>, claims = {}, source?: string) =>
    validateClaims(
      SciToken.deserialize(mint({ iss: ISSUER, ...claims }), source),
      requirementsOf({ object: { ...any, ...object } }),
    )

  it.each<[Partial<ObjectRequirements>, object]>([
    [{}, {}],
    [{ scope: ['read:/frames/a'] }, {}],
    [{ scope: ['storage.read:/frames/a', 'read:/frames/a', 'read:/b'] }, {}],
    [{ issuer: ['https://other.example.org', ISSUER] }, {}],
    [{ issuer: ['https://other.example.org', `${ISSUER}/`] }, {}],
    [{ issuer: [`${ISSUER}/a`] }, { iss: `${ISSUER}/a/` }],
    [{ audience: ['https://y.example.org', X] }, {}],
    [{ audience: [X] }, { aud: 'ANY' }],
  ])('a token with one of the scopes, issuers and audiences is suitable: %j', (object, claims) => {
    expect(validateFor(object, claims)).toBeUndefined()
  })

  it.each<[Partial<ObjectRequirements>, object, object]>([
    [
      { scope: ['storage.read:/a', 'read:/a'] },
      { scope: 'read:/b write:/c' },
      {
        code: 'scope',
        claim: 'scope',
        expected: ['storage.read:/a', 'read:/a'],
        actual: ['read:/b', 'write:/c'],
        message: 'has scope read:/b write:/c, not storage.read:/a or read:/a',
      },
    ],
    [{ scope: ['read:/a'] }, { scope: '' }, { message: 'has no scope, not read:/a' }],
    [
      { issuer: [`${ISSUER}//`, `${ISSUER}/a`] },
      {},
      { code: 'issuer', message: `is from issuer ${ISSUER}, not ${ISSUER}// or ${ISSUER}/a` },
    ],
    [{ issuer: [ISSUER], scope: ['read:/a'] }, { iss: undefined, scope: 'b' }, { code: 'issuer' }],
    [{ audience: ['https://y.example.org'], scope: ['read:/a'] }, { scope: 'b' }, { code: 'audience' }],
  ])('%j rejects a token with %j', (object, claims, problem) => {
    expect(validateFor(object, claims)).toMatchObject(problem)
  })

  it('a token has the name in the URL, with dots as HTCondor writes them', () => {
    const inFile = (name: string) =>
      validateFor({ tokenName: 'a.b.c' }, {}, `/creds/${name}.use (_CONDOR_CREDS)`)
    expect(inFile('a_b_c')).toBeUndefined()
    for (const name of ['abc', 'a.b.c', 'x_a_b_c', 'a_b_c_x'])
      expect(inFile(name)).toEqual({
        code: 'not-needed',
        message: 'is not the token a.b.c that the URL names',
      })
    expect(validateFor({ tokenName: 'a' })).toMatchObject({ code: 'not-needed' })
  })
})

it('each requirement has a text', () => {
  const requirements = {
    audience: ['a', 'b'],
    scope: 'read:/ write:/',
    issuer: 'i',
    object: { scope: ['c', 'd'], issuer: ['j', 'k'], audience: ['e'] },
  }
  expect(requirementTexts(requirementsOf(requirements))).toEqual([
    'audience a or b',
    'scope read:/ write:/',
    'scope c or d',
    'issuer i',
    'issuer j or k',
  ])
  expect(requirementTexts(requirementsOf({ object: { scope: [], issuer: [], audience: [] } }))).toEqual([])
  expect(requirementTexts(requirementsOf({}))).toEqual([])
})

it('a reason names the source of the token', () => {
  const problem = { code: 'expired', message: 'expired' } as const
  expect(reasonFor(SciToken.deserialize(mint(), 'BEARER_TOKEN'), problem)).toEqual({
    code: 'expired',
    source: 'BEARER_TOKEN',
    message: 'BEARER_TOKEN expired',
  })
  expect(reasonFor(SciToken.deserialize(mint()), problem).message).toBe('a token expired')
  expect(refusedByServer()).toEqual({
    code: 'refused',
    source: 'the token',
    message: 'the token was refused by the server',
  })
})

it.each([
  [0, '1970-01-01T00:00:00Z'],
  [1_700_000_000.5, '2023-11-14T22:13:20.500Z'],
  [1e15, 'a time outside the calendar'],
])('%d seconds since the epoch are %s', (seconds, text) => {
  expect(moment(seconds)).toBe(text)
})

describe('namesOrigin', () => {
  const names = (aud: unknown, url: string, claims = {}) =>
    namesOrigin(SciToken.deserialize(mint({ aud, ...claims })), new URL(url))

  it.each([
    [X, 'https://x.example.org/path'],
    ['x.example.org', 'https://x.example.org/'],
    [['https://y.example.org', X], 'https://x.example.org/'],
    [`${X}:8443`, 'https://x.example.org:8443/'],
    ['x.example.org:8443', 'https://x.example.org:8443/'],
    [X, 'https://x.example.org:8443/'],
  ])('%j names the origin of %s', (aud, url) => {
    expect(names(aud, url)).toBe(true)
  })

  it.each<[unknown, string]>([
    [undefined, X],
    [[], X],
    ['ANY', X],
    [7, X],
    ['https://wlcg.cern.ch/jwt/v1/any', X],
    ['https://y.example.org', X],
    [`${X}:8443`, X],
    ['x.example.org:8443', X],
    ['http://x.example.org', X],
    ['example.org', X],
  ])('%j does not name %s', (aud, url) => {
    for (const claims of [{}, V1, WLCG]) expect(names(aud, url, claims)).toBe(false)
  })
})

describe('isValidToken', () => {
  it('accepts a string, bytes and a SciToken', () => {
    const text = mint()
    for (const token of [
      text,
      Buffer.from(text),
      new TextEncoder().encode(text),
      SciToken.deserialize(text),
    ]) {
      expect(isValidToken(token)).toBe(true)
      expect(isValidToken(token, { audience: X, scope: 'read:/frames', minTimeLeft: 100 })).toBe(true)
      expect(isValidToken(token, { audience: 'https://y.example.org' })).toBe(false)
      const object = { scope: ['read:/frames/a'], issuer: [], audience: [] }
      expect(isValidToken(token, { object, stepUp: {} })).toBe(true)
    }
  })

  it.each<[unknown]>([
    ['garbage'],
    [''],
    [` ${mint()}`],
    [`Bearer ${mint()}`],
    [undefined],
    [null],
    [7],
    [{ claims: {} }],
    [new Uint8Array(10)],
  ])('is false for %j, which is not a token', (token) => {
    expect(isValidToken(token as Token)).toBe(false)
  })

  it.each<[unknown, string]>([
    [null, 'query must be an object, not null.'],
    [{ audience: 7 }, 'query.audience must be a string or a list of strings, none empty, not a number.'],
    [{ object: 'x' }, 'query.object must be an object, not a string.'],
    [{ stepUp: true }, 'query.stepUp must be an object, not a boolean.'],
    [{ minTimeLeft: NaN }, 'query.minTimeLeft must be a number of seconds, 0 or more, not NaN.'],
    [
      { timeleft: 1 },
      'query has no option "timeleft"; there are audience, scope, issuer, minTimeLeft, challengeScope, object, stepUp, isRetry.',
    ],
  ])('rejects the query %j', (query, message) => {
    expect(() => isValidToken(mint(), query as TokenQuery)).toThrow(ours('ERR_IGWN_INVALID_OPTION', message))
  })
})

it.each([
  [0, '0 seconds'],
  [1.9, '1 second'],
  [119, '119 seconds'],
  [120, '2 minutes'],
  [7199, '119 minutes'],
  [7200, '2 hours'],
  [172_799, '47 hours'],
  [172_800, '2 days'],
])('%d seconds are %s', (seconds, words) => {
  expect(duration(seconds)).toBe(words)
})

it('a token without scopes has none of those of which an object needs one', () => {
  const object = { scope: ['read:/a', 'read:/b'], issuer: [], audience: [] }
  expect(validate({ ...V1, scope: undefined }, { object })).toMatchObject({
    code: 'scope',
    expected: ['read:/a', 'read:/b'],
    actual: [],
    message: expect.stringMatching(/^has no scope, not read:\/a/) as string,
  })
  expect(validate({ scope: 'read:/b' }, { object })).toBeUndefined()
})
