/**
 * Prepares foreign text (a claim, the name of a file) for a message: characters that move a terminal's cursor, break a log line or
 * change the direction of text are replaced, and long text is cut.
 */
export function sanitize(text: string): string {
  const cut = text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}... (${text.length} characters)` : text
  return printable(cut)
}

/** A scope list of 64 KiB is data for `reasons`, not for a sentence. */
const MAX_QUOTED = 300

/**
 * The path of a file for a message: whole, for people need it so. A credential that was put where its path belongs is not
 * repeated.
 */
export function pathName(path: string): string {
  return LIKE_A_CREDENTIAL.test(path) ? '[not shown: more like a credential than a path]' : printable(path)
}

/** The path of a file as a word of a command to paste into a shell: quoted where the shell would interpret it. */
export function shellWord(path: string): string {
  const name = pathName(path)
  const word = /^-/.test(name) ? `./${name}` : name
  return /^[\w.,:/@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/** A JWT, PEM or netrc lines, or a long word without a folder. */
const LIKE_A_CREDENTIAL = /\beyJ[\w-]+\.|-----BEGIN|\s(?:login|password)\s|^[^/\\]{61,}$/

/** Fit to be printed, uncut. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, '?')
}

/** Control and format characters, line separators, and everything else that Unicode says to be invisible. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu
