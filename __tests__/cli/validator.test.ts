import { AxiosHeaders } from 'axios'
import { isOfSame } from '../../lib/cli/validator'

/** What a part of a file comes with, when its size is all that tells which file it is of. */
const partOf = (whole: string) => new AxiosHeaders({ 'Content-Range': `bytes 5-9/${whole}` })

it('a part of a file of the same size is of the same file, where the size is to tell that', () => {
  expect(isOfSame(partOf('10'), { bySize: 10 })).toBe(true)
})

it.each(['11', '*'])('a part of a file of %s bytes is not', (whole) => {
  expect(isOfSame(partOf(whole), { bySize: 10 })).toBe(false)
})
