import { grantsScope, hasParentSegment, missingScopes } from '../../lib/formats/scopes'
import { isValidToken } from '../../lib/tokens/validate-claims'
import { mint } from '../support/tokens'

// What each scope is and includes is in conformance/scopes.json.

it('a path that is encoded many times is rejected in linear time', () => {
  expect(hasParentSegment(`read:/%${'25'.repeat(30_000)}2e`)).toBe(true)
})

it('10,000 scopes are compared with one', () => {
  const granted = Array.from({ length: 10_000 }, (_, at) => `read:/some/folder/${at}`)
  expect(grantsScope(granted, 'read:/some/folder/9999/x')).toBe(true)
  expect(grantsScope(granted, 'read:/some/folder')).toBe(false)
  expect(granted.some(hasParentSegment)).toBe(false)
})

/** Milliseconds of processor time; enough for a slow machine, and too little for comparing each with each. */
const LIMIT = 1000

function timeSince(begin: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(begin)
  return (user + system) / 1000
}

it('5,000 required scopes are compared with 5,000 granted ones in linear time', () => {
  const granted = Array.from({ length: 5000 }, (_, at) => `read:/some/folder/${at}`)
  const wanted = granted.map((scope) => `${scope}/x`)
  const before = process.cpuUsage()
  expect(missingScopes(granted, wanted)).toEqual([])
  expect(
    missingScopes(
      granted,
      wanted.map((scope) => scope.replace('read', 'write')),
    ),
  ).toEqual(wanted.map((scope) => scope.replace('read', 'write')))
  expect(timeSince(before)).toBeLessThan(LIMIT)
})

it('a challenge of 15 KB is compared with a token of 36 KB in linear time', () => {
  const challengeScope = Array.from({ length: 1000 }, (_, at) => `read:/${'a/'.repeat(3)}${at}`)
  const token = mint({ scope: `read:${'/a'.repeat(13_000)} ${'b '.repeat(500)}` })
  const before = process.cpuUsage()
  expect(isValidToken(token, { challengeScope })).toBe(false)
  expect(isValidToken(token, { scope: challengeScope })).toBe(false)
  expect(timeSince(before)).toBeLessThan(LIMIT)
})
