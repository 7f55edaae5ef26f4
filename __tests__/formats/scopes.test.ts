import { climbs, givesScope } from '../../lib/formats/scopes'

// What each scope is, gives and hides is in conformance/scopes.json.

it('a path that is encoded again and again is suspected to climb, and takes no time to be', () => {
  expect(climbs(`read:/%${'25'.repeat(30_000)}2e`)).toBe(true)
})

it('10,000 scopes are judged one by one', () => {
  const granted = Array.from({ length: 10_000 }, (_, at) => `read:/some/folder/${at}`)
  expect(givesScope(granted, 'read:/some/folder/9999/x')).toBe(true)
  expect(givesScope(granted, 'read:/some/folder')).toBe(false)
  expect(granted.some(climbs)).toBe(false)
})
