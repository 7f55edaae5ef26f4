import fs from 'node:fs'
import { processEnvironment } from '../../lib/environment'
import {
  deferredFinding,
  describeTokens,
  givenToken,
  lifeOf,
  withIssuerOf,
} from '../../lib/tokens/describe-token'
import { SciToken } from '../../lib/tokens/scitoken'
import { requirementsOf } from '../../lib/tokens/validate-claims'
import { emptyPlaces, mint, now, put, putCondorCreds, room, runtimeFile } from '../support/tokens'

beforeEach(emptyPlaces)

const REQUIREMENTS = requirementsOf({ audience: 'https://x.example.org' })
const describeAll = () => describeTokens(REQUIREMENTS, processEnvironment)
const findingOf = (source: string) => describeAll().find((finding) => finding.source.startsWith(source))

const MACAROON = 'MDAyNWxvY2F0aW9uIE9wdGlvbmFsLmVtcHR5CjAwMThpZGVudGlmaWVyIEN'

it.each([MACAROON, 'YWJjZGVmZ2hpamts1234+/=='])(
  'an opaque token in BEARER_TOKEN is named as such, and no fix deletes it',
  (token) => {
    process.env.BEARER_TOKEN = token
    expect(findingOf('BEARER_TOKEN')).toMatchObject({
      verdict: 'skipped',
      code: 'malformed',
      message:
        'BEARER_TOKEN contains an opaque token, for example a macaroon, not a JWT; its claims cannot be read',
      fix: 'to send it, set the option token to process.env.BEARER_TOKEN',
    })
    expect(JSON.stringify(describeAll())).not.toContain(token)
    expect(describeAll().some(({ fix }) => /unset|igwn-auth login/.test(fix ?? ''))).toBe(false)
  },
)

it('an opaque token in a file is neither deleted nor overwritten by a fix', () => {
  const file = put(runtimeFile(), `${MACAROON}\n`)
  process.env.BEARER_TOKEN_FILE = put(room('token.json'), JSON.stringify({ access_token: MACAROON }))
  expect(describeAll().flatMap(({ fix }) => fix ?? [])).toEqual([
    `to send it, set the option token to the access_token in ${room('token.json')}`,
    `to send it, set the option token to the content of ${file}`,
  ])
})

it.each(['/tmp/bt_u1000', '~/token', './token', '../token', 'file:///tmp/token', 'C:\\Users\\token'])(
  'a path in BEARER_TOKEN or SCITOKEN suggests the variable for files: %s',
  (path) => {
    for (const name of ['BEARER_TOKEN', 'SCITOKEN']) {
      process.env[name] = path
      expect(findingOf(name)).toMatchObject({
        verdict: 'skipped',
        code: 'malformed',
        message: `${name} holds a path, not a token`,
        fix: `set ${name}_FILE instead of ${name}`,
      })
    }
  },
)

it('other text in a variable is removed with unset', () => {
  process.env.BEARER_TOKEN = 'no token here'
  expect(findingOf('BEARER_TOKEN')).toMatchObject({
    message: 'BEARER_TOKEN contains no SciToken (not a JWT)',
    fix: 'unset BEARER_TOKEN',
  })
})

it('files that cannot be used are described with the reason', () => {
  process.env.BEARER_TOKEN_FILE = put(room('token'), '{"token":"x"}', 0o640)
  const folder = putCondorCreds({ 'igwn.use': '{"access_token":""}' })
  expect(findingOf(room('token'))).toMatchObject({
    message: `${room('token')} (BEARER_TOKEN_FILE) is JSON without access_token`,
    permissions: '0640',
    fix: 'unset BEARER_TOKEN_FILE',
  })
  expect(findingOf(folder)).toMatchObject({
    code: 'empty',
    message: `${folder}/igwn.use (_CONDOR_CREDS) has an empty access_token: the access point denied this token`,
    fix: 'ask the operator of the access point, or check the credential that the submit file requests',
  })
})

it('a file in UTF-16 is named as such', () => {
  const file = put(runtimeFile(), '')
  fs.writeFileSync(file, Buffer.from(`\ufeff${mint()}`, 'utf16le'))
  expect(findingOf(file)).toMatchObject({
    code: 'malformed',
    message: `${file} is in UTF-16 (as PowerShell writes it); save it as UTF-8`,
  })
})

it('keeps nothing between calls', () => {
  put(runtimeFile(), mint({ exp: now() - 100 }))
  expect(findingOf(runtimeFile())?.verdict).toBe('skipped')
  put(runtimeFile(), mint())
  expect(findingOf(runtimeFile())?.verdict).toBe('usable')
})

it('a token without exp has no expiry', () => {
  expect(givenToken(mint({ exp: undefined }), 'the token option', REQUIREMENTS)).toMatchObject({
    verdict: 'usable',
    message: 'the token option is sent as it is',
    warning: 'the token option has no exp claim',
  })
  expect(givenToken('opaque', 'the token option', REQUIREMENTS).message).toBe(
    'the token option is not a JWT, and is sent as it is',
  )
})

it('a source that is not asked is deferred', () => {
  expect(deferredFinding('the token source')).toEqual({
    kind: 'token',
    source: 'the token source',
    verdict: 'deferred',
    message: 'the token source is asked when a request needs its token',
  })
})

it('the fix keeps the issuer that is required; without one it is that of the token', () => {
  const token = SciToken.deserialize(mint({ iss: 'https://issuer.example.org' }))
  const required = requirementsOf({ issuer: 'https://other.example.org' })
  expect(withIssuerOf(token, required)).toBe(required)
  expect(withIssuerOf(token, REQUIREMENTS)).toEqual({
    ...REQUIREMENTS,
    issuer: ['https://issuer.example.org'],
  })
  expect(withIssuerOf(SciToken.deserialize(mint({ iss: undefined })), REQUIREMENTS)).toBe(REQUIREMENTS)
})

it('the life of a token is shown as a time, or as unlimited', () => {
  expect(lifeOf(SciToken.deserialize(mint({ exp: undefined })))).toBe('has no expiry (no exp claim)')
  expect(lifeOf(SciToken.deserialize(mint({ exp: now() + 3630 })))).toBe('expires in 60 minutes')
})
