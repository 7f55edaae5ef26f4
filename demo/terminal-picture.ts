/** Draws a terminal session as SVG: the pictures in the documents, made from what the command really prints. */

const CHARACTER_WIDTH = 8.43
const LINE_HEIGHT = 20
const MARGIN = 18
const BAR = 30

/** Colors by the meaning of a line, as the command uses them on a terminal. */
const WORD_COLORS: Readonly<Record<string, string>> = {
  skipped: '#e5c07b',
  absent: '#7f848e',
  selected: '#98c379',
  usable: '#98c379',
  deferred: '#61afef',
}

/**
 * @param command - what is typed, without the prompt
 * @param output - what the command prints
 */
export function terminalPicture(command: string, output: string): string {
  const lines = [`$ ${command}`, ...output.trimEnd().split('\n')]
  const columns = Math.max(...lines.map(({ length }) => length))
  const width = Math.ceil(columns * CHARACTER_WIDTH + 2 * MARGIN)
  const height = BAR + lines.length * LINE_HEIGHT + MARGIN
  const texts = lines.map((line, index) => {
    const y = BAR + (index + 1) * LINE_HEIGHT
    return line === '' ? '' : `<text x="${MARGIN}" y="${y}">${styled(line)}</text>\n`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escaped(lines[0] ?? '')}</title>
<style>text{font:14px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#dcdfe4;white-space:pre}</style>
<rect width="${width}" height="${height}" rx="8" fill="#282c34"/>
<circle cx="20" cy="16" r="5" fill="#e06c75"/><circle cx="38" cy="16" r="5" fill="#e5c07b"/><circle cx="56" cy="16" r="5" fill="#98c379"/>
${texts.join('')}</svg>
`
}

function styled(line: string): string {
  if (line.startsWith('$ ')) return `<tspan fill="#7f848e">$</tspan>${escaped(line.slice(1))}`
  const [, indent = '', word = '', rest = ''] = /^( *)(\w*)(.*)$/.exec(line) ?? []
  const color = WORD_COLORS[word]
  if (color !== undefined && indent !== '')
    return `${indent}<tspan fill="${color}">${word}</tspan>${escaped(rest)}`
  const isHeading = indent === '' && !line.includes('://')
  return isHeading ? `<tspan font-weight="bold">${escaped(line)}</tspan>` : escaped(line)
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
