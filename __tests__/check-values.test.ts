import { checkValues, milliseconds, timeoutMilliseconds } from '../lib/check-values'
import { ours } from './support/tokens'

const CHECKS = { timeout: timeoutMilliseconds, delay: milliseconds }

describe('durations in milliseconds', () => {
  it.each([{ timeout: 0 }, { timeout: 500 }, { timeout: Infinity }, { delay: 0 }, { delay: 1 }])(
    'accepts %j',
    (options) => {
      expect(checkValues(options, CHECKS, 'options')).toEqual(options)
    },
  )

  it.each([
    [{ timeout: 20 }, 'options.timeout is in milliseconds; 20 is too short. Did you mean 20000?'],
    [{ timeout: 0.5 }, 'options.timeout is in milliseconds; 0.5 is too short. Did you mean 500?'],
    [{ timeout: -1 }, 'options.timeout must be a number of milliseconds, 0 or more, not -1.'],
    [{ delay: NaN }, 'options.delay must be a number of milliseconds, 0 or more, not NaN.'],
    [{ delay: '1' }, 'options.delay must be a number of milliseconds, 0 or more, not a string.'],
  ])('rejects %j', (options, message) => {
    expect(() => checkValues(options, CHECKS, 'options')).toThrow(ours('ERR_IGWN_INVALID_OPTION', message))
  })
})
