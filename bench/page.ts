import fs from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import prettier from 'prettier'
import { pageWith, type Figures } from './fill-page'
import { plot } from './plot'

const fileOf = (ending: string) => fileURLToPath(new URL(`../docs/performance.${ending}`, import.meta.url))

/** Writes the figures, the tables of the page, and the plot. */
export async function writePage(figures: Figures): Promise<void> {
  const page = pageWith(await fs.readFile(fileOf('md'), 'utf8'), figures)
  const first = figures.sections[0]
  const style = await prettier.resolveConfig(fileOf('md'))
  await fs.writeFile(
    fileOf('json'),
    await prettier.format(JSON.stringify(figures), { ...style, parser: 'json' }),
  )
  await fs.writeFile(fileOf('md'), await prettier.format(page, { ...style, parser: 'markdown' }))
  if (first) await fs.writeFile(fileOf('svg'), plot(first))
}
