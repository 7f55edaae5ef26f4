import { validateClaims, requirementsOf } from '../../lib/tokens/validate-claims'
import { SciToken } from '../../lib/tokens/scitoken'
import { targetAudience } from '../../lib/tokens/target-audience'
import type { TokenQuery } from '../../lib/tokens/token'
import { createSigningKey, now, stopClock } from '../support/tokens'
import { thrownBy } from '../support/thrown-by'
import { inTime, vectors } from '../support/vectors'

beforeAll(stopClock)
afterAll(() => {
  jest.useRealTimers()
})

const key = createSigningKey()

interface Given {
  readonly claims: object
  readonly query: TokenQuery
}

interface Expected {
  readonly valid: boolean
  readonly reason?: string
  readonly claim?: string
}

it.each(vectors<Given, Expected>('claims.json', 'validate'))(
  '%s',
  (_, { claims, query }, { valid, reason, claim }) => {
    const token = SciToken.deserialize(key.sign(inTime(claims, now()) as object))
    const problem = validateClaims(token, requirementsOf(query))
    expect(problem === undefined).toBe(valid)
    if (problem) expect({ reason: problem.code, claim: problem.claim }).toEqual({ reason, claim })
  },
)

it.each(vectors<{ url: string }, { audiences: string[] | null }>('claims.json', 'audience'))(
  '%s',
  (_, { url }, { audiences }) => {
    if (audiences) expect(targetAudience(url)).toEqual(audiences)
    else expect(thrownBy(() => targetAudience(url))).toMatchObject({ code: 'ERR_IGWN_INVALID_URL' })
  },
)
