import type { Spread } from './measure'

/** One line of the result. */
export interface Result {
  readonly what: string
  readonly unit: '×' | 'ms' | 'µs' | 'calls'
  readonly value: number
  /** Lower and upper quartile, where it was measured more than once. */
  readonly quartiles?: readonly [number, number]
  /** It may be at most this. */
  readonly target?: number
}

export function measured(what: string, unit: Result['unit'], spread: Spread, target?: number): Result {
  const { median: value, low, high } = spread
  return { what, unit, value, quartiles: [low, high], ...(target !== undefined && { target }) }
}

export function counted(what: string, value: number, target?: number): Result {
  return { what, unit: 'calls', value, ...(target !== undefined && { target }) }
}

export function isMissed({ value, target }: Result): boolean {
  return target !== undefined && !(value <= target)
}

export function printTitle(title: string): void {
  console.log(`\n${title.padEnd(58)}${'median'.padStart(11)}  ${'quartiles'.padEnd(15)}  target`)
}

export function printResult(result: Result): void {
  const { what, unit, value, quartiles, target } = result
  const number = (one: number) => one.toFixed(unit === 'calls' ? 0 : unit === 'µs' ? 1 : 2)
  const spread = quartiles ? quartiles.map(number).join(' to ') : ''
  const goal = target === undefined ? '' : `${isMissed(result) ? 'MISSED' : 'met'}: at most ${number(target)}`
  console.log(
    `  ${what.padEnd(56)}${`${number(value)} ${unit}`.padStart(11)}  ${spread.padEnd(15)}  ${goal}`.trimEnd(),
  )
}
