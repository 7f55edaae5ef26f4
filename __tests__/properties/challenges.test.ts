import fc from 'fast-check'
import { parseChallenges, type Challenge } from '../../lib/formats/www-authenticate'
import { anyText, SEEDED, textOf } from '../support/properties'

/** A challenge, and one way to write it. */
interface Written {
  readonly challenge: Challenge
  readonly text: string
}

const LETTERS = Array.from('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789')

/** `token = 1*tchar` (RFC 9110 section 5.6.2); and words that a parser could misread. */
const token = fc.oneof(
  fc.string({
    unit: fc.constantFrom(...Array.from("!#$%&'*+-.^_`|~"), ...LETTERS),
    minLength: 1,
    maxLength: 8,
  }),
  fc.constantFrom('Bearer', 'bearer', 'Basic', 'realm', 'scope', 'error', '__proto__', 'constructor'),
)

/** `token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="` (section 11.2). */
const token68 = fc
  .tuple(
    fc.string({ unit: fc.constantFrom(...Array.from('-._~+/'), ...LETTERS), minLength: 1, maxLength: 12 }),
    fc.constantFrom('', '=', '=='),
  )
  .map((parts) => parts.join(''))

/** `OWS = *( SP / HTAB )` (section 5.6.3). */
const space = textOf(' \t', 3)

/** `OWS "," OWS`, with empty elements (section 5.6.1.2). */
const gap = fc.array(space, { minLength: 2, maxLength: 4 }).map((spaces) => spaces.join(','))

/** `HTAB / SP / VCHAR / obs-text`: the content of a quoted-string (section 5.6.4). */
const quotable = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom('"', ',', '\\', '=', ' ', '\t', ...LETTERS, 'Bearer ', '", Bearer a="'),
  },
  { weight: 1, arbitrary: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) },
  { weight: 1, arbitrary: fc.integer({ min: 0x80, max: 0xff }).map((code) => String.fromCharCode(code)) },
)

/** A value and its quoted-string; some characters are escaped that need not be. */
const quoted = fc.array(fc.tuple(quotable, fc.boolean()), { maxLength: 12 }).map((parts) => ({
  value: parts.map(([text]) => text).join(''),
  text: `"${parts.map(([text, escaped]) => (escaped ? text.replace(/[^]/g, '\\$&') : text.replace(/["\\]/g, '\\$&'))).join('')}"`,
}))

const plain = token.map((text) => ({ value: text, text }))

/** `auth-param = token BWS "=" BWS ( token / quoted-string )` (section 11.2). */
const parameter = fc
  .tuple(token, space, space, fc.oneof(quoted, plain))
  .map(([name, before, behind, { value, text }]) => ({
    name,
    value,
    text: `${name}${before}=${behind}${text}`,
  }))

/** `auth-scheme [ 1*SP ( token68 / #auth-param ) ]` (section 11.3). */
const written: fc.Arbitrary<Written> = fc
  .tuple(
    token,
    fc.constantFrom(' ', '  ', '     '),
    fc.oneof(
      fc.constant(undefined),
      token68,
      fc.uniqueArray(fc.tuple(parameter, gap), {
        selector: ([{ name }]) => name.toLowerCase(),
        minLength: 1,
        maxLength: 4,
      }),
    ),
  )
  .map(([scheme, spaces, rest]) => {
    const challenge = { scheme: scheme.toLowerCase(), params: {} }
    if (rest === undefined) return { challenge, text: scheme }
    if (typeof rest === 'string')
      return { challenge: { ...challenge, token68: rest }, text: `${scheme}${spaces}${rest}` }
    // Assigning `__proto__` would set the prototype.
    const params = Object.defineProperties(
      {},
      Object.fromEntries(rest.map(([{ name, value }]) => [name.toLowerCase(), { value, enumerable: true }])),
    ) as Record<string, string>
    const text = rest.map(([one, between], index) => (index === 0 ? '' : between) + one.text).join('')
    return { challenge: { ...challenge, params }, text: `${scheme}${spaces}${text}` }
  })

/** Text with and without a special meaning. */
const hostile = textOf(
  ['"', '\\', ',', '=', ' ', '\t', 'a', 'Bearer ', '@', ';', '/', '\0', 'é', '\ud800', '\r\n'],
  60,
)

const expected = (all: readonly Written[]) =>
  all.map(({ challenge: { params, ...others } }) => ({ ...others, params: { ...params } }))

/** With parameters as ordinary objects, for comparison. */
const parsed = (header: string | readonly string[]) =>
  parseChallenges(header).map(({ params, ...others }) => ({ ...others, params: { ...params } }))

describe(`challenges of the grammar ${SEEDED}`, () => {
  const several = fc.array(fc.tuple(written, gap), { maxLength: 5 })

  it('are parsed correctly in one field', () => {
    fc.assert(
      fc.property(several, gap, gap, (all, before, behind) => {
        const text = before + all.map(([{ text }, between]) => text + between).join('') + behind
        expect(parsed(text)).toEqual(expected(all.map(([one]) => one)))
      }),
    )
  })

  it('are parsed correctly in a field each', () => {
    fc.assert(
      fc.property(several, (all) => {
        expect(parsed(all.map(([{ text }]) => text))).toEqual(expected(all.map(([one]) => one)))
      }),
    )
  })

  it('are parsed the same before and after any other field', () => {
    fc.assert(
      fc.property(written, written, hostile, (first, last, between) => {
        const challenges = parsed([first.text, between, last.text])
        expect(challenges[0]).toEqual(expected([first])[0])
        expect(challenges.at(-1)).toEqual(expected([last])[0])
      }),
    )
  })
})

describe(`any field ${SEEDED}`, () => {
  const anything = fc.oneof(hostile, anyText(40))

  it('is parsed without an error, into well-formed challenges', () => {
    fc.assert(
      fc.property(anything, (header) => {
        for (const { scheme, params, token68: opaque } of parseChallenges(header)) {
          expect(scheme).toMatch(/^[!#$%&'*+\-.^_`|~0-9a-z]+$/)
          for (const name of Object.keys(params)) expect(name).toMatch(/^[!#$%&'*+\-.^_`|~0-9a-z]+$/)
          if (opaque !== undefined) expect(opaque).toMatch(/^[-\w.~+/]+=*$/)
        }
      }),
    )
  })

  it('gives no scheme from within quotes', () => {
    const inside = textOf(['Bearer ', 'a="', ',', '=', ' ', 'x', ', Bearer'], 12).map((text) =>
      text.replace(/["\\]/g, '\\$&'),
    )
    fc.assert(
      fc.property(inside, hostile, (text, rest) => {
        const schemes = parseChallenges([`Basic realm="${text}"`, rest.replaceAll(/bearer/gi, '')])
        expect(schemes.map(({ scheme }) => scheme)).not.toContain('bearer')
      }),
    )
  })
})
