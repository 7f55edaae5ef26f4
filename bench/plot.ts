import { isMissed, type Section } from './report'

/** One line of the plot. */
interface Row {
  readonly name: string
  readonly value: number
  readonly low: number
  readonly high: number
  readonly target: number | undefined
  readonly missed: boolean
}

const LEFT = 250
const RIGHT = 40
const WIDTH = 760
const LINE = 22

/** Draws the ratios of a section as SVG: a panel for each kind of network, a line for each variant, with median and quartiles. */
export function plot({ title, results }: Section): string {
  const panels = new Map<string, Row[]>()
  for (const result of results) {
    const [where = '', name = ''] = result.what.split(': ', 2)
    if (result.unit !== '×') continue
    const [low, high] = result.quartiles ?? [result.value, result.value]
    const { value, target } = result
    panels.set(where, [
      ...(panels.get(where) ?? []),
      { name, value, low, high, target, missed: isMissed(result) },
    ])
  }
  let top = 44
  const drawn = Array.from(panels, ([where, rows]) => {
    const panel = panelOf(where, rows, top)
    top += (rows.length + 2) * LINE + 24
    return panel
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" width="${WIDTH}" height="${top}" font-family="sans-serif" font-size="13">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${top}" fill="#fff"/>`,
    text(16, 26, `${title}: median and quartiles`, 'font-size="16" font-weight="bold"'),
    ...drawn,
    '</svg>',
    '',
  ].join('\n')
}

function panelOf(where: string, rows: readonly Row[], top: number): string {
  const least = Math.min(0.9, ...rows.map(({ low }) => low))
  const most = Math.max(1.2, ...rows.map(({ high, target = 0 }) => Math.max(high, target)))
  const x = (value: number) => round(LEFT + ((value - least) / (most - least)) * (WIDTH - LEFT - RIGHT))
  const bottom = top + (rows.length + 1) * LINE
  const target = rows.find((row) => row.target !== undefined)?.target
  const line = (at: number, how: string) =>
    `<line x1="${x(at)}" x2="${x(at)}" y1="${top + LINE - 6}" y2="${bottom}" ${how}/>`
  return [
    text(16, top + 10, where, 'font-weight="bold"'),
    line(1, 'stroke="#888"'),
    text(x(1), bottom + 16, '1.00', MIDDLE),
    ...(target === undefined
      ? []
      : [
          line(target, 'stroke="#888" stroke-dasharray="4 3"'),
          text(x(target), bottom + 16, target.toFixed(2), MIDDLE),
        ]),
    ...rows.map((row, index) => lineOf(row, top + (index + 1) * LINE + 6, x)),
  ].join('\n')
}

const MIDDLE = 'text-anchor="middle" fill="#555"'

function lineOf({ name, value, low, high, missed }: Row, y: number, x: (value: number) => number): string {
  const colour = !name.startsWith('ours') ? '#777' : missed ? '#b33' : '#06c'
  return [
    text(LEFT - 12, y + 4, name, 'text-anchor="end"'),
    `<line x1="${x(low)}" x2="${x(high)}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="2"/>`,
    `<circle cx="${x(value)}" cy="${y}" r="4" fill="${colour}"><title>${value.toFixed(2)}</title></circle>`,
  ].join('')
}

function text(x: number, y: number, what: string, how: string): string {
  return `<text x="${x}" y="${y}" ${how}>${escaped(what)}</text>`
}

function escaped(what: string): string {
  return what.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
