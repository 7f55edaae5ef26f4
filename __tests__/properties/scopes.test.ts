import fc from 'fast-check'
import { climbs, givesScope, parseScope } from '../../lib/formats/scopes'
import { isValidToken } from '../../lib/tokens/validate-claims'
import { runs, SEEDED, textOf } from '../support/properties'
import { mint } from '../support/tokens'

/** One of the 256 octets of a path as it may be written: as it is, or percent-encoded in any case, several times over. */
const LETTERS = Array.from('abAB01-_~')
const segment = fc.string({
  unit: fc.constantFrom(...LETTERS, 'é', ':', '.a', 'a.'),
  minLength: 1,
  maxLength: 5,
})
const segments = fc.array(segment, { maxLength: 4 })
const authorization = fc.constantFrom('read', 'write', 'storage.read', 'storage.modify', 'gracedb.read')

function encoded(text: string, times: number, upper: boolean): string {
  const octets = [...Buffer.from(text)].map((octet) => {
    const hex = octet.toString(16).padStart(2, '0')
    return `%${upper ? hex.toUpperCase() : hex}`
  })
  return times === 0 ? text : encoded(octets.join(''), times - 1, upper)
}

/** Characters of a text, some of them encoded; `times` is how often at most. */
const written = (text: string, maxTimes: number) =>
  fc
    .array(fc.tuple(fc.integer({ min: 0, max: maxTimes }), fc.boolean()), {
      minLength: text.length,
      maxLength: text.length,
    })
    .map((ways) =>
      Array.from(text)
        .map((one, index) => encoded(one, ...(ways[index] ?? [0, false])))
        .join(''),
    )

const scope = fc
  .tuple(authorization, fc.option(segments))
  .map(([name, parts]) => (parts ? `${name}:/${parts.join('/')}` : name))
const scopes = fc.array(scope, { maxLength: 5 })

describe(`scopes ${SEEDED}`, () => {
  it('never give less when a token has more of them', () => {
    fc.assert(
      fc.property(scopes, scope, scope, fc.nat(), (granted, more, wanted, at) => {
        const place = at % (granted.length + 1)
        const richer = [...granted.slice(0, place), more, ...granted.slice(place)]
        if (givesScope(granted, wanted)) expect(givesScope(richer, wanted)).toBe(true)
      }),
    )
  })

  it('give the same in any order', () => {
    fc.assert(
      fc.property(
        scopes.chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
        ),
        scope,
        ([granted, shuffled], wanted) => {
          expect(givesScope(shuffled, wanted)).toBe(givesScope(granted, wanted))
        },
      ),
    )
  })

  it('that are all given are given by a token, and by none that lacks one', () => {
    fc.assert(
      fc.property(
        fc.array(scope, { minLength: 1, maxLength: 4 }),
        fc.array(scope, { minLength: 1, maxLength: 4 }),
        (granted, wanted) => {
          const each = wanted.every((one) => givesScope(granted, one))
          const token = mint({ scope: granted.join(' ') })
          expect(isValidToken(token, { scope: wanted })).toBe(each)
          expect(isValidToken(token, { scope: wanted.join(' ') })).toBe(each)
        },
      ),
      runs(60),
    )
  })

  it('cover what lies below their path, segment by segment, and nothing else', () => {
    fc.assert(
      fc.property(segments, segments, (granted, wanted) => {
        const below = granted.every((part, index) => part === wanted[index])
        expect(givesScope([`read:/${granted.join('/')}`], `read:/${wanted.join('/')}`)).toBe(below)
      }),
    )
  })

  it('never cover a neighbour whose name only begins alike', () => {
    fc.assert(
      fc.property(
        fc.array(segment, { minLength: 1, maxLength: 4 }),
        segment,
        segments,
        (granted, more, rest) => {
          const path = `/${granted.join('/')}`
          expect(givesScope([`read:${path}`], `read:${path}${more}/${rest.join('/')}`)).toBe(false)
        },
      ),
    )
  })

  it('give the same however the unreserved characters of a path are written', () => {
    const spelled = fc.string({ unit: fc.constantFrom(...LETTERS), minLength: 1, maxLength: 6 })
    const twice = spelled.chain((text) => fc.tuple(fc.constant(text), written(text, 1)))
    fc.assert(
      fc.property(fc.array(twice, { minLength: 1, maxLength: 4 }), (parts) => {
        const [plain, other] = [0, 1].map((way) => `/${parts.map((part) => part[way as 0 | 1]).join('/')}`)
        expect(parseScope(`read:${other}`).path).toBe(plain)
        expect(givesScope([`read:${other}`], `read:${plain}/x`)).toBe(true)
        expect(givesScope([`read:${plain}`], `read:${other}/x`)).toBe(true)
      }),
    )
  })

  it('resolve a wanted path as a URL does', () => {
    const part = fc.constantFrom('..', '.', '%2e', '%2E.', '.%2e', 'a', 'b', '%61', 'a.b', '...')
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
        const path = `/${parts.join('/')}`
        // URL keeps `%61` as it is, and a scope does not.
        const resolved = new URL(path, 'http://a').pathname.replaceAll('%61', 'a')
        expect(parseScope(`read:${path}`).path).toBe(resolved)
      }),
    )
  })
})

describe(`no scope climbs ${SEEDED}`, () => {
  /** Every reading that a server might come to by decoding, again and again. */
  function readings(text: string): string[] {
    const all = [text]
    for (let rounds = 0; rounds < 20; rounds += 1) {
      const last = all.at(-1)!
      const next = last.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
        String.fromCharCode(parseInt(hex, 16)),
      )
      if (next === last) break
      all.push(next)
    }
    return all
  }

  it('by dots in any encoding, at any depth', () => {
    const dots = fc.constantFrom('..').chain((text) => written(text, 6))
    const slash = fc.constantFrom('/').chain((text) => written(text, 3))
    fc.assert(
      fc.property(
        authorization,
        segments,
        slash,
        dots,
        fc.option(fc.tuple(slash, segments)),
        (name, before, left, climb, behind) => {
          const text = `${name}:/${before.join('/')}${left}${climb}${behind ? behind[0] + behind[1].join('/') : ''}`
          expect(climbs(text)).toBe(true)
          expect(isValidToken(mint({ scope: `gracedb.read ${text}` }), { scope: 'gracedb.read' })).toBe(false)
        },
      ),
      runs(100),
    )
  })

  it('in any reading, when it is let through', () => {
    const anything = textOf(['.', '..', '/', '%2e', '%2E', '%2f', '%25', '2e', '%', 'a', ':', '%00'], 12)
    fc.assert(
      fc.property(anything, (path) => {
        const text = `read:/${path}`
        const climbing = readings(text.slice(5)).some((reading) => reading.split('/').includes('..'))
        expect(climbs(text)).toBe(climbing)
      }),
      runs(500),
    )
  })

  it('out of what a token gives, however it is asked for', () => {
    const asked = textOf(['..', '.', '/', '%2e%2e', '%2e', 'a', 'data', '%61'], 8)
    fc.assert(
      fc.property(segments, asked, (granted, rest) => {
        const folder = `/${['data', ...granted].join('/')}`
        const wanted = `${folder}/${rest}`
        if (!givesScope([`read:${folder}`], `read:${wanted}`)) return
        // Whoever resolves the path that was asked for stays in the folder.
        const { pathname } = new URL(wanted.replaceAll(/\/{2,}/g, '/'), 'http://a')
        expect(`${pathname}/`.startsWith(`${new URL(folder, 'http://a').pathname}/`)).toBe(true)
      }),
    )
  })
})
