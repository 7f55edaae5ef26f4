import os from 'node:os'
import { EXIT } from './exit-code'

/** Ends the command: a sentence for people, lines that belong to it, and the exit code. No secret is in it. */
export class Failure extends Error {
  constructor(
    readonly exitCode: number,
    message: string,
    /** What else to say, a line each: what was looked at, what mends it. */
    readonly details: readonly string[] = [],
  ) {
    super(message)
  }

  /** The same, with more to say. */
  with(...details: readonly string[]): Failure {
    return new Failure(this.exitCode, this.message, [...this.details, ...details])
  }
}

/** The connection or the server failed in a way that may be better in a moment. */
export class BrokenOff extends Failure {
  constructor(
    exitCode: number,
    message: string,
    details?: readonly string[],
    /** Seconds that the server wants to be left alone (`Retry-After`, RFC 9110 section 10.2.3). */
    readonly retryAfter?: number,
  ) {
    super(exitCode, message, details)
  }

  override with(...details: readonly string[]): BrokenOff {
    return new BrokenOff(this.exitCode, this.message, [...this.details, ...details], this.retryAfter)
  }
}

/** A signal asked the command to end. */
export class Interrupted extends Failure {
  constructor(
    readonly signal: NodeJS.Signals,
    details: readonly string[] = [],
  ) {
    super(128 + os.constants.signals[signal], 'interrupted', details)
  }

  override with(...details: readonly string[]): Interrupted {
    return new Interrupted(this.signal, [...this.details, ...details])
  }
}

/** What the command line says cannot be done. */
export function usageFailure(message: string): Failure {
  return new Failure(EXIT.usage, message)
}
