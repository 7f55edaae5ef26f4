import { IgwnAuthError } from '../../lib/errors'
import { causeIn, failuresIn, hungUp } from '../../lib/formats/error-causes'

const coded = (code: unknown, cause?: unknown) => Object.assign(new Error('failed', { cause }), { code })

it('lists a failure and its causes, outermost first, with text only where there is text', () => {
  const cause = Object.assign(coded('ECONNREFUSED'), { syscall: 'connect' })
  expect(failuresIn(coded(7, cause))).toEqual([
    { message: 'failed', code: '', syscall: undefined },
    { message: 'failed', code: 'ECONNREFUSED', syscall: 'connect' },
  ])
  expect(failuresIn({ message: 7 })).toEqual([{ message: '', code: '', syscall: undefined }])
})

it.each([[undefined], [null], ['text'], [7]])('%p is no failure', (value) => {
  expect(failuresIn(value)).toEqual([])
})

it('reads four causes at most, so that a cause in a circle ends', () => {
  const circle: { cause?: object } = {}
  circle.cause = circle
  expect(failuresIn(circle)).toHaveLength(4)
})

it.each(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])(
  '%s, at any depth, is the other side that hung up',
  (code) => {
    expect(hungUp(coded('ERR_NETWORK', coded(code)))).toBe(code)
  },
)

it('another code is not', () => {
  expect(hungUp(coded('ERR_NETWORK', coded('ECONNREFUSED')))).toBeUndefined()
})

it('finds the cause of a class', () => {
  const ours = new IgwnAuthError('ERR_IGWN_INVALID_URL', 'no')
  expect(causeIn(coded('ERR_NETWORK', coded('ERR_FR', ours)), IgwnAuthError)).toBe(ours)
  expect(causeIn(ours, IgwnAuthError)).toBe(ours)
  expect(causeIn(coded('ERR_NETWORK'), IgwnAuthError)).toBeUndefined()
})
