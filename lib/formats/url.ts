/**
 * A URL; undefined for a text that is none. (Not by `URL.canParse`: once it is compiled, that of Node 20 says no to letters
 * of Latin-1 beyond ASCII.)
 */
export function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}
