import type { InternalAxiosRequestConfig } from 'axios'

type Request = InternalAxiosRequestConfig

/** Progress events of what the caller gets, over all sends of a request. */
export class Progress {
  /** The number of the current send; events of an earlier one are dropped. */
  send = 0
  /** The caller gets the response of this send. */
  isFinal = false
  #uploaded = 0
  #held: (() => void) | undefined

  /** An upload counts on a second send from where the first one ended. */
  upload(loaded: number, report: () => void): void {
    if (loaded <= this.#uploaded) return
    this.#uploaded = loaded
    report()
  }

  /** Events of a short body, as a refusal has, wait until it is known that the caller gets it. */
  download(loaded: number, isFinal: boolean, report: () => void): void {
    if (isFinal || loaded > HELD_BYTES) report()
    else this.#held = report
  }

  drop(): void {
    this.#held = undefined
  }

  deliver(): void {
    this.isFinal = true
    this.#held?.()
    this.#held = undefined
  }
}

const HELD_BYTES = 64 * 1024

/** Reports the progress of one send. */
export function reportProgress(
  config: Request,
  request: Request,
  progress: Progress,
  isRetry: boolean,
): void {
  const { onUploadProgress, onDownloadProgress } = request
  progress.send += 1
  // Of a response that the caller does not get.
  progress.drop()
  const { send } = progress
  if (onUploadProgress)
    config.onUploadProgress = (event) => {
      if (progress.send === send) progress.upload(event.loaded, () => onUploadProgress(event))
    }
  if (onDownloadProgress)
    config.onDownloadProgress = (event) => {
      if (progress.send === send)
        progress.download(event.loaded, isRetry || progress.isFinal, () => onDownloadProgress(event))
    }
}
