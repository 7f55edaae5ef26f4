import fs from 'node:fs'
import path from 'node:path'
import { findNetrcCredentials } from '../../lib/index'
import { parseNetrc } from '../../lib/netrc/parse-netrc'
import { vectorFile, type Vector } from '../support/vectors'
import { numbers, picker } from './support/numbers'
import { python } from './support/python'
import { newFolder, write } from './support/room'

/**
 * The same netrc files, read by Python's `netrc` and `requests.utils.get_netrc_auth` and by this package. Where Python reads a
 * file, the results are equal. Where Python rejects a file for a fault, requests silently sends no credentials, while this
 * package uses the rest of the file and emits a warning.
 */

/** What `netrc.netrc(file).hosts` has: login, account and password by name; or its error. */
type Reading = Record<string, [login: string, account: string, password: string]> | { error: string }

interface Answer {
  readonly version: string
  readonly files: { readonly reading: Reading; readonly logins: Record<string, [string, string] | null> }[]
}

const PROGRAM = `
import netrc, os, platform, requests.utils
def read(file):
    try:
        return netrc.netrc(file).hosts
    except netrc.NetrcParseError as error:
        return {"error": error.msg}
def login(file, url):
    os.environ["NETRC"] = file
    return requests.utils.get_netrc_auth(url)
answer = {
    "version": platform.python_version(),
    "files": [
        {"reading": read(file), "logins": {url: login(file, url) for url in urls}}
        for file, urls in given
    ],
}
`

/** Valid and invalid files. */
const WRITTEN = [
  '',
  ' ',
  '\n\n',
  'machine a login u password p',
  'machine a login u password p\n',
  'machine a\n\tlogin u\n\taccount acc\n\tpassword p\n',
  'machine a login u password p machine b login v password q',
  'machine a user u password p',
  'machine a password p login u',
  'machine a',
  'machine a login u',
  'machine a password p',
  'machine a account acc password p',
  'machine a login "" password ""',
  'machine a login "" account acc password p',
  'machine a login u password ""',
  'default login d password e',
  'default login d password e\nmachine a login u password p',
  'machine a login u password p\ndefault login d password e\n',
  'machine default login u password p',
  'machine a login u password p\nmachine a login v password q',
  'machine a login u password p\nmachine A login v password q',
  'machine a.example.org. login u password p',
  'machine __proto__ login u password p\nmachine constructor login v password q',
  'machine a login "u v" password "p \\"q\\" r"',
  'machine a login u password p\\ q',
  'machine a login u password p"q',
  'machine a login u password "p\nq"',
  'machine a login u password p#q',
  'machine a login u password #p',
  'machine a login u password "#p"',
  'machine a login #u password p',
  'machine a # a comment\n login u password p',
  'machine a login u password p # a comment',
  'machine a login u password p#\nmachine b login v password q',
  '# machine a login u password p\nmachine b login v password q',
  '#machine a login u password p\nmachine b login v password q',
  '#\nmachine b login v password q',
  '# \nmachine b login v password q',
  '#a\nmachine b login v password q',
  'machine a login u password p\n\n# a comment\nmachine b login v password q',
  'machine a login u password p\n\n#comment\nmachine b login v password q',
  'machine a login u password "p"\n# machine b login v password q\n',
  'machine a login u password p\nmacdef init\ncd /tmp\nmachine c login w password r\n\nmachine b login v password q',
  'macdef init\nls\n\n',
  'macdef init\nls\n',
  'macdef init\n\nmachine a login u password p',
  'macdef\nmachine a login u password p\n\nmachine b login v password q',
  'machine a login u password p\r\nmachine b login v password q\r\n',
  'machine a login u password p\rmachine b login v password q',
  '\ufeffmachine a login u password p',
  'MACHINE a LOGIN u PASSWORD p',
  'Machine a login u password p\nmachine b login v password q',
  'machine a login u password "p',
  'machine a login u passwd p\nmachine b login v password q',
  'machine a login u password two words\nmachine b login v password q',
  'login u password p',
  'machine',
  'machine a login',
  'machine a login u password',
  'machine a login u password\nmachine b login v password q',
  'machine "a b" login u password p',
  'machine zoë.example.org login zoë password pässwörd',
  'machine a login u password p\u00a0q',
  'machine a login u\u2028v password p',
  'machine a login u password \u{1F511}',
  'machine a\vlogin u password p',
  'machine a\flogin u password p',
  'machine 127.0.0.1 login u password p\nmachine ::1 login v password q',
]

