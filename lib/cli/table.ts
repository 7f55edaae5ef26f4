import cliui from 'cliui'
import stringWidth from 'string-width'

/** The cells of one row, or a line across all columns. */
export type Row = readonly string[] | string

/** A table in at most `width` columns; longer cells are wrapped. */
export function table(rows: readonly Row[], width: number): string {
  const cells = rows.filter((row) => typeof row !== 'string')
  const natural = naturalWidths(cells)
  const fit = Number.isFinite(width) ? fittedWidths(natural, width) : natural
  const lines = rows.filter((row) => typeof row === 'string').map(widthOf)
  const all = INDENT + fit.reduce((sum, one) => sum + one + GAP, 0)
  const layout = cliui({ width: Math.min(width, Math.max(all, ...lines)) })
  for (const row of rows)
    if (typeof row === 'string') layout.div({ text: row })
    else
      layout.div(
        ...row.map((text, index) => {
          const gap = index < row.length - 1 ? GAP : 0
          const indent = index === 0 ? INDENT : 0
          const width = indent + (fit[index] ?? 1) + gap
          return { text, width, padding: [0, gap, 0, indent] as const }
        }),
      )
  return layout.toString()
}

const INDENT = 2
const GAP = 2

function naturalWidths(rows: readonly (readonly string[])[]): number[] {
  const columns = Math.max(0, ...rows.map(({ length }) => length))
  return Array.from({ length: columns }, (_, index) =>
    Math.max(1, ...rows.map((row) => widthOf(row[index] ?? ''))),
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

function widthOf(cell: string): number {
  return Math.max(...cell.split('\n').map((line) => stringWidth(line)))
}
