import { InvalidArgumentError } from 'commander'
import { parseUrl } from '../formats/url'

/** An option that may be given several times. */
export function texts(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, filled(text)]
}

/** Origins, of which there may be several. */
export function origins(text: string, before: readonly string[] = []): readonly string[] {
  if (parseUrl(text)?.origin === text) return [...before, text]
  throw new InvalidArgumentError('It must be an origin, as https://host or https://host:port.')
}

export function filled(text: string): string {
  if (text.trim() !== '') return text
  throw new InvalidArgumentError('It is empty.')
}

export function seconds(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && value < Infinity) return value
  throw new InvalidArgumentError('It must be a number of seconds, 0 or more.')
}

export function count(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number, 0 or more.')
}
