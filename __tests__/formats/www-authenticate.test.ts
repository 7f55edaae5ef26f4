import { parseChallenges } from '../../lib/formats/www-authenticate'

// Which field holds which challenges is in conformance/challenges.json.

describe('parseChallenges', () => {
  it('finds nothing without a field, or in a value that is not a string', () => {
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
  const long = (unit: string, before = '', after = '') =>
    before + unit.repeat(Math.ceil(2 ** 18 / unit.length)) + after

  // Each would take a minute, not milliseconds, in a parser that goes back and tries again.
  it.each([
    ['commas before a challenge', long(',', '', 'Bearer'), 1],
    ['spaces between a scheme and its parameter', long(' ', 'Bearer', 'a=b'), 1],
    ['spaces round an equals sign', long(' ', 'Bearer a', '=b'), 1],
    ['white space that ends in rubbish', long(' \t', 'Bearer a', '@'), 1],
    ['escapes', long('\\"', 'Bearer realm="', '"'), 1],
    ['escapes in a quote that never ends', long('\\"', 'Bearer realm="'), 1],
    ['quotes', long('"', 'Bearer '), 1],
    ['opened quotes', long('a="', 'Bearer '), 1],
    ['a scheme', long('a'), 1],
    ['a token68', long('a', 'Bearer '), 1],
    ['a token68 that turns out to be none', long('a', 'Bearer ', '@'), 1],
    ['padding', long('=', 'Bearer a', '@'), 1],
    ['rubbish', long('@'), 0],
    ['NUL characters', long('\0', 'Bearer realm="', '"'), 1],
    ['characters no header can have', long('\u{1F600}'), 0],
  ])('reads 256 KiB of %s', (_, header, count) => {
    expect(parseChallenges(header)).toHaveLength(count)
  })

  it.each([
    ['challenges', long('a,')],
    ['challenges with parameters', long('a b=c,')],
    ['token68', long('a b,')],
    ['parameters of one challenge', `Bearer ${Array.from({ length: 100_000 }, (_, n) => `p${n}=1`).join()}`],
    ['parameters without commas', long('a=1 ', 'Bearer ')],
  ])('stops after ten thousand %s, more than any server sends', (_, header) => {
    const challenges = parseChallenges(header)
    const parameters = challenges.flatMap(({ params }) => Object.keys(params))
    expect(challenges[0]).toBeDefined()
    expect(Math.max(challenges.length, parameters.length)).toBeLessThanOrEqual(10_000)
  })
})
