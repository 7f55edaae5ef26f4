import netrcPackage from 'netrc'
import { decodeJwt } from '../lib/formats/jwt'
import { parseNetrc } from '../lib/netrc/parse-netrc'
import { isEncrypted, parsePem } from '../lib/formats/pem'
import { bearerChallenge, parseChallenges } from '../lib/formats/www-authenticate'
import { compare, spreadOf } from './measure'
import { counted, measured, type Result } from './report'
import type { Setting } from './setting'

interface Format {
  readonly read: (text: string) => unknown
  /** Texts of typical size. */
  readonly usual: string
  /** Parts of the slowest texts: the middle is repeated, beginning and end occur once. */
  readonly hostile: readonly (readonly [begin: string, repeated: string, end?: string])[]
}

/** The cost of parsing each format, and its growth for texts that are designed to be slow. */
export async function* parsing({ token, listening, quick }: Setting): AsyncGenerator<Result> {
  const formats: Readonly<Record<string, Format>> = {
    challenges: {
      read: (text) => bearerChallenge(parseChallenges(text)),
      usual: 'Bearer realm="https://gracedb.example.org", error="invalid_token", scope="gracedb.read"',
      hostile: [
        ['', 'Bearer '],
        ['Bearer a="', '\\\\'],
        ['Bearer ', 'a="b",'],
        ['Bearer a', ' '],
        ['', ','],
        ['', 'a='],
        ['', '@'],
      ],
    },
    netrc: {
      read: parseNetrc,
      usual: 'machine gracedb.example.org login albert.einstein password secret\n'.repeat(10),
      hostile: [
        ['', 'machine a login b password c\n'],
        ['', 'a '],
        ['', '"'],
        ['machine "', '\\"'],
        ['', '#'],
        ['', '\n'],
        ['machine a login ', '%'],
        ['machine a login ', '#'],
        ['', 'macdef m\n\n'],
        ['macdef m\n', 'x\n'],
        ['', '\r'],
        ['', 'default '],
      ],
    },
    PEM: {
      read: (text) => parsePem(text).map(isEncrypted),
      usual: listening.proxy,
      hostile: [
        ['', '-----BEGIN CERTIFICATE-----\n'],
        ['-----BEGIN CERTIFICATE-----\n', '-'],
        ['-----BEGIN CERTIFICATE-----\n', 'A\n', '-----END CERTIFICATE-----'],
        ['', '-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n-----END A-----\n'],
        ['', ' '],
      ],
    },
    'tokens (JWT)': {
      read: decodeJwt,
      usual: token,
      hostile: [
        ['', 'a.'],
        ['eyJhbGciOiJub25lIn0.', 'e30'],
        ['eyJhbGciOiJub25lIn0.', 'A', '.x'],
        ['', '='],
        ['', '.'],
        ['eyJhbGciOiJub25lIn0.W', '1tb', '.x'],
      ],
    },
  }
  for (const [name, { read, usual, hostile }] of Object.entries(formats)) {
    const effort = { rounds: quick ? 5 : 51, batch: quick ? 50 : 1000 }
    const { one } = await compare({ one: () => read(usual) }, effort)
    yield measured(`${name}, ${usual.length} bytes`, 'µs', one.time.cpu)

    const times = (size: number) => hostile.map((parts) => timeOf(read, textOf(parts, size), quick ? 1 : 5))
    const [eighth, whole] = [times(MEGABYTE / 8), times(MEGABYTE)]
    const worst = whole.reduce((one, other) => (other.median > one.median ? other : one))
    yield measured(`  1 MB, the worst of ${hostile.length}`, 'ms', worst, 50)
    const growth = whole.map(({ median }, index) => median / (eighth[index]?.median ?? NaN))
    // Times below the resolution of the clock have no meaningful growth.
    const slow = growth.filter((_, index) => (whole[index]?.median ?? 0) > 1)
    if (name === 'netrc') yield* netrcOfLogins(quick ? 1 : 5)
    yield counted('  1 MB over an eighth of it (8 is linear, 64 quadratic)', Math.max(...slow, 0), 16, '×')
  }
}

const MEGABYTE = 2 ** 20

/** A netrc file of one megabyte with as many entries as possible, and the share of the time that the netrc package takes. */
function* netrcOfLogins(times: number): Generator<Result> {
  let text = ''
  let count = 0
  while (text.length < MEGABYTE) text += `machine m${(count += 1)} login a password b\n`
  let plain = ''
  for (let entry = 1; entry <= count; entry++)
    plain += ` machine v${entry} login v${entry} password v${entry}`
  const thousands = `${Math.round(count / 1000)},000 logins`
  yield measured(`  1 MB of ${thousands}`, 'ms', timeOf(parseNetrc, text, times))
  yield measured(
    '    of which the netrc package, on a plain text',
    'ms',
    timeOf((one) => netrcPackage.parse(one), plain, times),
  )
}

function textOf([begin, repeated, end = '']: Format['hostile'][number], size: number): string {
  return begin + repeated.repeat(Math.ceil(size / repeated.length)) + end
}

/** Milliseconds of processor time. */
function timeOf(read: Format['read'], text: string, times: number) {
  read(text)
  return spreadOf(
    Array.from({ length: times }, () => {
      const before = process.cpuUsage()
      read(text)
      const { user, system } = process.cpuUsage(before)
      return (user + system) / 1000
    }),
  )
}
