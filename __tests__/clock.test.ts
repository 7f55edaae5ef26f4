import { deadlineIn, LONGEST_DELAY, pause, secondsNow, since } from '../lib/clock'
import { passTime, stopClock } from './support/tokens'

afterEach(() => {
  jest.useRealTimers()
  jest.restoreAllMocks()
})

it('seconds since a time count from the epoch, also when the clock was set back, and without a time are infinite', () => {
  stopClock()
  const begin = secondsNow()
  expect(begin).toBe(Date.now() / 1000)
  passTime(90)
  expect(since(begin)).toBe(90)
  passTime(-180)
  expect(since(begin)).toBe(90)
  expect(since()).toBe(Infinity)
})

it.each([
  [5, 5],
  [LONGEST_DELAY, LONGEST_DELAY],
  [LONGEST_DELAY + 1, LONGEST_DELAY],
  [Infinity, LONGEST_DELAY],
])('a pause of %p ms waits %p ms: a timer for more would fire at once', async (delay, expected) => {
  const timer = jest.spyOn(globalThis, 'setTimeout').mockImplementation((act: () => void) => {
    act()
    return 0 as unknown as NodeJS.Timeout
  })
  await pause(delay)
  expect(timer.mock.calls.map(([, milliseconds]) => milliseconds)).toEqual([expected])
})

it.each([
  [1, 1],
  [0.2, 1],
  [2 ** 40, LONGEST_DELAY],
])('a deadline in %p ms is a signal that aborts after %p ms', (milliseconds, expected) => {
  const timeout = jest.spyOn(AbortSignal, 'timeout')
  expect(deadlineIn(milliseconds).aborted).toBe(false)
  expect(timeout).toHaveBeenCalledWith(expected)
})

it('a deadline of 0 never comes, as a timeout of axios', () => {
  const timeout = jest.spyOn(AbortSignal, 'timeout')
  expect(deadlineIn(0).aborted).toBe(false)
  expect(timeout).not.toHaveBeenCalled()
})
