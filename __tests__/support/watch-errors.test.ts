import { IgwnAuthError, type Reason } from '../../lib/errors'
import { mint } from './tokens'
import { takeLeaks } from './watch-errors'

it.each<[string, () => unknown]>([
  ['its message', () => new IgwnAuthError('ERR_IGWN_INVALID_OPTION', `no ${mint({ aud: 'ANY' })} here`)],
  [
    'a reason',
    () => {
      const reason: Reason = {
        code: 'scope',
        source: 'a token',
        message: 'no',
        actual: ['x', { y: 'hunter2' }],
      }
      return new IgwnAuthError('ERR_IGWN_INVALID_OPTION', 'no', { reasons: [reason] })
    },
  ],
  [
    'what its cause says',
    () => new IgwnAuthError('ERR_IGWN_INVALID_OPTION', 'no', { cause: new Error('sosecret') }),
  ],
])('a secret is seen in every error that is made, in %s', (_, make) => {
  expect(make()).toBeInstanceOf(IgwnAuthError)
  expect(takeLeaks()).toHaveLength(1)
})

it('an error without a secret is not reported', () => {
  expect(new IgwnAuthError('ERR_IGWN_INVALID_OPTION', 'no', { cause: 'why' })).toMatchObject({
    name: 'IgwnAuthError',
  })
  expect(takeLeaks()).toEqual([])
})
