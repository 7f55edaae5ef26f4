import fc from 'fast-check'
import { decodeJwt } from '../../lib/formats/jwt'
import { parseNetrc } from '../../lib/netrc/parse-netrc'
import { isEncrypted, parsePem } from '../../lib/formats/pem'
import { hasParentSegment, missingScopes, splitScopes } from '../../lib/formats/scopes'
import { bearerChallenge, parseChallenges } from '../../lib/formats/www-authenticate'
import { redactSecrets } from '../../lib/secrets/redact'
import { pathName, sanitize } from '../../lib/secrets/sanitize'
import { targetAudience } from '../../lib/tokens/target-audience'
import { tokenText } from '../../lib/tokens/token'
import { expectLinear } from '../support/growth'
import { runs, SEEDED, textOf } from '../support/properties'

/** Parsers of untrusted text, with the words that have a meaning in it. */
const READERS: [string, (text: string) => unknown, readonly string[]][] = [
  [
    'challenges',
    (text) => bearerChallenge(parseChallenges(text)),
    ['"', '\\', ',', '=', ' ', '\t', 'a', 'Bearer ', '@', 'a="', 'b=c', ';'],
  ],
  [
    'scopes',
    (text) => missingScopes(splitScopes(text), splitScopes(text)),
    [' ', ':', '/', 'a', 'read:', '%', '25', '%2e', '.', '..'],
  ],
  ['parent segments', hasParentSegment, ['%', '25', '%25', '2e', '.', '..', '/', 'a', ':']],
  [
    'netrc',
    parseNetrc,
    [
      'machine ',
      'default ',
      'login ',
      'password ',
      'macdef m\n',
      '#',
      '"',
      '\\',
      '\n',
      ' ',
      'a',
      '""',
      '\r',
      '%',
      '~',
    ],
  ],
  [
    'PEM',
    (text) => parsePem(text).map(isEncrypted),
    ['-----BEGIN ', '-----END ', '-----', 'CERTIFICATE', 'A', '-', '\n', ' ', ':', 'Proc-Type:', 'ENCRYPTED'],
  ],
  ['JWTs', decodeJwt, ['a', '.', '=', 'eyJ', 'e30', '-', '_', '{', '"', '%']],
  ['tokens', (text) => caught(() => tokenText(text)), ['a', '=', '/', ' ', '\n', 'Bearer ']],
  [
    'URLs',
    (text) => caught(() => targetAudience(text)),
    ['a', ':', '/', '//', '@', '?', '#', '[', '%', '.', ' '],
  ],
  [
    'names for messages',
    (text) => sanitize(text) + pathName(text),
    ['a', ' ', 'eyJ', '.', '-----BEGIN', ' login ', '/', '\0', '\u202e'],
  ],
  [
    'texts that may repeat a secret',
    (text) => redactSecrets(text, ['a/"&%= \\secret']),
    ['a', '/', '"', '\\', '%', '25', '2f', '&', 'amp;', '#', '0', 'x', '=', ' ', 'secret'],
  ],
]

function caught(act: () => unknown): unknown {
  try {
    return act()
  } catch (error) {
    return error
  }
}

describe(`repeated text ${SEEDED}`, () => {
  it.each(READERS)('is read as %s in a time that grows as it does', (_, read, words) => {
    const few = textOf(words, 3)
    fc.assert(
      fc.property(
        few,
        textOf(words, 4).filter((text) => text !== ''),
        few,
        (before, repeated, behind) => {
          expectLinear((size) => before + repeated.repeat(Math.ceil(size / repeated.length)) + behind, read)
        },
      ),
      runs(5),
    )
  })

  it('takes a measurably longer time in a quadratic function', () => {
    // As a regular expression that starts at each character, but fast enough for a test.
    const quadratic = (text: string) => {
      let spaces = 0
      for (let start = 0; start < text.length; start += 32)
        for (let at = start; text[at] === ' '; at += 1) spaces += 1
      return spaces
    }
    expect(() => {
      expectLinear((size) => ' '.repeat(size), quadratic)
    }).toThrow(/eight times the text takes \d+ times as long/)
  })
})
