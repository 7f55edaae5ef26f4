import { validateClaims, requirementsOf } from '../../lib/tokens/validate-claims'
import { SciToken } from '../../lib/tokens/scitoken'
import { targetAudience } from '../../lib/tokens/target-audience'
import type { TokenQuery } from '../../lib/tokens/token'
import { createSigningKey, now, stopClock } from '../support/tokens'
import { thrownBy } from '../support/thrown-by'
import { inTime, vectors } from '../support/vectors'

beforeEach(stopClock)
afterEach(() => {
  jest.useRealTimers()
})

const key = createSigningKey()

interface Judged {
  readonly claims: object
  readonly query: TokenQuery
}

interface Verdict {
  readonly satisfies: boolean
  readonly reason?: string
  readonly claim?: string
}

it.each(vectors<Judged, Verdict>('claims.json', 'judge'))(
  '%s',
  (_, { claims, query }, { satisfies, reason, claim }) => {
    const token = SciToken.deserialize(key.sign(inTime(claims, now()) as object))
    const verdict = validateClaims(token, requirementsOf(query))
    expect(verdict === undefined).toBe(satisfies)
    if (verdict) expect({ reason: verdict.code, claim: verdict.claim }).toEqual({ reason, claim })
  },
)

it.each(vectors<{ url: string }, { audiences: string[] | null }>('claims.json', 'audience'))(
  '%s',
  (_, { url }, { audiences }) => {
    if (audiences) expect(targetAudience(url)).toEqual(audiences)
    else expect(thrownBy(() => targetAudience(url))).toMatchObject({ code: 'ERR_IGWN_INVALID_URL' })
  },
)
