/** A page in headless Chromium, controlled with the Chrome DevTools Protocol over a pipe. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { rememberProcess } from './processes'
import { newFolder } from './room'

export interface Page {
  /** Opens a URL and waits for its `load` event. */
  open(url: string): Promise<void>
  /** Evaluates a JavaScript expression in the page. The result is JSON; a promise is awaited. */
  evaluate<Result>(expression: string): Promise<Result>
  /** Types text into the focused element. */
  type(text: string): Promise<void>
  /** Messages of uncaught exceptions in all pages so far. */
  readonly exceptions: string[]
  close(): Promise<void>
}

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: { readonly exceptionDetails?: ExceptionDetails }
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

interface ExceptionDetails {
  readonly text: string
  readonly exception?: { readonly description?: string }
}

export async function openChromium(): Promise<Page> {
  const flags = [
    '--headless',
    '--disable-gpu',
    '--remote-debugging-pipe',
    '--no-first-run',
    '--disable-dev-shm-usage',
  ]
  // Chromium refuses to run as root with its sandbox.
  if (process.getuid?.() === 0) flags.push('--no-sandbox')
  const folder = newFolder('chromium')
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', 'chromium', ...flags, `--user-data-dir=${folder}/profile`],
    {
      detached: true,
      env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', HOME: folder, TMPDIR: folder },
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    },
  )
  const { pid = 0 } = child
  const forget = rememberProcess(pid)
  const [, , , toBrowser, fromBrowser] = child.stdio as unknown as [null, null, null, Writable, Readable]

  const exceptions: string[] = []
  const pending = new Map<number, (message: Message) => void>()
  const loads: (() => void)[] = []
  let unread = ''
  fromBrowser.setEncoding('utf8').on('data', (chunk: string) => {
    const messages = (unread + chunk).split('\0')
    unread = messages.pop() ?? ''
    for (const text of messages) receive(JSON.parse(text) as Message)
  })
  child.on('exit', () => {
    for (const settle of pending.values()) settle({ error: { message: 'Chromium has ended' } })
  })

  function receive(message: Message): void {
    if (message.id !== undefined) pending.get(message.id)?.(message)
    else if (message.method === 'Page.loadEventFired') for (const loaded of loads.splice(0)) loaded()
    else if (message.params?.exceptionDetails) exceptions.push(textOf(message.params.exceptionDetails))
  }

  let sent = 0
  async function send<Result>(method: string, params: object = {}, sessionId?: string): Promise<Result> {
    const id = (sent += 1)
    const answer = await new Promise<Message>((resolve) => {
      pending.set(id, resolve)
      toBrowser.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    })
    pending.delete(id)
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`)
    return answer.result as Result
  }

  const { targetId } = await send<{ targetId: string }>('Target.createTarget', { url: 'about:blank' })
  const { sessionId } = await send<{ sessionId: string }>('Target.attachToTarget', {
    targetId,
    flatten: true,
  })
  const inPage = <Result>(method: string, params?: object) => send<Result>(method, params, sessionId)
  await Promise.all([inPage('Page.enable'), inPage('Runtime.enable')])

  return {
    exceptions,
    async open(url) {
      const loaded = new Promise<void>((resolve) => loads.push(resolve))
      const { errorText } = await inPage<{ errorText?: string }>('Page.navigate', { url })
      if (errorText !== undefined) throw new Error(`${url}: ${errorText}`)
      await loaded
    },
    async evaluate<Result>(expression: string) {
      const { result, exceptionDetails } = await inPage<{
        result: { value?: unknown }
        exceptionDetails?: ExceptionDetails
      }>('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
      if (exceptionDetails) throw new Error(textOf(exceptionDetails))
      return result.value as Result
    },
    async type(text) {
      await inPage('Input.insertText', { text })
    },
    async close() {
      const ended = once(child, 'exit')
      process.kill(-pid, 'SIGKILL')
      await ended
      forget()
    },
  }
}

function textOf({ text, exception }: ExceptionDetails): string {
  return exception?.description ?? text
}
