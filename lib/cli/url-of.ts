import { parseUrl } from '../formats/url'
import { withScheme } from '../tokens/target-audience'
import { usageFailure } from './failure'

/** The URL that a word of the command line means: as with igwn-auth-utils, a host without a scheme is reached by https. */
export function urlOf(word: string): URL {
  const url = parseUrl(withScheme(word))
  // Without the text: it may hold a password.
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === '')
    throw usageFailure('the URL cannot be used; give one of http or https, as https://host.example.org/path')
  return url
}
