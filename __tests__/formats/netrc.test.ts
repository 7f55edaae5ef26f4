import { spawnSync } from 'node:child_process'
import { parseNetrc } from '../../lib/formats/netrc'

/** login, account, password, as Python's `netrc.hosts` has them. */
type Entry = readonly [login: string, account: string, password: string]
type Entries = Record<string, Entry>

function read(text: string): Entries {
  const entries = [...parseNetrc(text).entries]
  return Object.fromEntries(
    entries.map(([name, { login, account, password }]) => [name, [login, account, password]]),
  )
}

const faultsOf = (text: string) => parseNetrc(text).faults.map(({ line, what }) => `${line}: ${what}`)

/** A file, and what Python 3.11 makes of it. */
const asPython: [string, string, Entries][] = [
  ['reads an entry in one line', 'machine a login b password c', { a: ['b', '', 'c'] }],
  ['reads an entry over lines', 'machine a\n\tlogin b\n  password c\n', { a: ['b', '', 'c'] }],
  ['reads lines that end as on Windows', 'machine a\r\nlogin b\r\npassword c\r\n', { a: ['b', '', 'c'] }],
  ['reads lines that end as on old Macs', 'machine a\rlogin b\rpassword c', { a: ['b', '', 'c'] }],
  ['reads an account', 'machine a login b account d password c', { a: ['b', 'd', 'c'] }],
  ['takes the keywords in any order', 'machine a password c account d login b', { a: ['b', 'd', 'c'] }],
  ['takes user for login', 'machine a user b password c', { a: ['b', '', 'c'] }],
  ['leaves empty what is not said', 'machine a machine b login c', { a: ['', '', ''], b: ['c', '', ''] }],
  ['leaves empty what ends with the file', 'machine a login b password', { a: ['b', '', ''] }],
  ['takes the last of a keyword named twice', 'machine a login b login c', { a: ['c', '', ''] }],
  [
    'takes the last of a machine named twice, whole',
    'machine a login b account e password c\nmachine a login d',
    { a: ['d', '', ''] },
  ],
  [
    'takes a keyword for a value where a value is due',
    'machine machine login password',
    { machine: ['password', '', ''] },
  ],
  [
    'keeps the case of machines',
    'machine A login b\nmachine a login c',
    { A: ['b', '', ''], a: ['c', '', ''] },
  ],
  ['finds nothing in an empty file', '', {}],
  ['finds nothing in white space', ' \n\t\r\n', {}],

  [
    'reads default at the end',
    'machine a login b\ndefault login c password d',
    { a: ['b', '', ''], default: ['c', '', 'd'] },
  ],
  [
    'reads default at the beginning',
    'default login c password d\nmachine a login b',
    { default: ['c', '', 'd'], a: ['b', '', ''] },
  ],
  [
    'reads default in the middle',
    'machine a login b default login c machine d login e',
    { a: ['b', '', ''], default: ['c', '', ''], d: ['e', '', ''] },
  ],
  ['takes a machine of the name default for it', 'machine default login a', { default: ['a', '', ''] }],

  ['passes over a macro', 'macdef init\ncd /pub\nmget *\n\nmachine a login b', { a: ['b', '', ''] }],
  [
    'passes over a macro behind an entry',
    'machine a login b\nmacdef init\nmachine c login d\n\nmachine e login f',
    { a: ['b', '', ''], e: ['f', '', ''] },
  ],
  [
    'ends a macro only at a line that is empty',
    'macdef m\nx\n \nmachine a login b\n\nmachine c login d',
    { c: ['d', '', ''] },
  ],
  [
    'ends a macro with CRLF at an empty line too',
    'macdef m\r\nx\r\n\r\nmachine a login b',
    { a: ['b', '', ''] },
  ],
  ['ends a macro of no lines', 'macdef m\n\nmachine a login b', { a: ['b', '', ''] }],
  [
    'ends a macro with a quoted name at the end of its line',
    'macdef "m"\nmachine a login b',
    { a: ['b', '', ''] },
  ],

  ['keeps a space in quotes', 'machine a login "b c" password "d  e"', { a: ['b c', '', 'd  e'] }],
  ['keeps an empty value in quotes', 'machine a login "" password c', { a: ['', '', 'c'] }],
  ['keeps line ends in quotes', 'machine a login "b\nc"', { a: ['b\nc', '', ''] }],
  ['undoes an escaped quote in quotes', 'machine a password "b\\"c"', { a: ['', '', 'b"c'] }],
  ['undoes an escaped backslash in quotes', 'machine a password "b\\\\c"', { a: ['', '', 'b\\c'] }],
  ['takes an escaped letter for the letter', 'machine a password "b\\nc"', { a: ['', '', 'bnc'] }],
  ['ends a word at its closing quote', 'machine a login "b"password c', { a: ['b', '', 'c'] }],
  ['takes a quote inside a word for a character', 'machine a password b"c"d', { a: ['', '', 'b"c"d'] }],
  ['takes a keyword in quotes for a keyword', '"machine" a "login" b', { a: ['b', '', ''] }],
  [
    'reads a quote that never ends to the end of the file',
    'machine a password "b c\nmachine d',
    { a: ['', '', 'b c\nmachine d'] },
  ],
  ['stops at an empty word between machines', 'machine a login b "" machine c login d', { a: ['b', '', ''] }],
  ['undoes a backslash in a bare word', 'machine a password b\\c\\\\d', { a: ['', '', 'bc\\d'] }],
  ['keeps an escaped space in a bare word', 'machine a password b\\ c', { a: ['', '', 'b c'] }],
  ['drops a backslash at the end of the file', 'machine a password b\\', { a: ['', '', 'b'] }],
  ['takes the single quote for a character', "machine a password 'b'", { a: ['', '', "'b'"] }],

  ['keeps a # inside a password', 'machine a login b password c#d', { a: ['b', '', 'c#d'] }],
  ['keeps a # that begins a password', 'machine a login b password #c', { a: ['b', '', '#c'] }],
  ['keeps a # that begins a login', 'machine a login #b password c', { a: ['#b', '', 'c'] }],
  [
    'keeps a password that is a #',
    'machine a login b password #\nmachine c',
    { a: ['b', '', '#'], c: ['', '', ''] },
  ],
  ['keeps a # in quotes', 'machine a password "b # c"', { a: ['', '', 'b # c'] }],
  [
    'passes over a comment at the beginning',
    '# the machine a has a login\nmachine a login b',
    { a: ['b', '', ''] },
  ],
  ['passes over a comment of one word', '#comment\nmachine a login b', { a: ['b', '', ''] }],
  ['passes over a # alone', '#\nmachine a login b', { a: ['b', '', ''] }],
  ['passes over a comment behind an entry', 'machine a login b # not c\npassword d', { a: ['b', '', 'd'] }],
  [
    'passes over a comment in a line of its own',
    'machine a\nlogin b\n# login c\npassword d',
    { a: ['b', '', 'd'] },
  ],
  ['passes over a comment without a space', 'machine a login b\n#login c\npassword d', { a: ['b', '', 'd'] }],
  [
    'passes over a comment between machines',
    'machine a login b\n# machine c login d\nmachine e',
    { a: ['b', '', ''], e: ['', '', ''] },
  ],
  ['passes over a comment at the end', 'machine a login b\n# end', { a: ['b', '', ''] }],
  [
    'reads a comment behind an empty line as Python does',
    'machine a login b\n\n# machine c login d\n',
    { a: ['b', '', ''], c: ['d', '', ''] },
  ],
  [
    'reads a comment behind a quoted value as Python does',
    'machine a login "b"\n# password c\n',
    { a: ['b', '', 'c'] },
  ],

  ['keeps characters beyond ASCII', 'machine é login ü password 日本😀', { é: ['ü', '', '日本😀'] }],
  [
    'does not split at a space that is not ASCII',
    'machine a password b\u00a0c\u2003d',
    { a: ['', '', 'b\u00a0c\u2003d'] },
  ],
  ['does not split at a vertical tab or form feed', 'machine a password b\vc\fd', { a: ['', '', 'b\vc\fd'] }],
  ['keeps what looks encoded', 'machine a%20b login ~c password %0023', { 'a%20b': ['~c', '', '%0023'] }],
  [
    'keeps names that are numbers',
    'machine 2 login a machine 1 login b',
    { '2': ['a', '', ''], '1': ['b', '', ''] },
  ],
]

