/** Whether a token lasts as long as the work, and what brings the next one in time. */
import path from 'node:path'
import { SciToken } from '../../lib/tokens/scitoken'
import { tokenLifetime, transferTime, type TokenUse } from '../../lib/tokens/token-lifetime'
import { requirementsOf } from '../../lib/tokens/validate-claims'
import { mint, now } from '../support/tokens'

const HOUR = 3600
const CREDS = '/scratch/.condor_creds'
const IN_JOB = { _CONDOR_CREDS: CREDS }
const USE = `${CREDS}/igwn.use (_CONDOR_CREDS)`
const FILE = '/home/me/token (BEARER_TOKEN_FILE)'

/** The tokens of the tables are made when this file is loaded, which may be seconds before a test. */
const START = now()

beforeEach(() => {
  // In the middle of a second: the texts round down.
  jest.useFakeTimers({ now: (START + 0.5) * 1000, doNotFake: ['nextTick', 'setImmediate'] })
})
afterEach(() => {
  jest.useRealTimers()
})

/** A token that was issued `age` seconds ago and expires in `left`. */
const token = (age: number, left: number, claims = {}) =>
  SciToken.deserialize(mint({ iat: START - age, exp: START + left + 1, ...claims }))

function lifetime(use: Partial<TokenUse>, env: Record<string, string> = {}) {
  const all = { token: token(0, HOUR), source: FILE, expected: 12 * HOUR, ...use }
  return tokenLifetime(all, { env, euid: 1000, uid: 1000, temporaryFolder: '/tmp' })
}

it('a token that expires after the work is enough, whatever renews it', () => {
  expect(lifetime({ expected: 720 })).toEqual({
    expected: 720,
    timeLeft: expect.closeTo(HOUR, -1),
    isEnough: true,
    renewer: undefined,
    renewedIn: undefined,
    message: `${FILE} expires in 60 minutes, and is needed for 12 minutes`,
    fix: undefined,
  })
})

it.each<[what: string, token: SciToken, isEnough: boolean, text: string]>([
  [
    'a token at the start of its hour',
    token(0, HOUR),
    true,
    'HTCondor replaces it in time: at the latest in 45 minutes',
  ],
  [
    'a token of three hours',
    token(HOUR, 2 * HOUR),
    true,
    'HTCondor replaces it in time: at the latest in 105 minutes',
  ],
  [
    'a token of 20 minutes',
    token(0, 1200),
    true,
    'HTCondor replaces it in time: at the latest in 15 minutes',
  ],
  [
    'a token without iat and nbf',
    token(0, HOUR, { iat: undefined }),
    true,
    'in time: at the latest in 45 minutes',
  ],
  [
    'a token of ten minutes, which is half over when HTCondor renews it',
    token(0, 600),
    false,
    'HTCondor replaces it too late: at the latest in 10 minutes',
  ],
  [
    'a token that is older than HTCondor lets one become',
    token(HOUR - 600, 600),
    false,
    'HTCondor should have replaced it 4 minutes ago',
  ],
])('in a job of HTCondor, %s', (_, held, isEnough, text) => {
  const { renewer, message, fix, ...result } = lifetime({ token: held, source: USE }, IN_JOB)
  expect([renewer, result.isEnough]).toEqual(['HTCondor', isEnough])
  expect(message).toContain(text)
  expect(fix).toEqual(isEnough ? undefined : expect.stringContaining('ask the operator of the access point'))
})

it('a file of HTCondor is known by its folder, also where BEARER_TOKEN_FILE names it', () => {
  const env = { ...IN_JOB, BEARER_TOKEN_FILE: path.join(CREDS, 'igwn.use') }
  expect(lifetime({ source: `${env.BEARER_TOKEN_FILE} (BEARER_TOKEN_FILE)` }, env).renewer).toBe('HTCondor')
  expect(lifetime({ source: FILE }, { ...IN_JOB, BEARER_TOKEN_FILE: '/home/me/token' }).renewer).toBe(
    'htgettoken',
  )
})

