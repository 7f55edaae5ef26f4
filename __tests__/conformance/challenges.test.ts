import { bearerChallenge, parseChallenges } from '../../lib/formats/www-authenticate'
import { vectors } from '../support/vectors'

interface Fields {
  readonly fields: readonly string[]
}

interface ExpectedChallenge {
  readonly scheme: string
  readonly params?: Record<string, string>
  readonly token68?: string
}

describe.each(vectors<Fields, { challenges: ExpectedChallenge[] }>('challenges.json', 'parse'))(
  'parsing %s',
  (_, { fields }, { challenges }) => {
    const expected = challenges.map((one) => ({ params: {}, ...one }))

    it('as separate fields', () => {
      expect(parseChallenges(fields)).toEqual(expected)
    })

    // axios returns one field as a string.
    if (fields.length === 1)
      it('as one string', () => {
        expect(parseChallenges(fields[0])).toEqual(expected)
      })
  },
)

it.each(vectors<Fields, { bearer: Record<string, unknown> | null }>('challenges.json', 'bearer'))(
  'the Bearer challenge %s',
  (_, { fields }, { bearer }) => {
    const { error_description: errorDescription, error_uri: errorUri, ...others } = bearer ?? {}
    const expected = {
      ...others,
      ...(errorDescription !== undefined && { errorDescription }),
      ...(errorUri !== undefined && { errorUri }),
    }
    expect(bearerChallenge(parseChallenges(fields))).toEqual(bearer ? expected : undefined)
  },
)