/** A file that Python 3.11 refuses, what we make of it, and the lines that are named. */
const refusedByPython: [string, string, Entries, number[]][] = [
  ['passes over a byte order mark', '\uFEFFmachine a login b', { a: ['b', '', ''] }, []],
  ['passes over an unknown word between machines', 'foo machine a login b', { a: ['b', '', ''] }, [1]],
  [
    'passes over an unknown word in an entry',
    'machine a login b port 21 password c',
    { a: ['b', '', 'c'] },
    [1],
  ],
  [
    'passes over the rest of a password with a space',
    'machine a password b c\nmachine d login e',
    { a: ['', '', 'b'], d: ['e', '', ''] },
    [1],
  ],
  ['passes over a keyword without a machine', 'login a\nmachine b login c', { b: ['c', '', ''] }, [1]],
  [
    'takes keywords in capitals',
    'Machine a\nLOGIN b\nPassword c\nDEFAULT Login d',
    { a: ['b', '', 'c'], default: ['d', '', ''] },
    [1],
  ],
  [
    'passes over a machine without a name',
    'machine a login b\nmachine "" login c\nmachine d login e',
    { a: ['b', '', ''], d: ['e', '', ''] },
    [2],
  ],
  ['passes over a machine at the end of the file', 'machine a login b\nmachine', { a: ['b', '', ''] }, [2]],
  [
    'passes over a macro without an end',
    'machine a login b\nmacdef m\nmachine c login d',
    { a: ['b', '', ''] },
    [2],
  ],
  [
    'passes over an empty word before an unknown one',
    'foo\n""\nmachine a login b',
    { a: ['b', '', ''] },
    [1, 2],
  ],
  [
    'passes over a comment of several words without a space',
    '#a comment\nmachine a login b',
    { a: ['b', '', ''] },
    [1],
  ],
  [
    'passes over a comment behind an empty line',
    '\n# a comment\nmachine a login b',
    { a: ['b', '', ''] },
    [2],
  ],
  [
    'does not take a machine from a comment',
    '#a\n\n# use machine c login d\nmachine a login b',
    { a: ['b', '', ''] },
    [3],
  ],
  [
    'passes over a comment behind a quoted value',
    'machine a login "b" # a comment\npassword "c"\n# and another',
    { a: ['b', '', 'c'] },
    [3],
  ],
  ['still keeps a # that begins a password', 'foo machine a password #b', { a: ['', '', '#b'] }, [1]],
  [
    'still undoes quotes and backslashes',
    'foo machine a login "b c" password d\\ e',
    { a: ['b c', '', 'd e'] },
    [1],
  ],
]

