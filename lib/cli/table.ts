import cliui from 'cliui'
import stringWidth from 'string-width'

/** The cells of one row, or a line of its own across all columns. */
export type Row = readonly string[] | string

/** Columns side by side, in so many columns of a terminal at most: cells that are longer are wrapped. */
export function table(rows: readonly Row[], width: number): string {
  const cells = rows.filter((row) => typeof row !== 'string')
  const widths = columnWidths(cells, width)
  const layout = cliui({ width })
  for (const row of rows)
    if (typeof row === 'string') layout.div({ text: row, width })
    else
      layout.div(
        ...row.map((text, index) => {
          const gap = index < row.length - 1 ? GAP : 0
          const indent = index === 0 ? INDENT : 0
          const width = indent + (widths[index] ?? 1) + gap
          return { text, width, padding: [0, gap, 0, indent] as const }
        }),
      )
  return layout.toString()
}

const INDENT = 2
const GAP = 2

/**
 * As wide as their cells are. Where that is too wide, the first has up to two fifths, for names break badly; and what is left
 * by the narrow ones is shared by the others.
 */
function columnWidths(rows: readonly (readonly string[])[], width: number): number[] {
  const columns = Math.max(0, ...rows.map(({ length }) => length))
  const widths = Array.from({ length: columns }, (_, index) =>
    Math.max(1, ...rows.map((row) => widthOf(row[index] ?? ''))),
  )
  let room = width - INDENT - GAP * (columns - 1)
  const narrow = (index: number, share: number) => {
    widths[index] = Math.max(1, Math.min(widths[index] ?? 1, Math.floor(share)))
    room -= widths[index]
  }
  narrow(0, (2 / 5) * width)
  const others = widths.map((_, index) => index).slice(1)
  others.sort((a, b) => (widths[a] ?? 0) - (widths[b] ?? 0))
  for (const [place, index] of others.entries()) narrow(index, room / (others.length - place))
  return widths
}

function widthOf(cell: string): number {
  return Math.max(...cell.split('\n').map((line) => stringWidth(line)))
}
