import fs from 'node:fs'
import { inspect } from 'node:util'
import axios from 'axios'
import fc from 'fast-check'
import { IgwnAuthError } from '../../lib/errors'
import { isValidToken, validateClaims, requirementsOf } from '../../lib/tokens/validate-claims'
import { discovery } from '../../lib/tokens/discovery'
import { tokenAuthorizationHeader, tokenText } from '../../lib/tokens/token'
import { applyIgwnAuth, SciToken } from '../support/all'
import { expectNoSecret } from '../support/expect-no-secret'
import { anyText, runs, SEEDED, textOf } from '../support/properties'
import { serve, type TestServer } from '../support/server'
import { createSigningKey, emptyPlaces, now, put, runtimeFile, signatureOf } from '../support/tokens'

const LETTERS = Array.from('abcXYZ019-._~+/')
/** `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="` (RFC 6750 section 2.1). */
const sendable = fc
  .tuple(
    fc.string({ unit: fc.constantFrom(...LETTERS), minLength: 1, maxLength: 40 }),
    fc.constantFrom('', '=', '=='),
  )
  .map((parts) => parts.join(''))
const trimmed = (token: string) => token.replace(/[\r\n]+$/, '')
/** The path of a file is not sent. */
const isSendable = (token: string) =>
  /^[A-Za-z0-9\-._~+/]+=*$/.test(trimmed(token)) && !(token.startsWith('/') && fs.existsSync(trimmed(token)))
/** Almost one. */
const nearly = textOf(
  [
    ...LETTERS,
    '=',
    ' ',
    '\n',
    '\r',
    '\t',
    '\0',
    '"',
    ',',
    ';',
    'é',
    '€',
    '\u{1F600}',
    '\ud800',
    'eyJ',
    'Bearer ',
  ],
  20,
)
const anything = fc.oneof(sendable, nearly, anyText(30))

function outcomeOf(act: () => unknown): unknown {
  try {
    return act()
  } catch (error) {
    return error
  }
}

describe(`a token of any characters ${SEEDED}`, () => {
  it('is sent unchanged but for line breaks at its end, or rejected', () => {
    fc.assert(
      fc.property(anything, (token) => {
        const outcome = outcomeOf(() => tokenAuthorizationHeader(token))
        if (isSendable(token)) expect(outcome).toBe(`Bearer ${trimmed(token)}`)
        else expect(outcome).toMatchObject({ name: 'IgwnAuthError', code: 'ERR_IGWN_TOKEN_MALFORMED' })
      }),
      runs(500),
    )
  })

  it('is the same as its bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => {
        const text = Buffer.from(bytes).toString('latin1')
        const [byBytes, byText] = [bytes, text].map((token) => outcomeOf(() => tokenText(token)))
        expect(String(byBytes)).toBe(String(byText))
      }),
    )
  })

  it('is not repeated by the error that rejects it', () => {
    const secret = 'c4n4ry0fs3cr3ts'
    fc.assert(
      fc.property(nearly, nearly, (before, behind) => {
        const outcome = outcomeOf(() => tokenText(`${before}${secret}${behind}`))
        if (outcome instanceof IgwnAuthError) expectNoSecret(outcome, [secret])
      }),
    )
  })
})

describe(`on the wire ${SEEDED}`, () => {
  let server: TestServer
  beforeAll(async () => {
    server = await serve(() => ({}))
  })

  it('a token of any characters arrives unchanged, or nothing is sent', async () => {
    const instance = applyIgwnAuth(axios.create({ proxy: false, baseURL: server.origin }))
    await fc.assert(
      fc.asyncProperty(anything, async (token) => {
        const before = server.seen.length
        const outcome = await instance.get('/', { igwnAuth: { token } }).catch((error: unknown) => error)
        if (isSendable(token)) {
          expect(server.authorizations.slice(before)).toEqual([`Bearer ${trimmed(token)}`])
        } else {
          expect(outcome).toMatchObject({ code: 'ERR_IGWN_TOKEN_MALFORMED' })
          expect(server.seen.length).toBe(before)
        }
      }),
      runs(60),
    )
  })
})

describe(`a JWT of any claims ${SEEDED}`, () => {
  const key = createSigningKey()
  const claimNames = fc.constantFrom(
    'iss',
    'aud',
    'scope',
    'scp',
    'exp',
    'nbf',
    'ver',
    'wlcg.ver',
    'sub',
    '__proto__',
    'x',
  )
  const claimValues = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom('ANY', 'scitoken:2.0', 'read:/', '1.0', 'https://x.example.org', now() + 3600, -1, 1e308),
  )
  const claims = fc.array(fc.tuple(claimNames, claimValues), { maxLength: 8 }).map((all) => {
    // As text: `__proto__` in an object would set the prototype.
    const members = all.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
    return `{${members.join(',')}}`
  })
  const sign = (text: string) => {
    const signature = signatureOf(key.sign({}))
    return `eyJhbGciOiJFUzI1NiJ9.${Buffer.from(text).toString('base64url')}.${signature}`
  }

  it('is validated without an error, and does not show in any output', () => {
    fc.assert(
      fc.property(claims, claims, (text, query) => {
        const token = SciToken.deserialize(sign(text))
        const { iss, aud, scope } = JSON.parse(query) as Record<string, unknown>
        const requirements = requirementsOf({
          ...(typeof aud === 'string' && aud !== '' && { audience: aud }),
          ...(typeof scope === 'string' && { scope }),
          ...(typeof iss === 'string' && { issuer: iss }),
        })
        const problem = validateClaims(token, requirements)
        const shown = [
          inspect(token, { depth: null, showHidden: true }),
          JSON.stringify([token, problem]),
          String(token),
        ]
        expect(shown.join()).not.toContain(signatureOf(token.serialize()))
        // eslint-disable-next-line no-control-regex
        if (problem) expect(problem.message).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028\u202e]/)
        expect(({} as Record<string, unknown>).x).toBeUndefined()
      }),
    )
  })

  it('stays valid if less is required', () => {
    fc.assert(
      fc.property(claims, fc.nat(7200), (text, seconds) => {
        const token = sign(text)
        if (isValidToken(token, { minTimeLeft: seconds + 1 }))
          expect(isValidToken(token, { minTimeLeft: seconds })).toBe(true)
        if (isValidToken(token, { scope: ['read:/', 'write:/'] }))
          expect(isValidToken(token, { scope: 'read:/' })).toBe(true)
        if (isValidToken(token, { audience: 'a' }))
          expect(isValidToken(token, { audience: ['b', 'a'] })).toBe(true)
      }),
    )
  })

  it('is skipped in a file with other text, and not repeated', () => {
    emptyPlaces()
    const part = fc.oneof(textOf([...LETTERS, 'eyJ', '.', '{', '}', '"', '\n'], 20), anyText(10))
    const secret = 'c4n4ry0fs3cr3ts'
    fc.assert(
      fc.property(part, part, (before, behind) => {
        put(runtimeFile(), `${before}${secret}${behind}`)
        const { token, reasons } = discovery()(requirementsOf({}))
        expect(token).toBeUndefined()
        expectNoSecret(reasons, [secret])
      }),
      runs(60),
    )
  })
})
