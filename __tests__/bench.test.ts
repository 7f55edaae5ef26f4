/** The statistics of the benchmark, and the figures on its page. */
import fs from 'node:fs'
import path from 'node:path'
import { pageWith, type Figures } from '../bench/fill-page'
import { compare, compared, slopeOf, spreadOf } from '../bench/measure'
import { plot } from '../bench/plot'
import { cells, counted, isMissed, measured } from '../bench/report'

describe('the statistics of the benchmark', () => {
  it('calculate the median and the quartiles, interpolated between values', () => {
    expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, low: 1.75, high: 3.25 })
    expect(spreadOf([10, 30, 20])).toEqual({ median: 20, low: 15, high: 25 })
  })

  it('compare each batch with the one of the same round', () => {
    const at = (time: number) => ({ wall: time, cpu: time / 2 })
    // The host was busy during the second round: the ratio of the sums would be 1.18.
    const { ratio, extra, time } = compared([at(15), at(1010), at(15)], [at(10), at(1000), at(10)])
    expect(ratio.wall.median).toBe(1.5)
    expect(extra.cpu.median).toBe(2.5)
    expect(time.wall.median).toBe(15)
  })

  it('run all variants equally often, in turn', async () => {
    const order: string[] = []
    const variant = (name: string) => () => order.push(name)
    await compare({ a: variant('a'), b: variant('b') }, { rounds: 2, batch: 2, warmUp: 1 })
    expect(order.join('')).toBe('aabb' + 'aabb' + 'bbaa')
  })

  it('find the slope of a line, with an error of 0', () => {
    const { slope, error } = slopeOf([
      [1, 5],
      [2, 7],
      [3, 9],
      [4, 11],
    ])
    expect(slope).toBeCloseTo(2)
    expect(error).toBeCloseTo(0)
  })

  it('find no growth in noise', () => {
    const { slope, error } = slopeOf([
      [1, 10],
      [2, 12],
      [3, 9],
      [4, 11],
      [5, 10],
    ])
    expect(Math.abs(slope)).toBeLessThan(2 * error)
  })

  it('count a missing measurement as a missed target', () => {
    expect(
      [counted('x', 1, 1), counted('x', 2, 1), counted('x', NaN, 1), counted('x', 9)].map(isMissed),
    ).toEqual([false, true, true, false])
  })

  it('print a figure with its unit, quartiles and target', () => {
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
  // Prettier aligns tables and removes escapes.
  const plain = (text: string) => text.replace(/\\/g, '').replace(/-+/g, '-').replace(/\s+/g, ' ')

  it('shows the figures of performance.json in its table', () => {
    expect(plain(pageWith(page, figures))).toBe(plain(page))
    const shown = Array.from(page.matchAll(/<!-- (?!end)(.+) -->/g), ([, title]) => title)
    expect(shown).toEqual(['Machine', figures.sections[0]?.title])
    expect(figures.sections.every(({ results, notes }) => results.length + notes.length > 0)).toBe(true)
  })

  it('has a plot of the same figures', () => {
    expect(plot(figures.sections[0]!)).toBe(read('performance.svg'))
  })

  it('differs for other figures', () => {
    const [first, ...others] = figures.sections
    const [result, ...results] = first!.results
    const changed = { ...first!, results: [{ ...result!, value: result!.value * 2 }, ...results] }
    expect(plain(pageWith(page, { ...figures, sections: [changed, ...others] }))).not.toBe(plain(page))
  })
})
