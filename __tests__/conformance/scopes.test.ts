import { climbs, givesScope, parseScope, splitScopes } from '../../lib/formats/scopes'
import { vectors } from '../support/vectors'

const FILE = 'scopes.json'

it.each(vectors<{ scope: string }, { scopes: string[] }>(FILE, 'split'))('%s', (_, { scope }, { scopes }) => {
  expect(splitScopes(scope)).toEqual(scopes)
})

it.each(vectors<{ scope: string }, { authorization: string; path: string | null }>(FILE, 'parse'))(
  '%s',
  (_, { scope }, { authorization, path }) => {
    expect(parseScope(scope)).toEqual({ authorization, path: path ?? undefined })
  },
)

it.each(vectors<{ granted: string; wanted: string }, { gives: boolean }>(FILE, 'gives'))(
  '%s',
  (_, { granted, wanted }, { gives }) => {
    expect(givesScope(splitScopes(granted), wanted)).toBe(gives)
  },
)

it.each(vectors<{ scope: string }, { climbs: boolean }>(FILE, 'climbs'))('%s', (_, { scope }, expected) => {
  expect({ climbs: climbs(scope) }).toEqual(expected)
})
