import { parseNetrc } from '../../lib/netrc/parse-netrc'

// The entries of given texts are in conformance/netrc.json; properties/netrc.test.ts compares with Python.

const faultsOf = (text: string) => parseNetrc(text).faults.map(({ line, what }) => `${line}: ${what}`)

it.each(['__proto__', 'constructor', 'toString'])('keeps a machine named %s', (name) => {
  const { entries } = parseNetrc(`machine ${name} login a password b`)
  expect([...entries]).toEqual([[name, { login: 'a', account: '', password: 'b' }]])
  expect(({} as Record<string, unknown>).login).toBeUndefined()
})

describe('faults', () => {
  it('are not found in a correct file', () => {
    const text = '# mine\nmachine a login "b c" password d#e\nmacdef m\nx\n\ndefault login f password g\n'
    expect(faultsOf(text)).toEqual([])
  })

  it('name an unknown word, and the fix', () => {
    expect(faultsOf('machine a\nlogin b password c d')).toEqual([
      '2: an unknown word; a value with spaces needs quotes',
    ])
  })

  it('name a machine without a name, and a macro without an end', () => {
    expect(faultsOf('machine ""\nmacdef m\nx')).toEqual([
      '1: a machine without a name',
      '2: a macro without an empty line at its end',
    ])
  })

  it('name a quote that is never closed, which Python accepts', () => {
    expect(faultsOf('machine a\npassword "b\n\n')).toEqual(['2: a quote that is never closed'])
  })

  it('name a machine with two entries, of which curl uses the first', () => {
    expect(faultsOf('machine a login b\nmachine a login c')).toEqual([
      '2: a machine with an earlier entry; the last entry is used',
    ])
  })

  it('name a comment that Python reads as an entry', () => {
    expect(faultsOf('machine a login b\n\n# machine c login d')).toEqual([
      "3: a comment that Python's netrc module does not skip",
    ])
  })

  it('name the line for which Python rejects a file that is used here', () => {
    expect(faultsOf('machine a\r\nlogin b\r\n\r\n# mine')).toEqual([
      "4: Python's netrc module rejects the whole file because of this line",
    ])
  })

  it('are sorted by line, one per line, at most twenty', () => {
    const text = '\n# comment\n' + 'a b c\n'.repeat(30)
    const lines = parseNetrc(text).faults.map(({ line }) => line)
    expect(lines).toEqual([2, ...Array.from({ length: 20 }, (_, n) => n + 3)])
  })
})