const KEYWORDS = ['machine', 'login', 'user', 'account', 'password']
const NAMES = ['a.example.org', 'b.example.org', 'A.Example.org', 'localhost', 'default']
const VALUES = [
  'u',
  'p',
  'pass#word',
  '#p',
  '"q"',
  '"a b"',
  '"a\\"b"',
  '""',
  'a\\b',
  'a\\ b',
  '"#"',
  'x"y',
  'é€',
  'machine',
]
const SPACES = [' ', ' ', ' ', '  ', '\t', '\n', '\n', '\n\t', '\r\n', '\n\n']
const ODD = [
  '#',
  '# c',
  '#c d',
  'macdef m\nput x\n\n',
  'macdef m\nput',
  'MACHINE',
  'passwd',
  '"open',
  'default',
  '\ufeff',
  '\\',
  '"',
]

/** Random files: most are almost valid, some consist of random words. */
function madeUp(count: number): string[] {
  const next = numbers(20_261_125)
  const pick = picker(next)
  const often = (share: number) => next() < share
  const space = () => (often(0.8) ? pick([' ', '\n', '\n  ']) : pick(SPACES))

  function entry(): string {
    const words = often(0.15) ? ['default'] : ['machine', pick(NAMES)]
    for (const keyword of KEYWORDS.slice(1)) if (often(0.6)) words.push(keyword, pick(VALUES))
    if (often(0.15)) words.splice(Math.floor(next() * words.length), 0, pick(ODD))
    return words.map((word) => word + space()).join('')
  }
  const soup = () => pick([...KEYWORDS, ...NAMES, ...VALUES, ...ODD]) + pick(SPACES)
  return Array.from({ length: count }, () => {
    const make = often(0.75) ? entry : soup
    return Array.from({ length: 1 + Math.floor(next() * (make === entry ? 4 : 12)) }, make).join('')
  })
}

const TEXTS = [...WRITTEN, ...madeUp(1500)]
const HOSTS = [
  'a',
  'b',
  'A',
  'a.example.org',
  'b.example.org',
  'localhost',
  'unknown.example.org',
  '127.0.0.1',
]
const URLS = HOSTS.map((host) => `https://${host}/path`)

let files: string[]
let answer: Answer
beforeAll(() => {
  const folder = newFolder('netrc')
  files = TEXTS.map((text, index) => write(path.join(folder, String(index)), text))
  answer = python(
    PROGRAM,
    files.map((file) => [file, URLS]),
  ) as Answer
})

it('there are many files of both kinds', () => {
  const refused = answer.files.filter(({ reading }) => 'error' in reading)
  expect(refused.length).toBeGreaterThan(200)
  expect(answer.files.length - refused.length).toBeGreaterThan(500)
  expect(answer.version).toMatch(/^3\./)
})

it('every file that Python reads has the same entries', () => {
  for (const [index, { reading }] of answer.files.entries()) {
    const text = TEXTS[index] ?? ''
    if ('error' in reading) continue
    const { entries } = parseNetrc(text)
    const ours = Object.fromEntries(
      [...entries].map(([name, { login, account, password }]) => [name, [login, account, password]]),
    )
    expect([text, ours]).toEqual([text, reading])
  }
})

it('every file that Python rejects has a problem with a line number', () => {
  for (const [index, { reading }] of answer.files.entries()) {
    if (!('error' in reading)) continue
    const text = TEXTS[index] ?? ''
    // Python treats a byte order mark as part of the first word; this package ignores it.
    const { faults } = parseNetrc(text)
    expect([text, faults.length > 0 || text.startsWith('\ufeff')]).toEqual([text, true])
  }
})

