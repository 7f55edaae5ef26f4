import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { processEnvironment } from '../../lib/environment'
import { x509Discovery, type X509Discovery } from '../../lib/x509/find-x509-credentials'
import { createAuthority, secondsFromNow } from '../support/pki'
import { runs, SEEDED } from '../support/properties'
import { age, emptyPlaces, passTime, put, room, stopClock } from '../support/tokens'

const KINDS = [
  'good',
  'other',
  'ending soon',
  'of the future',
  'without its user',
  'no PEM',
  'empty',
] as const
type Kind = (typeof KINDS)[number]

const bundles = {} as Record<Kind, string>

beforeAll(async () => {
  const authority = await createAuthority()
  const alice = await authority.issueUser('Alice Adams', { notBefore: secondsFromNow(-86_400) })
  const proxy = async (from: number, to: number) => {
    const dates = { notBefore: secondsFromNow(from), notAfter: secondsFromNow(to) }
    return authority.issueProxy(alice, dates)
  }
  const [good, other, ending, future] = [
    await proxy(-7200, 40_000),
    await proxy(-7200, 40_000),
    await proxy(-7200, 700),
    await proxy(300, 40_000),
  ]
  Object.assign(bundles, {
    good: good.bundle,
    other: other.bundle,
    'ending soon': ending.bundle,
    'of the future': future.bundle,
    'without its user': good.certificate + good.key,
    'no PEM': 'no PEM',
    empty: '',
  })
})

/** In the order of the search; a variable names the first. */
const FILES = [
  () => room('proxy.pem'),
  () => path.join(processEnvironment.temporaryFolder, `x509up_u${process.getuid?.() ?? 0}`),
  () => path.join(process.env.HOME!, '.globus/usercert.pem'),
]

const file = fc.nat(FILES.length - 1)
const kind = fc.constantFrom(...KINDS)
const change = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom('rename' as const, 'in place' as const), file, kind) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom('delete' as const, 'link' as const, 'open' as const), file, kind),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant('variable' as const), fc.nat(1), kind) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constant('clock' as const), fc.constantFrom(-4000, -400, 50, 400, 4000), kind),
  },
)

function make([how, number, content]: typeof change extends fc.Arbitrary<infer Change>
  ? Change
  : never): void {
  if (how === 'clock') {
    passTime(number)
    return
  }
  if (how === 'variable') {
    process.env.X509_USER_PROXY = number === 0 ? '' : FILES[0]!()
    return
  }
  const target = FILES[number]!()
  if (how === 'open') {
    if (fs.existsSync(target)) fs.chmodSync(target, 0o640)
    return
  }
  if (how === 'in place' && fs.existsSync(target)) {
    fs.writeFileSync(target, bundles[content])
    age(target)
    return
  }
  fs.rmSync(target, { force: true })
  if (how === 'delete') return
  const made = age(put(path.join(path.dirname(target), 'new'), bundles[content]), 100_000)
  if (how === 'link') fs.symlinkSync(made, target)
  else fs.renameSync(made, target)
  // ~/.globus has the key in its own file.
  if (number === 2) age(put(path.join(path.dirname(target), 'userkey.pem'), bundles[content]), 100_000)
}

const shown = ({ credential, reasons, warning }: X509Discovery) => ({
  subject: credential?.subject,
  source: credential?.source,
  pem: credential?.pem(),
  reasons: reasons.map(({ code, source }) => [code, source]),
  warning: warning?.code,
})

beforeEach(stopClock)
afterEach(() => {
  emptyPlaces()
  delete process.env.X509_USER_PROXY
  jest.useRealTimers()
})

it(`a cached search for certificates has the result of a new one, whatever changes ${SEEDED}`, () => {
  const begin = Date.now()
  fc.assert(
    fc.property(
      fc.array(change, { minLength: 1, maxLength: 12 }),
      fc.constantFrom({}, { minTimeLeft: 0 }),
      (changes, options) => {
        jest.setSystemTime(begin)
        emptyPlaces()
        process.env.X509_USER_PROXY = FILES[0]!()
        const search = x509Discovery()
        for (const one of changes) {
          make(one)
          // Twice, because the second result may come from the cache.
          for (const found of [search(options), search(options)])
            expect(shown(found)).toEqual(shown(x509Discovery()(options)))
        }
      },
    ),
    runs(20),
  )
})
