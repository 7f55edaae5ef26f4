import type { Spread } from './measure'

/** One line of the result. */
export interface Result {
  readonly what: string
  readonly unit: Unit
  readonly value: number
  /** Lower and upper quartile, where it was measured more than once. */
  readonly quartiles?: readonly [number, number]
  /** The same in processor time, if both are shown. */
  readonly cpu?: number
  /** It may be at most this. */
  readonly target?: number
}

type Unit = '×' | 's' | 'ms' | 'µs' | 'MB' | 'kB' | 'per s' | 'bytes' | ''

/** A measurement that was not possible, and why. */
export interface Note {
  readonly note: string
}

/** A group of results, in the order in which they are shown. */
export interface Section {
  readonly title: string
  readonly results: readonly Result[]
  readonly notes: readonly string[]
}

export function measured(
  what: string,
  unit: Unit,
  { median: value, low, high }: Spread,
  target?: number,
): Result {
  return { what, unit, value, quartiles: [low, high], ...(target !== undefined && { target }) }
}

/** Wall time, with the processor time in another column. */
export function measuredTwice(
  what: string,
  unit: Unit,
  { wall, cpu }: { wall: Spread; cpu: Spread },
  target?: number,
): Result {
  return { ...measured(what, unit, wall, target), cpu: cpu.median }
}

export function counted(what: string, value: number, target?: number, unit: Unit = ''): Result {
  return { what, unit, value, ...(target !== undefined && { target }) }
}

export function isMissed({ value, target }: Result): boolean {
  return target !== undefined && !(value <= target)
}

/** Ratios and small values with two decimals, others with three significant digits. */
export function numberText(value: number, unit: Unit): string {
  if (unit === '×' || (!Number.isInteger(value) && Math.abs(value) < 10)) return value.toFixed(2)
  return Math.abs(value) < 100 && !Number.isInteger(value) ? value.toFixed(1) : grouped(Math.round(value))
}

function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** The columns of a line: label, median, quartiles, processor time, target. */
export function cells(result: Result): [string, string, string, string, string] {
  const { what, unit, value, quartiles, cpu, target } = result
  const number = (one: number) => numberText(one, unit)
  return [
    what,
    `${number(value)} ${unit}`.trimEnd(),
    quartiles ? quartiles.map(number).join(' to ') : '',
    cpu === undefined ? '' : `${number(cpu)} ${unit}`.trimEnd(),
    target === undefined ? '' : `${isMissed(result) ? 'missed' : 'met'}: at most ${number(target)}`,
  ]
}

const COLUMNS = ['median', 'quartiles', 'CPU', 'target'] as const

export function printTitle(title: string): void {
  console.log(`\n${line([title, ...COLUMNS])}`)
}

export function printLine(one: Result | Note): void {
  console.log(`  ${'note' in one ? one.note : line(cells(one), 2)}`)
}

function line(
  [what, value, spread, cpu, target]: readonly [string, string, string, string, string],
  indent = 0,
): string {
  return `${what.padEnd(66 - indent)}${value.padStart(12)}  ${spread.padEnd(18)}${cpu.padStart(10)}  ${target}`.trimEnd()
}
