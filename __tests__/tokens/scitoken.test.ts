import { format, inspect } from 'node:util'
import { SciToken } from '../../lib/tokens/scitoken'
import { mint, now, ours, passTime, signatureOf, stopClock } from '../support/tokens'

const read = (claims: Record<string, unknown>) => SciToken.deserialize(mint(claims))

describe('deserialize', () => {
  it('decodes claims and header, and serialize returns the text', () => {
    const text = mint({ sub: 'albert', extra: { deep: [1] } })
    const token = SciToken.deserialize(text)
    expect(token.serialize()).toBe(text)
    expect(token.claims).toMatchObject({ sub: 'albert', extra: { deep: [1] } })
    expect(token.header).toMatchObject({ alg: 'ES256', typ: 'JWT' })
    expect(token.source).toBeUndefined()
  })

  it.each(['\n', '\r\n'])('ignores line breaks at the end: %j', (end) => {
    const text = mint()
    expect(SciToken.deserialize(`${text}${end}`).serialize()).toBe(text)
  })

  it('accepts an expired token', () => {
    expect(read({ exp: 0 }).expiresAt).toBe(0)
    expect(SciToken.deserialize(`${mint().split('.').slice(0, 2).join('.')}.`)).toBeInstanceOf(SciToken)
  })

  it('names the source of a text that is not a token, and does not repeat it', () => {
    const refuse = (text: unknown, source?: string) => () => SciToken.deserialize(text as string, source)
    const because =
      'is not a SciToken: a JWT has a header and claims in JSON, encoded and joined by dots (RFC 7519).'
    expect(refuse('hunter2', 'BEARER_TOKEN')).toThrow(
      ours('ERR_IGWN_TOKEN_MALFORMED', `BEARER_TOKEN ${because}`),
    )
    for (const text of [
      '',
      'hunter2',
      `\n${mint()}`,
      `Bearer ${mint()}`,
      undefined,
      null,
      7,
      {},
      Buffer.from(mint()),
    ])
      expect(refuse(text)).toThrow(ours('ERR_IGWN_TOKEN_MALFORMED', `The text ${because}`))
  })
})

describe('claims', () => {
  it('that are missing are undefined or empty', () => {
    const claims = ['iss', 'sub', 'aud', 'scope', 'exp', 'nbf', 'ver']
    const token = read(Object.fromEntries(claims.map((name) => [name, undefined])))
    const { issuer, subject, audience, scopes, expiresAt, notBefore, profile } = token
    expect({ issuer, subject, expiresAt, notBefore }).toEqual({})
    expect({ audience, scopes, profile }).toEqual({ audience: [], scopes: [], profile: 'scitoken:1.0' })
    expect(token.timeLeft()).toBeUndefined()
  })

  it('of the wrong type are undefined', () => {
    const { issuer, subject, audience, scopes, expiresAt, notBefore } = read({
      iss: 7,
      sub: {},
      aud: [7],
      scope: ['a', 7],
      exp: 'soon',
      nbf: null,
    })
    expect({ issuer, subject, audience, scopes, expiresAt, notBefore }).toEqual({})
  })

  it.each<[Record<string, unknown>, unknown]>([
    [{ scope: 'a b' }, ['a', 'b']],
    [{ scope: 'a', scp: ['b'] }, ['a']],
    [{ scope: ['a', 'b c'], scp: 'd' }, ['a', 'b', 'c']],
    [{ scope: null, scp: 'd' }, undefined],
    [{ scope: [] }, []],
    [{ scope: undefined, scp: 'a b' }, ['a', 'b']],
    [{ scope: undefined, scp: ['a', 'b'] }, ['a', 'b']],
    [{ scope: undefined, scp: [7] }, undefined],
  ])('scopes of %j', (claims, scopes) => {
    expect(read(claims).scopes).toEqual(scopes)
  })

  it.each<[Record<string, unknown>, string]>([
    [{}, 'scitoken:2.0'],
    [{ ver: undefined }, 'scitoken:1.0'],
    [{ ver: 'scitoken:1.0' }, 'scitoken:1.0'],
    [{ ver: 'scitokens:2.0' }, 'scitoken:2.0'],
    [{ ver: 'scitoken:2.7' }, 'scitoken:2.0'],
    [{ ver: 'scitoken:20.0' }, 'unknown'],
    [{ ver: 'xscitoken:2.0' }, 'unknown'],
    [{ ver: 2 }, 'unknown'],
    [{ ver: 'scitoken:2.0', 'wlcg.ver': '1.0' }, 'wlcg'],
  ])('profile of %j is %s', (claims, profile) => {
    expect(read(claims).profile).toBe(profile)
  })

  it('timeLeft is the time until exp', () => {
    stopClock()
    const token = read({ exp: now() + 60 })
    expect(token.timeLeft()).toBe(60)
    passTime(61.5)
    expect(token.timeLeft()).toBe(-1.5)
    jest.useRealTimers()
  })
})

describe('printing', () => {
  const text = mint({ sub: 'albert' })
  const token = SciToken.deserialize(text, 'BEARER_TOKEN')

  it.each([
    ['inspect', () => inspect(token)],
    ['inspect, all of it', () => inspect(token, { depth: null, showHidden: true, getters: true })],
    ['inspect, past our own', () => inspect(token, { depth: null, showHidden: true, customInspect: false })],
    ['inspect of what holds it', () => inspect({ a: { b: [token] } }, { depth: null, showHidden: true })],
    ['JSON', () => JSON.stringify(token)],
    ['JSON of what holds it', () => JSON.stringify({ token: [token] })],
    ['String', () => String(token)],
    ['format', () => format('%s %o %O %j', token, token, token, token)],
    [
      'its properties',
      () => inspect(Object.assign({}, token), { depth: null }) + Object.getOwnPropertyNames(token).join(),
    ],
    ['a clone', () => inspect(structuredClone(token), { depth: null })],
    ['an error about it', () => inspect(new Error('refused', { cause: token }), { depth: null })],
  ])('never shows the token: %s', (_, shown) => {
    expect(shown()).not.toContain(signatureOf(text))
    expect(shown()).not.toContain(text.slice(0, 20))
  })

  it('shows the claims', () => {
    expect(JSON.parse(JSON.stringify(token))).toEqual({
      source: 'BEARER_TOKEN',
      profile: 'scitoken:2.0',
      issuer: 'https://issuer.example.org',
      subject: 'albert',
      audience: ['https://x.example.org'],
      scopes: ['read:/frames'],
      expiresAt: token.expiresAt,
    })
    expect(inspect(token)).toMatch(/^SciToken {\s+source: 'BEARER_TOKEN',/)
    expect(String(token)).toBe('SciToken of https://issuer.example.org from BEARER_TOKEN')
    expect(String(read({ iss: undefined }))).toBe('SciToken of an unknown issuer')
  })
})
