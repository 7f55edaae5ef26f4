import { argumentsIn, parseArguments } from '../../lib/vault/htgettoken-arguments'
import { ours } from '../support/tokens'

const ORIGIN = { name: 'HTGETTOKENOPTS', code: 'ERR_IGWN_INVALID_ENVIRONMENT' } as const

it.each<[string, object]>([
  ['', {}],
  ['-a vault.example.org', { vaultserver: 'vault.example.org' }],
  ['-avault.example.org', { vaultserver: 'vault.example.org' }],
  ['--vaultserver=vault.example.org', { vaultserver: 'vault.example.org' }],
  ['--vaultserver vault.example.org', { vaultserver: 'vault.example.org' }],
  ['--minsecs=', { minsecs: '' }],
  ['--vaultse x', { vaultserver: 'x' }],
  ['-vdq -i igwn', { verbose: true, debug: true, quiet: true, issuer: 'igwn' }],
  ['-vi igwn', { verbose: true, issuer: 'igwn' }],
  ['-viigwn', { verbose: true, issuer: 'igwn' }],
  ['-i one -i two', { issuer: 'two' }],
  ["--scopes 'read:/a write:/b' --nossh", { scopes: 'read:/a write:/b', nossh: true }],
  ['--web-open-command=', { 'web-open-command': '' }],
])('%j has the arguments %j', (text, expected) => {
  expect(argumentsIn(text, ORIGIN)).toEqual(expected)
})

it.each([
  ["-a 'open", 'has a quote that is not closed, or ends with a backslash'],
  ['--vault x', 'has --vault, which is no option of htgettoken'],
  ['-z', 'has -z, which is no option of htgettoken'],
  ['word', 'has word, which is no option of htgettoken'],
  ['--nossh=yes', 'gives --nossh a value, which it does not take'],
  ['-a', 'has no value for --vaultserver'],
  ['--issuer', 'has no value for --issuer'],
])('%j is an error that names its origin', (text, problem) => {
  expect(() => argumentsIn(text, ORIGIN)).toThrow(
    ours(ORIGIN.code, `HTGETTOKENOPTS ${problem}. See htgettoken(1).`),
  )
})

it('a long or unprintable word is cut and sanitized in the error', () => {
  expect(() => parseArguments([`\u001b${'x'.repeat(100)}`], ORIGIN)).toThrow(
    ours(
      ORIGIN.code,
      `HTGETTOKENOPTS has ?${'x'.repeat(39)}, which is no option of htgettoken. See htgettoken(1).`,
    ),
  )
})