it('every lookup has the result of requests, except for the listed differences', () => {
  const reasons = new Map<string, number>()
  for (const [index, { reading, logins }] of answer.files.entries())
    for (const url of URLS) {
      const netrc = files[index] ?? ''
      const found = findNetrcCredentials(url, { netrc })
      const ours = found ? [found.username, found.password] : null
      const theirs = logins[url] ?? null
      if (JSON.stringify(ours) === JSON.stringify(theirs)) continue
      const why = difference(reading, url.split('/')[2] ?? '', theirs)
      expect([TEXTS[index], url, ours, theirs, why]).toEqual([
        TEXTS[index],
        url,
        ours,
        theirs,
        expect.any(String),
      ])
      reasons.set(why ?? '', (reasons.get(why ?? '') ?? 0) + 1)
    }
  expect([...reasons.keys()].sort()).toEqual(Object.values(DIFFERENCES).sort())
})

const DIFFERENCES = {
  refused:
    'Python rejects the whole file for one fault, and requests sends no credentials; this package uses the rest',
  empty: 'an entry with neither login nor password is ignored; requests sends empty credentials',
  spelling: 'host names are compared without case and without a final dot; requests compares them literally',
} as const

/** Why this package may differ from requests; undefined if it may not. */
function difference(reading: Reading, host: string, theirs: [string, string] | null): string | undefined {
  if ('error' in reading) return theirs === null ? DIFFERENCES.refused : undefined
  if (theirs?.join('') === '') return DIFFERENCES.empty
  const spelledOtherwise = Object.keys(reading).some(
    (name) => name !== host && name.toLowerCase().replace(/\.$/, '') === host.toLowerCase(),
  )
  // The host of a URL is lower case, whatever was typed.
  const sameAsTyped = host === host.toLowerCase() && Object.hasOwn(reading, host)
  return spelledOtherwise && !sameAsTyped ? DIFFERENCES.spelling : undefined
}

describe('the conformance vectors', () => {
  type NetrcVector = Vector<{ text: string; url?: string }, Expected>

  interface Expected {
    readonly entries?: Record<string, { login: string; account: string; password: string }>
    readonly login?: { username: string; password: string } | null
  }

  const musts = (operation: string, source: string) =>
    vectorFile('netrc.json')
      .groups.filter((group) => group.operation === operation)
      .flatMap(({ cases }) => cases as readonly NetrcVector[])
      .filter((one) => one.status === 'must' && one.source.startsWith(source))

  function readByPython(cases: readonly NetrcVector[]): Answer['files'] {
    const folder = newFolder('vectors')
    const given = cases.map(({ input: { text, url } }, index) => [
      write(path.join(folder, String(index)), text),
      url === undefined ? [] : [url],
    ])
    return (python(PROGRAM, given) as Answer).files
  }

  it('describe the netrc module of Python correctly', () => {
    const cases = musts('parse', 'Python documentation, netrc')
    for (const [index, { reading }] of readByPython(cases).entries()) {
      const { name, expected } = cases[index]!
      const entries = Object.entries(expected.entries ?? {})
      const hosts = entries.map(([host, { login, account, password }]) => [host, [login, account, password]])
      expect([name, reading]).toEqual([name, Object.fromEntries(hosts)])
    }
  })

  it('describe requests correctly', () => {
    const cases = musts('lookup', 'requests.utils.get_netrc_auth')
    for (const [index, { logins }] of readByPython(cases).entries()) {
      const { name, input, expected } = cases[index]!
      const login = expected.login ? [expected.login.username, expected.login.password] : null
      expect([name, logins]).toEqual([name, { [input.url ?? '']: login }])
    }
  })
})

it('an IPv6 address is found by this package only: requests cuts the host at the first colon', () => {
  const netrc = write(path.join(newFolder('netrc'), 'netrc'), 'machine ::1 login v password q')
  expect(findNetrcCredentials('https://[::1]:8443/', { netrc })).toEqual({ username: 'v', password: 'q' })
  const { files: answers } = python(PROGRAM, [[netrc, ['https://[::1]:8443/']]]) as Answer
  expect(answers[0]?.logins).toEqual({ 'https://[::1]:8443/': null })
})

it('a file that is not UTF-8 is rejected here; Python reads it in the encoding of the locale', () => {
  const netrc = path.join(newFolder('netrc'), 'netrc')
  fs.writeFileSync(netrc, Buffer.from('machine a login u password p\xe4ss', 'latin1'), { mode: 0o600 })
  expect(() => findNetrcCredentials('https://a/', { netrc })).not.toThrow()
  expect(findNetrcCredentials('https://a/', { netrc })).toBeUndefined()
})
