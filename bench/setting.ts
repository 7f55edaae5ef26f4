import type { Listening } from './server'
import type { Note, Result } from './report'
import type { Environment } from './environment'

/** The environment of every part of the benchmark. */
export interface Setting {
  /** Fewer rounds, and no long parts. */
  readonly quick: boolean
  /** The token that discovery finds. */
  readonly token: string
  /** Creates another one of the usual size. */
  readonly mint: (audience: string) => string
  readonly environment: Environment
  /** The server, in a process of its own. */
  readonly listening: Listening
}

/** A part: what it measures, line by line. */
export type Part = (setting: Setting) => AsyncIterable<Result | Note> | Iterable<Result | Note>
