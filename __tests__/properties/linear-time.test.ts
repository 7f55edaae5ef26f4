import fc from 'fast-check'
import { decodeJwt } from '../../lib/formats/jwt'
import { parseNetrc } from '../../lib/netrc/parse-netrc'
import { isEncrypted, parsePem } from '../../lib/formats/pem'
import { climbs, givesScope, splitScopes } from '../../lib/formats/scopes'
import { bearerChallenge, parseChallenges } from '../../lib/formats/www-authenticate'
import { pathName, sanitize } from '../../lib/secrets/sanitize'
import { targetAudience } from '../../lib/tokens/target-audience'
import { tokenText } from '../../lib/tokens/token'
import { expectLinear } from '../support/growth'
import { runs, SEEDED, textOf } from '../support/properties'

/** What reads text that others have written, with the words that mean something to it. */
const READERS: [string, (text: string) => unknown, readonly string[]][] = [
  [
    'challenges',
    (text) => bearerChallenge(parseChallenges(text)),
    ['"', '\\', ',', '=', ' ', '\t', 'a', 'Bearer ', '@', 'a="', 'b=c', ';'],
  ],
  [
    'scopes',
    (text) => givesScope(splitScopes(text), 'read:/a/b'),
    [' ', ':', '/', 'a', 'read:', '%', '25', '%2e', '.', '..'],
  ],
  ['paths that climb', climbs, ['%', '25', '%25', '2e', '.', '..', '/', 'a', ':']],
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
]

function caught(act: () => unknown): unknown {
  try {
    return act()
  } catch (error) {
    return error
  }
}

describe(`a text of anything, repeated ${SEEDED}`, () => {
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

  it('takes a time that does not grow so where something is quadratic: the measure would show it', () => {
    // As an expression that begins anew at each character, but quick enough to be tried at all.
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
