import { duration } from '../tokens/validate-claims'

/** Says how far a download is. */
export interface Progress {
  /** A body begins behind so many bytes; of so many in all, where that is known. */
  begin(position: number, size: number | undefined): void
  at(position: number): void
  brokeOff(again: Again): void
  /** All of it is there, or it is given up. */
  end(): void
}

/** A download broke off and is taken up. */
export interface Again {
  readonly why: string
  /** In so many seconds. */
  readonly seconds: number
  /** Which time this is, and of how many. */
  readonly time: number
  readonly times: number
}

/** For where there is no terminal: says what went wrong, a line each, and nothing of what goes well. */
export function plainProgress(say: (line: string) => void): Progress {
  return {
    begin: nothing,
    at: nothing,
    brokeOff: (again) => {
      say(lineOf(again))
    },
    end: nothing,
  }
}

function nothing(): void {
  // as it says
}

export function lineOf({ why, seconds, time, times }: Again): string {
  const when = seconds > 0 ? `in ${duration(seconds)}` : 'at once'
  return `${why}; it is taken up ${when} (${time} of ${times})`
}
