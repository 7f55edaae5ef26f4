import { duration, isValidToken, validateClaims, requirementsOf } from '../../lib/tokens/validate-claims'
import { SciToken } from '../../lib/tokens/scitoken'
import type { Token, TokenQuery } from '../../lib/tokens/token'
import { mint, now, ours, stopClock } from '../support/tokens'

beforeEach(stopClock)
afterEach(() => {
  jest.useRealTimers()
})

const judge = (claims: Record<string, unknown>, query: TokenQuery = {}) =>
  validateClaims(SciToken.deserialize(mint(claims)), requirementsOf(query))

const X = 'https://x.example.org'
/** Without what SciTokens 2.0 adds. */
const V1 = { ver: undefined }
const WLCG = { ver: undefined, 'wlcg.ver': '1.0' }

// Which claims satisfy which query is in conformance/claims.json; here, what is said of those that do not.

describe('version', () => {
  it.each<[unknown, unknown]>([
    ['2.0', '2.0'],
    ['0.9', '0.9'],
    ['10.0', '10.0'],
    ['1', '1'],
    ['1.x', '1.x'],
    ['1.0\n', '1.0\n'],
    [1, 1],
    [null, 'null'],
    [{ major: 1 }, 'an object'],
  ])('wlcg.ver %j is not', (version, got) => {
    expect(judge({ ...WLCG, 'wlcg.ver': version })).toEqual({
      code: 'profile',
      claim: 'wlcg.ver',
      expected: '1.x',
      actual: got,
      message: 'follows a version of the WLCG profile not known here',
    })
  })
})

