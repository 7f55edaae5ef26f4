/** What the benchmark reckons with, and that its page shows what was measured. */
import fs from 'node:fs'
import path from 'node:path'
import { pageWith, type Figures } from '../bench/fill-page'
import { compare, compared, slopeOf, spreadOf } from '../bench/measure'
import { plot } from '../bench/plot'
import { cells, counted, isMissed, measured } from '../bench/report'

describe('the arithmetic of the benchmark', () => {
  it('takes the middle and the quartiles, between two values where there is none', () => {
    expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, low: 1.75, high: 3.25 })
    expect(spreadOf([10, 30, 20])).toEqual({ median: 20, low: 15, high: 25 })
  })

  it('sets each batch against the one of the same round', () => {
    const at = (time: number) => ({ wall: time, cpu: time / 2 })
    // The second round found the machine busy: by sums the ratio would be 1.18.
    const { ratio, extra, time } = compared([at(15), at(1010), at(15)], [at(10), at(1000), at(10)])
    expect(ratio.wall.median).toBe(1.5)
    expect(extra.cpu.median).toBe(2.5)
    expect(time.wall.median).toBe(15)
  })

  it('runs all variants equally often, by turns', async () => {
    const order: string[] = []
    const variant = (name: string) => () => order.push(name)
    await compare({ a: variant('a'), b: variant('b') }, { rounds: 2, batch: 2, warmUp: 1 })
    expect(order.join('')).toBe('aabb' + 'aabb' + 'bbaa')
  })

  it('finds the slope of a line, and no error in it', () => {
    const { slope, error } = slopeOf([
      [1, 5],
      [2, 7],
      [3, 9],
      [4, 11],
    ])
    expect(slope).toBeCloseTo(2)
    expect(error).toBeCloseTo(0)
  })

  it('does not find growth where there is only noise', () => {
    const { slope, error } = slopeOf([
      [1, 10],
      [2, 12],
      [3, 9],
      [4, 11],
      [5, 10],
    ])
    expect(Math.abs(slope)).toBeLessThan(2 * error)
  })

  it('takes what cannot be measured for missed', () => {
    expect(
      [counted('x', 1, 1), counted('x', 2, 1), counted('x', NaN, 1), counted('x', 9)].map(isMissed),
    ).toEqual([false, true, true, false])
  })

  it('prints a figure with its unit, its quartiles and its target', () => {
    const spread = { median: 1234.5, low: 12.34, high: 0.5 }
    expect(cells(measured('a request', 'µs', spread, 1000))).toEqual([
      'a request',
      '1,235 µs',
      '12.3 to 0.50',
      '',
      'missed: at most 1,000',
    ])
  })
})

describe('docs/performance.md', () => {
  const read = (name: string) => fs.readFileSync(path.join(__dirname, '../docs', name), 'utf8')
  const page = read('performance.md')
  const figures = JSON.parse(read('performance.json')) as Figures
  // How a table is set and what Markdown needs no escape for is for the formatter to say.
  const plain = (text: string) => text.replace(/\\/g, '').replace(/-+/g, '-').replace(/\s+/g, ' ')

  it('shows the figures of performance.json, those of requests in a table', () => {
    expect(plain(pageWith(page, figures))).toBe(plain(page))
    const shown = Array.from(page.matchAll(/<!-- (?!end)(.+) -->/g), ([, title]) => title)
    expect(shown).toEqual(['Machine', figures.sections[0]?.title])
    expect(figures.sections.every(({ results, notes }) => results.length + notes.length > 0)).toBe(true)
  })

  it('has the plot of them', () => {
    expect(plot(figures.sections[0]!)).toBe(read('performance.svg'))
  })

  it('would not show others', () => {
    const [first, ...others] = figures.sections
    const [result, ...results] = first!.results
    const changed = { ...first!, results: [{ ...result!, value: result!.value * 2 }, ...results] }
    expect(plain(pageWith(page, { ...figures, sections: [changed, ...others] }))).not.toBe(plain(page))
  })
})
