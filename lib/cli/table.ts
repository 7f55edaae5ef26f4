import { stripVTControlCharacters } from 'node:util'

/** The cells of one row, or a line across all columns. */
export type Row = readonly string[] | string

/** A table in at most `width` columns; longer cells are wrapped. */
export function table(rows: readonly Row[], width: number): string {
  const natural = naturalWidths(rows.filter((row) => typeof row !== 'string'))
  const widths = Number.isFinite(width) ? fittedWidths(natural, width) : natural
  return rows
    .flatMap((row) => (typeof row === 'string' ? wrap(row, width) : rowLines(row, widths)))
    .join('\n')
}

const INDENT = 2
const GAP = 2

function naturalWidths(rows: readonly (readonly string[])[]): number[] {
  const columns = Math.max(0, ...rows.map(({ length }) => length))
  return Array.from({ length: columns }, (_, index) =>
    Math.max(1, ...rows.map((row) => Math.max(...(row[index] ?? '').split('\n').map(textWidth)))),
  )
}

/** The first column gets up to two fifths, because names break badly; the others share the rest, narrow ones first. */
function fittedWidths(natural: readonly number[], width: number): number[] {
  const widths = [...natural]
  let room = width - INDENT - GAP * (widths.length - 1)
  const narrow = (index: number, share: number) => {
    widths[index] = Math.max(1, Math.min(widths[index] ?? 1, Math.floor(share)))
    room -= widths[index]
  }
  if (widths.length > 0) narrow(0, (2 / 5) * width)
  const others = widths.map((_, index) => index).slice(1)
  others.sort((a, b) => (widths[a] ?? 0) - (widths[b] ?? 0))
  for (const [place, index] of others.entries()) narrow(index, room / (others.length - place))
  return widths
}

function rowLines(row: readonly string[], widths: readonly number[]): string[] {
  const cells = row.map((cell, index) => wrap(cell, widths[index] ?? 1))
  const height = Math.max(...cells.map(({ length }) => length))
  return Array.from({ length: height }, (_, line) => {
    const padded = cells.map((lines, index) => pad(lines[line] ?? '', widths[index] ?? 1))
    return (' '.repeat(INDENT) + padded.join(' '.repeat(GAP))).trimEnd()
  })
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)))
}

/** Lines of this width at most; a style that covers a whole line covers each of its pieces. */
function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => {
    // eslint-disable-next-line no-control-regex -- the sequences of styleText()
    const [, open = '', content = line, close = ''] = /^(\x1b\[\d+m)([^\x1b]*)(\x1b\[\d+m)$/.exec(line) ?? []
    return wrapWords(content, width).map((piece) => open + piece + close)
  })
}

function wrapWords(text: string, width: number): string[] {
  if (textWidth(text) <= width) return [text]
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`
    if (textWidth(joined) <= width) line = joined
    else {
      if (line !== '') lines.push(line)
      const pieces = splitWord(word, width)
      line = pieces.pop() ?? ''
      lines.push(...pieces)
    }
  }
  return [...lines, line]
}

/** A word in pieces of this width. */
function splitWord(word: string, width: number): string[] {
  if (textWidth(word) <= width) return [word]
  const pieces = ['']
  for (const character of word) {
    const last = pieces.length - 1
    const joined = `${pieces[last] ?? ''}${character}`
    if (textWidth(joined) > width) pieces.push(character)
    else pieces[last] = joined
  }
  return pieces
}

/** Columns of a text on a terminal. */
export function textWidth(text: string): number {
  if (PRINTABLE_ASCII.test(text)) return text.length
  let width = 0
  for (const character of stripVTControlCharacters(text))
    width += COMBINING.test(character) ? 0 : WIDE.test(character) ? 2 : 1
  return width
}

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/
const COMBINING = /\p{M}/u
/** East Asian Wide and Fullwidth characters (Unicode Standard Annex 11), and emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u
