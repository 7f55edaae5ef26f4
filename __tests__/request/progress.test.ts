import { AxiosHeaders, type AxiosProgressEvent, type InternalAxiosRequestConfig } from 'axios'
import { Progress, reportProgress } from '../../lib/request/progress'

type Request = InternalAxiosRequestConfig
const event = (loaded: number) => ({ loaded }) as AxiosProgressEvent

/** A request whose caller listens, and a function that begins a send of it. */
function listening(names: readonly ('onUploadProgress' | 'onDownloadProgress')[]) {
  const received: number[] = []
  const listener = ({ loaded }: AxiosProgressEvent) => received.push(loaded)
  const request = {
    headers: new AxiosHeaders(),
    ...Object.fromEntries(names.map((name) => [name, listener])),
  }
  const progress = new Progress()
  const send = (isRetry = false): Request => {
    const config: Request = { headers: new AxiosHeaders() }
    reportProgress(config, request, progress, isRetry)
    return config
  }
  return { received, progress, send }
}

it('events of an earlier send are dropped: it was replaced', () => {
  const { received, send } = listening(['onUploadProgress', 'onDownloadProgress'])
  const [first, second] = [send(), send(true)]
  first.onUploadProgress?.(event(10))
  first.onDownloadProgress?.(event(1_000_000))
  expect(received).toEqual([])
  second.onUploadProgress?.(event(20))
  second.onDownloadProgress?.(event(30))
  expect(received).toEqual([20, 30])
})

it('an upload counts on from where an earlier send ended', () => {
  const { received, send } = listening(['onUploadProgress'])
  send().onUploadProgress?.(event(10))
  const again = send(true)
  for (const loaded of [5, 10, 15]) again.onUploadProgress?.(event(loaded))
  expect(received).toEqual([10, 15])
  expect(again.onDownloadProgress).toBeUndefined()
})

it('a short body of a first send is held until the caller gets it, a long one is not', () => {
  const { received, progress, send } = listening(['onDownloadProgress'])
  const config = send()
  config.onDownloadProgress?.(event(65_536))
  expect(received).toEqual([])
  progress.deliver()
  expect(received).toEqual([65_536])
  const other = listening(['onDownloadProgress'])
  other.send().onDownloadProgress?.(event(65_537))
  expect(other.received).toEqual([65_537])
  expect(config.onUploadProgress).toBeUndefined()
})

it('what is held of a send is dropped by the next one, delivered once, and nothing is held afterwards', () => {
  const { received, progress, send } = listening(['onDownloadProgress'])
  send().onDownloadProgress?.(event(1))
  const second = send()
  progress.deliver()
  expect(received).toEqual([])
  second.onDownloadProgress?.(event(2))
  expect(received).toEqual([2])
  const other = listening(['onDownloadProgress'])
  const config = other.send()
  config.onDownloadProgress?.(event(3))
  config.onDownloadProgress?.(event(4))
  other.progress.deliver()
  other.progress.deliver()
  expect(other.received).toEqual([4])
})