it.each<[renewedEvery: number, age: number, left: number, isEnough: boolean, renewedIn: number]>([
  [300, 0, 600, true, 300],
  [300, 200, 600, true, 100],
  // A server may return a token that it issued earlier: the next one is due an interval from now.
  [300, 5000, 600, true, 300],
  [300, 0, 358, false, 300],
  [7200, 0, 3600, false, 7200],
])(
  'renewed every %i s, a token %i s old that expires in %i s: %s',
  (renewedEvery, age, left, isEnough, renewedIn) => {
    const result = lifetime({ token: token(age, left), renewedEvery })
    expect(result).toMatchObject({ isEnough, renewer: 'schedule' })
    expect(Math.round(result.renewedIn ?? 0)).toBe(renewedIn)
    expect(result.message).toContain(
      `the program that renews it replaces it ${isEnough ? 'in time' : 'too late'}: at the latest in `,
    )
  },
)

it('a file of htgettoken is renewed only by a user; the fix is the command that keeps it renewed', () => {
  const requirements = requirementsOf({ scope: 'read:/frames' })
  expect(lifetime({ source: '/tmp/bt_u1000', requirements })).toMatchObject({
    isEnough: false,
    renewer: 'htgettoken',
    message:
      '/tmp/bt_u1000 expires in 60 minutes, and is needed for 12 hours; igwn-auth login and htgettoken write the next one only when they are run again',
    fix: 'igwn-auth login --vault VAULT --issuer ISSUER --scope=read:/frames --no-input',
  })
  expect(lifetime({ token: token(0, HOUR, { iss: 'https://cilogon.org/igwn' }) }).fix).toBe(
    'igwn-auth login --vault vault.ligo.org --issuer igwn --no-input',
  )
})

it('where oidc-agent runs, the fix is its command', () => {
  const { isEnough, renewer, fix } = lifetime(
    { source: FILE },
    { OIDC_SOCK: '/tmp/oidc', BEARER_TOKEN_FILE: '/home/me/token' },
  )
  expect([isEnough, renewer]).toEqual([false, 'oidc-agent'])
  expect(fix).toBe('(umask 077; oidc-token --time=43200 ACCOUNT > /home/me/token)')
})

it('a source is asked for the next token; a variable and a given token are never replaced', () => {
  expect(lifetime({ source: 'the token source', isOfSource: true })).toMatchObject({
    isEnough: true,
    renewer: 'source',
  })
  expect(lifetime({ source: 'the token source', isOfSource: true, token: undefined })).toMatchObject({
    isEnough: undefined,
    timeLeft: undefined,
    message:
      'the token source has no expiry that is known, and is needed for 12 hours; the token source is asked for the next one',
  })
  for (const source of ['BEARER_TOKEN', 'the token option'])
    expect(lifetime({ source, renewedEvery: 300 }, IN_JOB)).toMatchObject({
      isEnough: false,
      renewer: undefined,
      fix: 'name a file that a program renews in BEARER_TOKEN_FILE, or give a token source',
    })
})

it('a transfer takes its size at 10 MB per second, or at the rate that is given', () => {
  expect([transferTime({ bytes: 1e9 }), transferTime({ bytes: 1e9, rate: 1e6 })]).toEqual([100, 1000])
})

it('a token that has expired is not enough', () => {
  expect(lifetime({ token: token(2 * HOUR, -601) })).toMatchObject({
    isEnough: false,
    message: expect.stringMatching(/^\S+ \(BEARER_TOKEN_FILE\) expired 10 minutes ago, /) as string,
  })
})

it('of a file whose token has no known expiry, only the next token is known', () => {
  expect(lifetime({ token: undefined, renewedEvery: 300 })).toMatchObject({
    isEnough: undefined,
    renewer: 'schedule',
    renewedIn: 300,
    message: expect.stringContaining('has no expiry that is known') as string,
  })
  expect(lifetime({ token: undefined })).toMatchObject({
    isEnough: undefined,
    renewer: 'htgettoken',
    fix: undefined,
  })
})

it('in a job of HTCondor, nothing is said of when a token without expiry is replaced', () => {
  const { renewer, renewedIn, isEnough, message } = lifetime(
    { token: token(HOUR, 0, { exp: undefined }), source: USE },
    IN_JOB,
  )
  expect([renewer, renewedIn, isEnough]).toEqual(['HTCondor', undefined, undefined])
  expect(message).toBe(`${USE} has no expiry that is known, and is needed for 12 hours; HTCondor replaces it`)
})
