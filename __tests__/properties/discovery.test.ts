import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { requirementsOf } from '../../lib/tokens/validate-claims'
import { discovery, type Discovery } from '../../lib/tokens/discovery'
import type { TokenQuery } from '../../lib/tokens/token'
import { runs, SEEDED } from '../support/properties'
import {
  age,
  emptyPlaces,
  mint,
  now,
  passTime,
  put,
  room,
  runtimeFile,
  stopClock,
  temporaryFile,
} from '../support/tokens'

/** The content of a location. */
const CONTENTS = {
  good: () => mint(),
  'expiring soon': () => mint({ exp: now() + 90 }),
  expired: () => mint({ exp: now() - 1 }),
  'not yet valid': () => mint({ nbf: now() + 90 }),
  'of another audience': () => mint({ aud: 'https://else.example.org' }),
  'without scope': () => mint({ scope: 'write:/' }),
  garbage: () => 'no token',
  blank: () => ' \n',
}
type Content = keyof typeof CONTENTS

/** The files, in the order of discovery; the first is named by a variable. */
const FILES = [() => room('bearer'), runtimeFile, temporaryFile]

type Change =
  | {
      readonly kind: 'write'
      readonly file: number
      readonly content: Content
      readonly how: 'by rename' | 'in place' | 'with its old time'
    }
  | { readonly kind: 'delete' | 'link' | 'folder'; readonly file: number }
  | { readonly kind: 'mode'; readonly file: number; readonly mode: number }
  | { readonly kind: 'variable'; readonly content: Content | null }
  | { readonly kind: 'clock'; readonly seconds: number }

const content = fc.constantFrom(...(Object.keys(CONTENTS) as Content[]))
const file = fc.nat(FILES.length - 1)
const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      file,
      content,
      how: fc.constantFrom('by rename', 'in place', 'with its old time'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('delete', 'link', 'folder'), file }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('mode' as const),
      file,
      mode: fc.constantFrom(0o600, 0o640, 0o400),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('variable' as const), content: fc.option(content) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('clock' as const),
      seconds: fc.oneof(fc.integer({ min: -3, max: 40 }), fc.integer({ min: -7200, max: 7200 })),
    }),
  },
)

function make(one: Change): void {
  if (one.kind === 'clock') {
    passTime(one.seconds)
    return
  }
  if (one.kind === 'variable') {
    if (one.content === null) delete process.env.BEARER_TOKEN
    else process.env.BEARER_TOKEN = CONTENTS[one.content]()
    return
  }
  const target = FILES[one.file]!()
  if (one.kind === 'write') {
    write(target, CONTENTS[one.content](), one.how)
    return
  }
  if (one.kind === 'mode') {
    if (fs.existsSync(target)) fs.chmodSync(target, one.mode)
    return
  }
  fs.rmSync(target, { recursive: true, force: true })
  if (one.kind === 'link') {
    // Its permissions may have been changed through an earlier link.
    fs.rmSync(room('elsewhere'), { force: true })
    fs.symlinkSync(put(room('elsewhere'), CONTENTS.good()), target)
  }
  if (one.kind === 'folder') fs.mkdirSync(target)
}

function write(target: string, text: string, how: string): void {
  const before = fs.statSync(target, { throwIfNoEntry: false })
  if (how === 'by rename' || !before?.isFile()) {
    fs.rmSync(target, { recursive: true, force: true })
    fs.renameSync(age(put(path.join(path.dirname(target), 'new'), text), LONG_AGO), target)
    return
  }
  // Only root can write to a file without the permission.
  fs.chmodSync(target, before.mode | 0o200)
  fs.writeFileSync(target, text)
  fs.chmodSync(target, before.mode)
  if (how === 'in place') age(target)
  else fs.utimesSync(target, before.atimeMs / 1000, before.mtimeMs / 1000)
}

/** Seconds. A file of today is in the future when the clock was set back, and is then read each time. */
const LONG_AGO = 100_000

const QUERIES: readonly TokenQuery[] = [
  { audience: 'https://x.example.org', scope: 'read:/frames' },
  {},
  { audience: 'https://else.example.org' },
  { minTimeLeft: 0 },
]

/** The result without messages, which contain times. */
const summary = ({ token, reasons, warning }: Discovery) => ({
  token: token?.serialize(),
  source: token?.source,
  reasons: reasons.map(({ code, source }) => [code, source]),
  warning: warning?.code,
})

beforeEach(() => {
  emptyPlaces()
  stopClock()
  process.env.BEARER_TOKEN_FILE = FILES[0]!()
})
afterEach(() => {
  emptyPlaces()
  jest.useRealTimers()
})

it(`a remembered search has the result of a new one, after any changes of files, variables and clock ${SEEDED}`, () => {
  const begin = Date.now()
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 15 }), (changes) => {
      jest.setSystemTime(begin)
      emptyPlaces()
      process.env.BEARER_TOKEN_FILE = FILES[0]!()
      const search = discovery()
      for (const one of changes) {
        make(one)
        for (const query of QUERIES)
          expect(summary(search(requirementsOf(query)))).toEqual(summary(discovery()(requirementsOf(query))))
      }
    }),
    runs(50),
  )
})
