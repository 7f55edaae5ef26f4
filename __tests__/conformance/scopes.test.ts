import { grantsScope, hasParentSegment, parseScope, splitScopes } from '../../lib/formats/scopes'
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

it.each(vectors<{ granted: string; wanted: string }, { grants: boolean }>(FILE, 'grants'))(
  '%s',
  (_, { granted, wanted }, { grants }) => {
    expect(grantsScope(splitScopes(granted), wanted)).toBe(grants)
  },
)

it.each(vectors<{ scope: string }, { hasParentSegment: boolean }>(FILE, 'parent-segment'))(
  '%s',
  (_, { scope }, expected) => {
    expect({ hasParentSegment: hasParentSegment(scope) }).toEqual(expected)
  },
)
