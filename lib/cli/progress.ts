import path from 'node:path'
import { SingleBar, type Options, type Params } from 'cli-progress'
import { textWidth } from './table'
import { printable } from '../secrets/sanitize'
import { duration } from '../formats/duration'
import { bytes } from './format'

/** Reports the progress of a transfer. */
export interface Progress {
  /** A body starts at this byte; `size` bytes in all, if known. */
  begin(position: number, size: number | undefined): void
  update(position: number): void
  interrupted(resume: Resume): void
  end(): void
}

/** A download was interrupted and will be resumed. */
export interface Resume {
  readonly reason: string
  /** Delay in seconds. */
  readonly seconds: number
  /** Counts from 1. */
  readonly attempt: number
  readonly attempts: number
}

/** A progress bar on a terminal; elsewhere lines about interruptions; nothing with `--silent`. */
export function progressOf(
  file: string,
  { silent, verbose, progressMeter = true }: { silent?: boolean; verbose?: boolean; progressMeter?: boolean },
): Progress {
  const { stderr, env } = process
  if (stderr.isTTY && env.TERM !== 'dumb' && !silent && !verbose && progressMeter)
    return progressBar(printable(path.basename(file)), stderr)
  const interrupted = (resume: Resume) => {
    if (!silent) stderr.write(`${resumeLine(resume)}\n`)
  }
  return { begin: ignore, update: ignore, interrupted, end: ignore }
}

const ignore = () => undefined

function resumeLine({ reason, seconds, attempt, attempts }: Resume): string {
  const when = seconds > 0 ? `in ${duration(seconds)}` : 'now'
  return `${reason}; resuming ${when} (${attempt} of ${attempts})`
}

/** Removes itself at the end. */
function progressBar(name: string, terminal: NodeJS.WriteStream): Progress {
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
        // Lines fit the terminal, so its line-wrapping mode is left alone: it could not be restored after a SIGKILL.
        linewrap: true,
        fps: 5,
      } satisfies Options)
      bar.start(size, position)
    },
    update: (position) => bar?.update(position),
    interrupted(resume) {
      end()
      terminal.write(`${resumeLine(resume)}\n`)
    },
    end,
  }
}

interface Measures extends Params {
  readonly maxWidth: number
}

/** A line that fits: the bar is dropped first, then the name, then the time. */
function line(name: string, params: Params, start: number): string {
  const { value, total, startTime, progress, maxWidth } = params as Measures
  // Some terminals wrap a line of full width, and on Ctrl-C they print ^C at its end.
  const room = maxWidth - 3
  const speed = (value - start) / Math.max(0.001, (Date.now() - startTime) / 1000)
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
    const length = textWidth(text)
    if (length > room) continue
    if (total === 0 || room - length < MIN_BAR + 2) return text
    const width = Math.min(MAX_BAR, room - length - 2)
    const full = Math.round(progress * width)
    const [first = '', ...rest] = choice.filter(Boolean)
    const bar = '█'.repeat(full) + '░'.repeat(width - full)
    return choice === choices[0] ? [first, bar, ...rest].join('  ') : [bar, first, ...rest].join('  ')
  }
  return ''
}

/** Columns. */
const MIN_BAR = 5
const MAX_BAR = 30