describe('parseNetrc, where Python has an answer', () => {
  it.each(asPython)('%s', (_, text, entries) => {
    expect(read(text)).toEqual(entries)
  })

  it.each(['__proto__', 'constructor', 'toString'])('keeps a machine of the name %s', (name) => {
    const { entries } = parseNetrc(`machine ${name} login a password b`)
    expect([...entries]).toEqual([[name, { login: 'a', account: '', password: 'b' }]])
    expect(({} as Record<string, unknown>).login).toBeUndefined()
  })
})

describe('parseNetrc, where Python refuses the file', () => {
  it.each(refusedByPython)('%s', (_, text, entries, lines) => {
    expect(read(text)).toEqual(entries)
    expect(parseNetrc(text).faults.map(({ line }) => line)).toEqual(lines)
  })
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

  it('never repeat a word of the file', () => {
    const words = ['hunter2', 'machine', 'login', 'password', '"', '#', 'macdef', '\\', '""', '\n', '\n\n']
    const faults = generated(500, words).flatMap((text) => parseNetrc(text).faults)
    expect(faults.length).toBeGreaterThan(100)
    expect(JSON.stringify(faults)).not.toContain('hunter2')
  })
})

/** The same files in every run. */
function generated(count: number, words: readonly string[]): string[] {
  let seed = 20_261_122
  const next = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below
  const text = () =>
    Array.from({ length: next(24) }, () => words[next(words.length)]! + (next(6) === 0 ? '' : ' ')).join('')
  return Array.from({ length: count }, text)
}

const PYTHON = `
import json, netrc, os, sys, tempfile
if not (3, 11) <= sys.version_info < (3, 14) or not sys.flags.utf8_mode: sys.exit(1)
answers = []
with tempfile.TemporaryDirectory() as folder:
    file = os.path.join(folder, "netrc")
    for text in json.load(sys.stdin):
        with open(file, "w", newline="") as out: out.write(text)
        try: answers.append(list(netrc.netrc(file).hosts.items()))
        except netrc.NetrcParseError: answers.append(None)
json.dump(answers, sys.stdout)
`

/** Python's entries for each text, null where it refuses; undefined without a Python that has this netrc module. */
function askPython(texts: string[]): ([string, Entry][] | null)[] | undefined {
  const input = JSON.stringify(texts)
  const { status, stdout } = spawnSync('python3', ['-X', 'utf8', '-c', PYTHON], {
    input,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  return status === 0 ? (JSON.parse(stdout) as ([string, Entry][] | null)[]) : undefined
}

const WORDS = [
  ...[
    'machine a',
    'machine b\n',
    'machine é',
    'machine',
    'default',
    'default',
    'machine a',
    'machine b\n',
    'machine',
  ],
  ...[
    'login x',
    'login "q r"\n',
    'user y',
    'password #p\n',
    'password "',
    'password \\',
    'password p#q',
    'account z',
  ],
  ...[
    'macdef m\n',
    'macdef m\nmachine c login d\n\n',
    'login',
    '""',
    '"\\""',
    '# machine e login f\n',
    '#comment\n',
  ],
  ...['#', '\n', '\n', '\n', '\n\n', '\r\n', '\r', '\t', '\\\n', 'password "\n"', 'password \v'],
]

describe('parseNetrc beside Python', () => {
  const texts = [
    ...asPython.map(([, text]) => text),
    ...refusedByPython.map(([, text]) => text),
    ...generated(3_000, WORDS),
  ]
  const answers = askPython(texts)

  const compare = answers ? it : it.skip
  compare(
    `agrees on ${texts.length} files${answers ? '' : ' (skipped: no python3 of 3.11 to 3.13 here)'}`,
    () => {
      const differing = texts.filter((text, index) => {
        const answer = answers?.[index]
        const { entries, faults } = parseNetrc(text)
        // What Python refuses, we read with a fault; but a byte order mark is nobody's fault.
        if (!answer) return faults.length === 0 && !text.startsWith('\uFEFF')
        const ours = [...entries].map(([name, { login, account, password }]) => [
          name,
          [login, account, password],
        ])
        return JSON.stringify(ours.sort()) !== JSON.stringify([...answer].sort())
      })
      expect(differing).toEqual([])
      expect(answers!.filter((answer) => answer && answer.length > 0).length).toBeGreaterThan(300)
    },
  )
})
