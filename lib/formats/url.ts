/**
 * Parses a URL; undefined for a text that is not one. (`URL.canParse` of Node 20 rejects non-ASCII letters of Latin-1 once it
 * is compiled.)
 */
export function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}
