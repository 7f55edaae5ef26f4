import { styleText } from 'node:util'

/** Where text for people goes. */
export interface Terminal {
  /** Columns of a line. */
  readonly width: number
  readonly paint: Paint
}

export type Paint = (style: Parameters<typeof styleText>[0], text: string) => string

/** As wide as a terminal is; else as `COLUMNS` says, or 100, which suits a ticket. Colours for terminals alone. */
export function terminalOf(stream: NodeJS.WriteStream, { env } = process): Terminal {
  const columns = stream.isTTY ? stream.columns || 80 : Number(env.COLUMNS) || 100
  return { width: Math.max(MIN_WIDTH, columns), paint: hasColours(stream, env) ? coloured : plain }
}

/** What is narrower holds no word. */
const MIN_WIDTH = 40

/** `FORCE_COLOR` wins over `NO_COLOR` (no-color.org), as in Node.js itself, and that over what the terminal is. */
function hasColours({ isTTY }: NodeJS.WriteStream, env: NodeJS.ProcessEnv): boolean {
  const { FORCE_COLOR: forced, NO_COLOR: none, TERM } = env
  if (forced !== undefined) return forced !== '0' && forced !== 'false'
  return isTTY && !none && TERM !== 'dumb'
}

const coloured: Paint = (style, text) =>
  // Else Node.js 22 looks at stdout, whatever the text is for.
  (styleText as (...parts: unknown[]) => string)(style, text, { validateStream: false })

const plain: Paint = (_style, text) => text
