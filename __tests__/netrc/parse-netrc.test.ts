import { parseNetrc } from '../../lib/netrc/parse-netrc'

// What is read from which text is in conformance/netrc.json; properties/netrc.test.ts goes beside Python.

const faultsOf = (text: string) => parseNetrc(text).faults.map(({ line, what }) => `${line}: ${what}`)

it.each(['__proto__', 'constructor', 'toString'])('keeps a machine of the name %s', (name) => {
  const { entries } = parseNetrc(`machine ${name} login a password b`)
  expect([...entries]).toEqual([[name, { login: 'a', account: '', password: 'b' }]])
  expect(({} as Record<string, unknown>).login).toBeUndefined()
})

describe('faults', () => {
  it('are none in a file that is in order', () => {
    const text = '# mine\nmachine a login "b c" password d#e\nmacdef m\nx\n\ndefault login f password g\n'
    expect(faultsOf(text)).toEqual([])
  })

  it('name what means nothing, and the remedy', () => {
    expect(faultsOf('machine a\nlogin b password c d')).toEqual([
      '2: a word that means nothing here; a value with spaces in it needs quotes',
    ])
  })

  it('name a machine without a name, and a macro without an end', () => {
    expect(faultsOf('machine ""\nmacdef m\nx')).toEqual([
      '1: a machine without a name',
      '2: a macro without an empty line at its end',
    ])
  })

  it('name a quote that is never closed, though Python reads on', () => {
    expect(faultsOf('machine a\npassword "b\n\n')).toEqual(['2: a quote that is never closed'])
  })

  it('name a machine that is there twice, of which curl would take the first', () => {
    expect(faultsOf('machine a login b\nmachine a login c')).toEqual([
      '2: a machine that was named before; the last entry is used',
    ])
  })

  it('name a comment that Python takes for an entry', () => {
    expect(faultsOf('machine a login b\n\n# machine c login d')).toEqual([
      "3: a comment that Python's netrc module does not skip",
    ])
  })

  it('name the line for which Python refuses a file that can be read all the same', () => {
    expect(faultsOf('machine a\r\nlogin b\r\n\r\n# mine')).toEqual([
      "4: Python's netrc module refuses the whole file for what it finds here",
    ])
  })

  it('come by line, one for each, twenty at most', () => {
    const text = '\n# comment\n' + 'a b c\n'.repeat(30)
    const lines = parseNetrc(text).faults.map(({ line }) => line)
    expect(lines).toEqual([2, ...Array.from({ length: 20 }, (_, n) => n + 3)])
  })
})
