/**
 * The words of a text, as Python's `shlex.split` with comments finds them: separated by white space; quotes and backslashes as
 * in a shell; `#` outside of quotes begins a comment up to the end of the line. Undefined if a quote is not closed.
 */
export function shellWords(text: string): string[] | undefined {
  const words: string[] = []
  let word: string | undefined
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at)
    if (/\s/.test(character) || character === '#') {
      if (word !== undefined) words.push(word)
      word = undefined
      if (character === '#') at = endOf(text.indexOf('\n', at), text) - 1
    } else if (character === '"' || character === "'") {
      const end = closingQuote(text, at)
      if (end < 0) return undefined
      const quoted = text.slice(at + 1, end)
      word = (word ?? '') + (character === '"' ? quoted.replace(/\\(["\\])/g, '$1') : quoted)
      at = end
    } else if (character === '\\') {
      if (at + 1 === text.length) return undefined
      word = (word ?? '') + text.charAt(++at)
    } else word = (word ?? '') + character
  }
  return word === undefined ? words : [...words, word]
}

/** Only in double quotes a backslash protects a quote. */
function closingQuote(text: string, start: number): number {
  const quote = text.charAt(start)
  for (let at = start + 1; at < text.length; at++) {
    if (text.charAt(at) === quote) return at
    if (quote === '"' && text.charAt(at) === '\\') at++
  }
  return -1
}

function endOf(index: number, text: string): number {
  return index < 0 ? text.length : index
}
