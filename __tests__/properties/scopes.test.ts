import fc from 'fast-check'
import { grantsScope, hasParentSegment, missingScopes, parseScope } from '../../lib/formats/scopes'
import { isValidToken } from '../../lib/tokens/validate-claims'
import { runs, SEEDED, textOf } from '../support/properties'
import { mint } from '../support/tokens'

/** Octets of a path, plain or percent-encoded in any case, also several times. */
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
  it('grant no less if a token has more of them', () => {
    fc.assert(
      fc.property(scopes, scope, scope, fc.nat(), (granted, more, wanted, at) => {
        const position = at % (granted.length + 1)
        const richer = [...granted.slice(0, position), more, ...granted.slice(position)]
        // Few others are granted.
        const asked = granted[at % 7] ?? wanted
        if (grantsScope(granted, asked)) expect(grantsScope(richer, asked)).toBe(true)
      }),
    )
  })

  it('grant the same in any order', () => {
    fc.assert(
      fc.property(
        scopes.chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
        ),
        scope,
        ([granted, shuffled], wanted) => {
          expect(grantsScope(shuffled, wanted)).toBe(grantsScope(granted, wanted))
        },
      ),
    )
  })

  it('are all required of a token', () => {
    fc.assert(
      fc.property(
        fc.array(scope, { minLength: 1, maxLength: 4 }),
        fc.array(scope, { minLength: 1, maxLength: 4 }),
        (granted, wanted) => {
          const each = wanted.every((one) => grantsScope(granted, one))
          const token = mint({ scope: granted.join(' ') })
          expect(isValidToken(token, { scope: wanted })).toBe(each)
          expect(isValidToken(token, { scope: wanted.join(' ') })).toBe(each)
        },
      ),
      runs(60),
    )
  })

  it('include what is below their path, by segments, and nothing else', () => {
    fc.assert(
      fc.property(segments, segments, (granted, wanted) => {
        const below = granted.every((part, index) => part === wanted[index])
        expect(grantsScope([`read:/${granted.join('/')}`], `read:/${wanted.join('/')}`)).toBe(below)
      }),
    )
  })

  it('do not include a path whose last segment only starts the same', () => {
    fc.assert(
      fc.property(
        fc.array(segment, { minLength: 1, maxLength: 4 }),
        segment,
        segments,
        (granted, more, rest) => {
          const path = `/${granted.join('/')}`
          expect(grantsScope([`read:${path}`], `read:${path}${more}/${rest.join('/')}`)).toBe(false)
        },
      ),
    )
  })

  it('grant the same if unreserved characters of a path are encoded', () => {
    const spelled = fc.string({ unit: fc.constantFrom(...LETTERS), minLength: 1, maxLength: 6 })
    const twice = spelled.chain((text) => fc.tuple(fc.constant(text), written(text, 1)))
    fc.assert(
      fc.property(fc.array(twice, { minLength: 1, maxLength: 4 }), (parts) => {
        const [plain, other] = [0, 1].map((way) => `/${parts.map((part) => part[way as 0 | 1]).join('/')}`)
        expect(parseScope(`read:${other}`).path).toBe(plain)
        expect(grantsScope([`read:${other}`], `read:${plain}/x`)).toBe(true)
        expect(grantsScope([`read:${plain}`], `read:${other}/x`)).toBe(true)
      }),
    )
  })

  it('are compared as one with each other would be', () => {
    const covers = (path: string, below: string) =>
      path === below || below.startsWith(path.endsWith('/') ? path : `${path}/`)
    const grant = (granted: string, wanted: string) => {
      const [one, other] = [parseScope(granted), parseScope(wanted)]
      const isIncluded =
        one.authorization === other.authorization ||
        (one.authorization === 'storage.modify' && other.authorization === 'storage.create')
      if (one.path === undefined && one.authorization.startsWith('storage.')) return false
      return isIncluded && covers(one.path ?? '/', other.path ?? '/')
    }
    const any = fc.oneof(
      scope,
      scope.map((text) => `${text}/`),
      fc.constant('storage.create:/a'),
    )
    fc.assert(
      fc.property(fc.array(any, { maxLength: 5 }), fc.array(any, { maxLength: 5 }), (granted, wanted) => {
        const missing = wanted.filter((one) => !granted.some((other) => grant(other, one)))
        expect(missingScopes(granted, wanted)).toEqual(missing)
      }),
      runs(500),
    )
  })

  it('resolve a path as a URL does', () => {
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

describe(`a parent segment ${SEEDED}`, () => {
  /** Each result of repeated decoding. */
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

  it('is found in any encoding, at any depth', () => {
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
          expect(hasParentSegment(text)).toBe(true)
          expect(isValidToken(mint({ scope: `gracedb.read ${text}` }), { scope: 'gracedb.read' })).toBe(false)
        },
      ),
      runs(100),
    )
  })

  it('is found if and only if repeated decoding gives one', () => {
    const anything = textOf(['.', '..', '/', '%2e', '%2E', '%2f', '%25', '2e', '%', 'a', ':', '%00'], 12)
    fc.assert(
      fc.property(anything, (path) => {
        const text = `read:/${path}`
        const climbing = readings(text.slice(5)).some((reading) => reading.split('/').includes('..'))
        expect(hasParentSegment(text)).toBe(climbing)
      }),
      runs(500),
    )
  })

  it('in a required path does not leave the granted folder', () => {
    const asked = textOf(['..', '.', '/', '%2e%2e', '%2e', 'a', 'data', '%61'], 8)
    fc.assert(
      fc.property(segments, asked, (granted, rest) => {
        const folder = `/${['data', ...granted].join('/')}`
        const wanted = `${folder}/${rest}`
        if (!grantsScope([`read:${folder}`], `read:${wanted}`)) return
        const { pathname } = new URL(wanted.replaceAll(/\/{2,}/g, '/'), 'http://a')
        expect(`${pathname}/`.startsWith(`${new URL(folder, 'http://a').pathname}/`)).toBe(true)
      }),
    )
  })
})