describe('life', () => {
  it.each<[number, number | undefined, string | undefined]>([
    [61, undefined, undefined],
    [60, undefined, undefined],
    [59, undefined, 'has 59 seconds left, and 60 seconds are wanted'],
    [1, undefined, 'has 1 second left, and 60 seconds are wanted'],
    [0, undefined, 'expired 0 seconds ago'],
    [-1, undefined, 'expired 1 second ago'],
    [-119, undefined, 'expired 119 seconds ago'],
    [-120, undefined, 'expired 2 minutes ago'],
    [-172_800, undefined, 'expired 2 days ago'],
    [1, 0, undefined],
    [0, 0, undefined],
    [-1, 0, 'expired 1 second ago'],
    [3600, 3600, undefined],
    [3599, 3600, 'has 59 minutes left, and 60 minutes are wanted'],
  ])('%i s left where %j are wanted: %s', (left, minTimeLeft, message) => {
    expect(judge({ exp: now() + left }, { minTimeLeft })).toEqual(
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
    ['2524608000', '2524608000', 'has an exp claim that is no time'],
    [null, 'null', 'has an exp claim that is no time'],
    [[4e9], [4e9], 'has an exp claim that is no time'],
    [true, true, 'has an exp claim that is no time'],
  ])('exp %j is none', (exp, got, message) => {
    expect(judge({ exp })).toEqual({ code: 'claim', claim: 'exp', expected: 'a time', actual: got, message })
  })

  it('exp of 1e999 is no time', () => {
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
    [61, 'is valid only in 61 seconds'],
    [7200, 'is valid only in 2 hours'],
  ])('beginning in %i s: %s', (ahead, message) => {
    expect(judge({ nbf: now() + ahead, exp: now() + 86_400 })).toEqual(
      message === undefined
        ? undefined
        : { code: 'not-yet-valid', claim: 'nbf', expected: 'now', actual: now() + ahead, message },
    )
  })

  it('nbf that is no time disqualifies', () => {
    expect(judge({ nbf: 'soon' })).toEqual({
      code: 'claim',
      claim: 'nbf',
      expected: 'a time',
      actual: 'soon',
      message: 'has an nbf claim that is no time',
    })
  })
})

describe('issuer', () => {
  it('is one of those wanted, exactly', () => {
    const iss = 'https://cilogon.org/igwn'
    expect(judge({ iss }, { issuer: iss })).toBeUndefined()
    expect(judge({ iss }, { issuer: ['https://other.example.org', iss] })).toBeUndefined()
    for (const issuer of [
      'https://cilogon.org/igwn/',
      'https://cilogon.org:443/igwn',
      'https://CILOGON.org/igwn',
    ])
      expect(judge({ iss }, { issuer })).toEqual({
        code: 'issuer',
        claim: 'iss',
        expected: [issuer],
        actual: iss,
        message: `is of issuer ${iss}, not ${issuer}`,
      })
  })

  it.each([undefined, 7, null])('is wanted, and iss is %j', (iss) => {
    expect(judge({ iss }, { issuer: ['https://a', 'https://b'] })).toMatchObject({
      code: 'issuer',
      message: 'names no issuer, and https://a or https://b is wanted',
    })
    expect(judge({ iss })).toBeUndefined()
  })
})

describe('audience', () => {
  it('says for whom the token is', () => {
    expect(
      judge({ aud: ['https://y.example.org', 'https://z.example.org'] }, { audience: [X, `${X}:8443`] }),
    ).toEqual({
      code: 'audience',
      claim: 'aud',
      expected: [X, `${X}:8443`],
      actual: ['https://y.example.org', 'https://z.example.org'],
      message: `is for audience https://y.example.org or https://z.example.org, not ${X} or ${X}:8443`,
    })
  })

  it.each(['scitoken:2.0', 'wlcg'])(
    'must be named in a %s token, whether it is asked for or not',
    (profile) => {
      const claims = profile === 'wlcg' ? WLCG : {}
      for (const aud of [undefined, []])
        for (const query of [{}, { audience: X }])
          expect(judge({ ...claims, aud }, query)).toEqual({
            code: 'claim',
            claim: 'aud',
            expected: query.audience ? [X] : [],
            actual: aud,
            message: `names no audience, which a ${profile} token must do`,
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
  ])('%j is none', (aud, got) => {
    expect(judge({ aud })).toMatchObject({
      code: 'claim',
      claim: 'aud',
      actual: got,
      message: 'has an aud claim that is neither a string nor a list of them',
    })
  })
})

describe('scope', () => {
  it('is wanted whole: every one of several', () => {
    const scope = 'gracedb.read read:/frames'
    for (const wants of [
      'gracedb.read',
      'read:/frames gracedb.read',
      ['gracedb.read', 'read:/frames/O4'],
      '',
    ])
      expect(judge({ scope }, { scope: wants })).toBeUndefined()
    expect(judge({ scope }, { scope: ['gracedb.read', 'dqsegdb.read write:/a'] })).toEqual({
      code: 'scope',
      claim: 'scope',
      expected: ['gracedb.read', 'dqsegdb.read', 'write:/a'],
      actual: ['gracedb.read', 'read:/frames'],
      message: 'gives gracedb.read read:/frames, not dqsegdb.read write:/a',
    })
  })

  it('must be in a scitoken:2.0, whether it is asked for or not', () => {
    for (const scope of [undefined, '', '  '])
      expect(judge({ scope })).toEqual({
        code: 'claim',
        claim: 'scope',
        expected: [],
        actual: scope,
        message: 'gives no scope, which a scitoken:2.0 token must do',
      })
  })

  it('need not be in SciTokens 1.0 and WLCG tokens, unless asked for', () => {
    for (const profile of [V1, WLCG]) {
      expect(judge({ ...profile, scope: undefined })).toBeUndefined()
      expect(judge({ ...profile, scope: undefined }, { scope: 'read:/' })).toMatchObject({
        code: 'scope',
        actual: [],
        message: 'gives no scope, not read:/',
      })
    }
  })

  it.each([{ scope: ['a'] }, { scope: 7 }, { scope: null }, { scope: undefined, scp: 7 }])(
    '%j is none',
    (claims) => {
      expect(judge(claims)).toMatchObject({
        code: 'claim',
        claim: 'scope',
        message: 'has a scope claim that is no string',
      })
    },
  )

  it('that climbs spoils the token, whatever is asked for', () => {
    expect(judge({ scope: 'gracedb.read read:/a/%2e%2e/b' }, { scope: 'gracedb.read' })).toEqual({
      code: 'scope',
      claim: 'scope',
      expected: ['gracedb.read'],
      actual: ['gracedb.read', 'read:/a/%2e%2e/b'],
      message: 'has the scope read:/a/%2e%2e/b, whose path climbs by ".."',
    })
  })
})

describe('isValidToken', () => {
  it('takes a text, bytes and a SciToken', () => {
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
  ])('is false for %j, which is no token', (token) => {
    expect(isValidToken(token as Token)).toBe(false)
  })

  it.each<[unknown, string]>([
    [null, 'query must be an object, not null.'],
    [{ audience: 7 }, 'query.audience must be a string or a list of strings, none empty, not a number.'],
    [{ minTimeLeft: NaN }, 'query.minTimeLeft must be a number of seconds, 0 or more, not NaN.'],
    [{ timeleft: 1 }, 'query has no option "timeleft"; there are audience, scope, issuer, minTimeLeft, challengeScope.'],
  ])('refuses the query %j', (query, message) => {
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
