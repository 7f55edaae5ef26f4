import { AxiosHeaders } from 'axios'
import { matchesValidator } from '../../lib/cli/partial-content'

/** The headers of a partial response without ETag and Last-Modified. */
const partOf = (whole: string) => new AxiosHeaders({ 'Content-Range': `bytes 5-9/${whole}` })

it('with --same-size, a partial response of a file of the same size matches', () => {
  expect(matchesValidator(partOf('10'), { bySize: 10 })).toBe(true)
})

it.each(['11', '*'])('a partial response of a file of %s bytes does not', (whole) => {
  expect(matchesValidator(partOf(whole), { bySize: 10 })).toBe(false)
})
