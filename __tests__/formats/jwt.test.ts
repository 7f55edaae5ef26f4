import fc from 'fast-check'
import { decode } from 'jsonwebtoken'
import { decodeJwt } from '../../lib/formats/jwt'
import { SEEDED, textOf } from '../support/properties'

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const HEADER = encoded({ alg: 'none', typ: 'JWT' })

it.each([
  ['a signature', 'c2ln', { sub: 'a' }],
  ['an empty signature', '', { sub: 'ä', aud: ['x'] }],
])('decodes header and claims of a token with %s', (_, signature, claims) => {
  expect(decodeJwt(`${HEADER}.${encoded(claims)}.${signature}`)).toEqual({
    header: { alg: 'none', typ: 'JWT' },
    claims,
  })
})

it.each([
  ['no text', 1],
  ['two parts', `${HEADER}.${encoded({})}`],
  ['four parts', `${HEADER}.${encoded({})}.a.b`],
  ['a line break at the end', `${HEADER}.${encoded({})}.\n`],
  ['another alphabet', `${HEADER}.e+0=.`],
  ['claims that are a list', `${HEADER}.${encoded([])}.`],
  ['claims that are no JSON', `${HEADER}.e30x.`],
  ['a header that is a number', `${encoded(1)}.${encoded({})}.`],
])('is undefined for %s', (_, text) => {
  expect(decodeJwt(text as string)).toBeUndefined()
})

describe(`as jsonwebtoken ${SEEDED}`, () => {
  const part = fc.oneof(
    fc.json().map((text) => Buffer.from(text).toString('base64url')),
    fc
      .dictionary(fc.string({ unit: 'grapheme-ascii' }), fc.jsonValue({ stringUnit: 'grapheme-ascii' }))
      .map(encoded),
    textOf('eyJ30-_=+/.', 8),
  )
  it('decodes any three parts', () => {
    fc.assert(
      fc.property(part, part, textOf('aB3-_=. ', 4), (header, claims, signature) => {
        const text = `${header}.${claims}.${signature}`
        const theirs = caught(() => decode(text, { complete: true, json: true }))
        const ours = decodeJwt(text)
        // Theirs may also be a list, text or number, which is no JWT, and reads headers as Latin-1 (RFC 7515 section 3: UTF-8).
        if (ours) expect(ours.claims).toEqual(theirs?.payload)
        else expect([theirs?.payload, theirs?.header].every(isPlain)).toBe(false)
      }),
    )
  })
})

function isPlain(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function caught<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
