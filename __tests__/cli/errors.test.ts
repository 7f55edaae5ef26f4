import { asCommandError, CommandError } from '../../lib/cli/errors'
import { IgwnAuthError } from '../../lib/errors'

it.each([
  [
    'S has no registration_endpoint. Register the client there by hand, and set clientId.',
    'S has no registration_endpoint. Register the client there by hand, and give its id with --client-id.',
  ],
  [
    'The Vault server is not known. Set options.vaultserver, or HTGETTOKENOPTS="-a SERVER -i ISSUER".',
    'The Vault server is not known. Give --vault SERVER, or HTGETTOKENOPTS="-a SERVER -i ISSUER".',
  ],
  ['It does not exist. Set options.keepRefreshToken to remove the files only.', 'It does not exist.'],
  ['The login was not done. Try again, or set options.timeout.', 'The login was not done. Try again.'],
])('an error of the library names the flag of the command: %s', (message, expected) => {
  const error = asCommandError(new IgwnAuthError('ERR_IGWN_INVALID_OPTION', message))
  expect(error).toBeInstanceOf(CommandError)
  expect(error).toMatchObject({ message: expected, exitCode: 2 })
})

it('other errors stay as they are', () => {
  const error = new TypeError('a bug')
  expect(asCommandError(error)).toBe(error)
})
