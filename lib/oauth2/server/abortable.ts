import type { InternalAxiosRequestConfig } from 'axios'
import { abortable } from '../../request/abort'

/** Waits for a value unless the signal says that nobody wants it any more: then it fails as a request of axios does. */
export async function unlessCanceled<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return abortable(work, { signal } as unknown as InternalAxiosRequestConfig)
}
