import { cells, type Section } from './report'

/** The results of a run. */
export interface Figures {
  readonly machine: {
    readonly cpu: string
    readonly cores: number
    readonly node: string
    readonly axios: string
    readonly date: string
  }
  readonly sections: readonly Section[]
}

/** The text of a page with new content between its marks, `<!-- Title -->` and `<!-- end -->`. */
export function pageWith(text: string, { machine, sections }: Figures): string {
  const parts = new Map(sections.map((section) => [section.title, tableOf(section)]))
  const { cpu, cores, node, axios, date } = machine
  parts.set('Machine', `${cpu}, ${cores} cores; Node.js ${node.slice(1)}, axios ${axios}; ${date}.`)
  return text.replace(MARKED, (_, title: string) => {
    const part = parts.get(title)
    if (part === undefined) throw new Error(`nothing is measured under the title "${title}"`)
    return `<!-- ${title} -->\n\n${part}\n\n<!-- end -->`
  })
}

const MARKED = /<!-- (?!end)(.+) -->\n[^]*?<!-- end -->/g

function tableOf({ results, notes }: Section): string {
  const rows = results.map(cells)
  // Empty columns are left out.
  const columns = HEADINGS.map((heading, index) => ({ heading, index })).filter(
    ({ index }) => index < 2 || rows.some((row) => row[index] !== ''),
  )
  const line = (texts: readonly string[]) => `| ${texts.join(' | ')} |`
  const table = [
    line(columns.map(({ heading }) => heading)),
    line(columns.map(({ index }) => (index === 0 ? '---' : '---:'))),
    ...rows.map((row) => line(columns.map(({ index }) => cellText(row[index] ?? '')))),
  ]
  return [...(rows.length > 0 ? [table.join('\n')] : []), ...notes.map((note) => `- ${note}`)].join('\n\n')
}

const HEADINGS = ['', 'Median', 'Quartiles', 'CPU', 'Target']

/** Indented lines belong to the one above; Markdown characters are escaped. */
function cellText(text: string): string {
  const inner = text.trimStart()
  return '&emsp;'.repeat((text.length - inner.length) / 2) + inner.replace(/[<>_*|$]/g, '\\$&')
}
