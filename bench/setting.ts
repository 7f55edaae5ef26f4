import type { Listening } from './server'
import type { Note, Result } from './report'
import type { Environment } from './environment'

/** What every part of the benchmark has to work with. */
export interface Setting {
  /** Fewer rounds, and nothing that takes long. */
  readonly quick: boolean
  /** The token that discovery finds. */
  readonly token: string
  /** Makes another, of the usual size. */
  readonly mint: (audience: string) => string
  readonly environment: Environment
  /** The server, which is a process of its own. */
  readonly listening: Listening
}

/** A part: what it measures, line by line. */
export type Part = (setting: Setting) => AsyncIterable<Result | Note> | Iterable<Result | Note>
