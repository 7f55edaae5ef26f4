import { SingleBar, type Options, type Params } from 'cli-progress'
import stringWidth from 'string-width'
import { duration } from '../tokens/validate-claims'
import { bytes } from './bytes'
import { lineOf, type Progress } from './progress'

/** A bar on a terminal, with how much is there, how fast it comes and how long it will take. It leaves no trace at its end. */
export function progressBar(name: string, terminal: NodeJS.WriteStream): Progress {
  let bar: SingleBar | undefined
  const end = () => {
    bar?.stop()
    bar = undefined
  }

  return {
    begin(position, size = 0) {
      end()
      bar = new SingleBar({
        stream: terminal,
        format: (_options, params) => line(name, params, position),
        clearOnComplete: true,
        // Lines are made to fit, so that no mode of the terminal is changed that might have to be changed back.
        linewrap: true,
        fps: 5,
      } satisfies Options)
      bar.start(size, position)
    },
    at(position) {
      bar?.update(position)
    },
    brokeOff(again) {
      end()
      terminal.write(`${lineOf(again)}\n`)
    },
    end,
  }
}

interface Measures extends Params {
  readonly maxWidth: number
}

/** What fits into a line: the bar gives way first, then the name, then the time. */
function line(name: string, params: Params, begin: number): string {
  const { value, total, startTime, progress, maxWidth } = params as Measures
  // A line as wide as the terminal would be two in some.
  const room = maxWidth - 1
  const speed = (value - begin) / Math.max(0.001, (Date.now() - startTime) / 1000)
  const left = total > 0 && speed > 0 ? `${duration((total - value) / speed)} left` : ''
  const amount = total > 0 ? `${bytes(value)} of ${bytes(total)}` : bytes(value)
  const percent = total > 0 ? `${Math.floor(progress * 100)}%`.padStart(4) : ''
  const rate = `${bytes(speed)}/s`
  const choices = [
    [name, percent, amount, rate, left],
    [percent, amount, rate, left],
    [percent, amount, rate],
    [percent, amount],
    [percent || amount],
  ]
  for (const choice of choices) {
    const text = choice.filter(Boolean).join('  ')
    const length = stringWidth(text)
    if (length > room) continue
    if (total === 0 || room - length < NARROWEST + 2) return text
    const width = Math.min(WIDEST, room - length - 2)
    const full = Math.round(progress * width)
    const [first = '', ...rest] = choice.filter(Boolean)
    const bar = '█'.repeat(full) + '░'.repeat(width - full)
    return choice === choices[0] ? [first, bar, ...rest].join('  ') : [bar, first, ...rest].join('  ')
  }
  return ''
}

/** Columns of the bar. */
const NARROWEST = 5
const WIDEST = 30
