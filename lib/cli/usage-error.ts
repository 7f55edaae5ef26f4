import { IgwnAuthError } from '../errors'
import { usageFailure, type Failure } from './failure'

/** The failure where an error says that the command line cannot be understood; undefined for other errors. */
export function misuseIn(error: unknown): Failure | undefined {
  const isMisuse = error instanceof IgwnAuthError && MISUSE.includes(error.code)
  return isMisuse ? usageFailure(error.message) : undefined
}

const MISUSE = ['ERR_IGWN_INVALID_OPTION', 'ERR_IGWN_INVALID_URL']

/** Does what the command line asks for; what cannot be done as it is asked is a failure of that. */
export async function understood<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw misuseIn(error) ?? error
  }
}
