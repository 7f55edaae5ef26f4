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

/** Whether a text is the URL of an object in a Pelican federation: `osdf:`, `pelican:`, `stash:`, also with the name of a token before it. */
export function isPelicanUrl(text: string): boolean {
  return /^(?:[\w.-]+\+)*(?:osdf|pelican|stash):/i.test(text)
}
