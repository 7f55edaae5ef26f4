import { inspect } from 'node:util'
import { IgwnAuthError } from '../../lib/errors'
import { formatBasicCredentials } from '../../lib/formats/basic-credentials'
import { thrownBy } from '../support/thrown-by'

describe('formatBasicCredentials', () => {
  it.each([
    ['the example of RFC 7617 section 2', 'Aladdin', 'open sesame', 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='],
    ['the UTF-8 example of RFC 7617 section 2.1', 'test', '123£', 'Basic dGVzdDoxMjPCow=='],
    ['a colon in the password', 'a', 'b:c', 'Basic YTpiOmM='],
    ['an empty username', '', 'b', 'Basic OmI='],
    ['an empty password', 'a', '', 'Basic YTo='],
    ['characters beyond the basic plane', 'é', '😀', 'Basic w6k68J+YgA=='],
  ])('encodes %s', (_, username, password, header) => {
    expect(formatBasicCredentials({ username, password })).toBe(header)
  })

  it.each([
    ['a colon in the username', 'us:er', 'hunter2', 'The username contains a colon'],
    ['a line break in the username', 'us\r\ner', 'hunter2', 'The username contains a control character'],
    ['a line break in the password', 'user', 'hunter2\n', 'The password contains a control character'],
    ['a NUL in the password', 'user', 'hun\0ter2', 'The password contains a control character'],
    ['a DEL in the password', 'user', 'hunter2\x7f', 'The password contains a control character'],
  ])('rejects %s, without repeating the credentials', (_, username, password, message) => {
    const error = thrownBy(() => formatBasicCredentials({ username, password }))
    expect(error).toBeInstanceOf(IgwnAuthError)
    expect(error).toMatchObject({
      code: 'ERR_IGWN_NETRC_UNUSABLE',
      message: `${message}, which RFC 7617 section 2 does not allow in Basic authentication. Correct the entry in the netrc file.`,
    })
    expect(inspect(error, { depth: null, showHidden: true })).not.toMatch(/hun|us[:\r]/)
  })
})
