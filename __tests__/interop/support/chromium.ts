/** A page in headless Chromium, controlled with the Chrome DevTools Protocol over a pipe. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { rememberProcess } from './processes'
import { newFolder, RUN_FOLDER } from './room'

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

/** How often it is started if it ends before its first response, which happens on busy hosts. */
const STARTS = 3

/** Milliseconds for the first response. */
const START_TIMEOUT = 60_000

/** Characters of its output that are in an error. */
const OUTPUT_LENGTH = 2000

export async function openChromium(): Promise<Page> {
  const failures: string[] = []
  for (let start = 1; start <= STARTS; start += 1) {
    const browser = startChromium()
    const target = await browser
      .send<{ targetId: string }>('Target.createTarget', { url: 'about:blank' })
      .catch(String)
    if (typeof target === 'object')
      return attach(browser, target.targetId).catch(async (error: unknown) => {
        await browser.close()
        throw error
      })
    failures.push(target)
    await browser.close()
  }
  throw new Error(`Chromium did not start.\n${failures.join('\n')}`)
}

interface Browser {
  send<Result>(method: string, params?: object, sessionId?: string): Promise<Result>
  onLoad(loaded: () => void): void
  readonly exceptions: string[]
  close(): Promise<void>
}

function startChromium(): Browser {
  const flags = [
    '--headless',
    '--disable-gpu',
    '--remote-debugging-pipe',
    '--no-first-run',
    '--disable-dev-shm-usage',
    // Without a network, only loopback.
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-quic',
    '--disable-sync',
  ]
  // Chromium refuses to run as root with its sandbox.
  if (process.getuid?.() === 0) flags.push('--no-sandbox')
  const folder = newFolder('chromium')
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', 'chromium', ...flags, `--user-data-dir=${folder}/profile`],
    {
      detached: true,
      // Chromium makes a socket in its temporary folder, and the path of a socket has at most 107 bytes.
      env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', HOME: folder, TMPDIR: RUN_FOLDER },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    },
  )
  const { pid = 0 } = child
  const forget = rememberProcess(pid)
  const [, , stderr, toBrowser, fromBrowser] = child.stdio as unknown as [
    null,
    null,
    Readable,
    Writable,
    Readable,
  ]
  // When Chromium ends, its pipes fail too (ECONNRESET, EPIPE). The `exit` event reports that.
  for (const pipe of [stderr, toBrowser, fromBrowser]) pipe.on('error', () => undefined)
  let output = ''
  stderr.setEncoding('utf8').on('data', (chunk: string) => {
    output = (output + chunk).slice(-OUTPUT_LENGTH)
  })

  const exceptions: string[] = []
  const pending = new Map<number, (message: Message) => void>()
  const loads: (() => void)[] = []
  let unread = ''
  fromBrowser.setEncoding('utf8').on('data', (chunk: string) => {
    const messages = (unread + chunk).split('\0')
    unread = messages.pop() ?? ''
    for (const text of messages) receive(JSON.parse(text) as Message)
  })
  let failure: string | undefined
  const fail = (message: string) => {
    failure ??= `${message} The end of its output:\n${output}`
    for (const settle of pending.values()) settle({ error: { message: failure } })
  }
  child.on('error', ({ message }) => {
    fail(`Chromium cannot be run: ${message}.`)
  })
  child.on('exit', (code, signal) => {
    // The rest of its output may still be in the pipe.
    setTimeout(fail, 500, `Chromium has ended (${signal ?? `exit code ${code}`}).`)
  })
  const late = setTimeout(() => {
    fail(`Chromium has not responded within ${START_TIMEOUT / 1000} s.`)
  }, START_TIMEOUT)

  function receive(message: Message): void {
    clearTimeout(late)
    if (message.id !== undefined) pending.get(message.id)?.(message)
    else if (message.method === 'Page.loadEventFired') for (const loaded of loads.splice(0)) loaded()
    else if (message.params?.exceptionDetails) exceptions.push(textOf(message.params.exceptionDetails))
  }

  let sent = 0
  async function send<Result>(method: string, params: object = {}, sessionId?: string): Promise<Result> {
    const id = (sent += 1)
    const answer = await new Promise<Message>((resolve) => {
      if (failure !== undefined) {
        resolve({ error: { message: failure } })
        return
      }
      pending.set(id, resolve)
      toBrowser.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    })
    pending.delete(id)
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`)
    return answer.result as Result
  }

  return {
    send,
    exceptions,
    onLoad: (loaded) => loads.push(loaded),
    async close() {
      clearTimeout(late)
      if (child.exitCode === null && child.signalCode === null && pid !== 0) {
        const ended = once(child, 'exit')
        process.kill(-pid, 'SIGKILL')
        await ended
      }
      forget()
    },
  }
}

async function attach(browser: Browser, targetId: string): Promise<Page> {
  const { sessionId } = await browser.send<{ sessionId: string }>('Target.attachToTarget', {
    targetId,
    flatten: true,
  })
  const inPage = <Result>(method: string, params?: object) => browser.send<Result>(method, params, sessionId)
  await Promise.all([inPage('Page.enable'), inPage('Runtime.enable')])

  return {
    exceptions: browser.exceptions,
    async open(url) {
      const loaded = new Promise<void>((resolve) => {
        browser.onLoad(resolve)
      })
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
    close: () => browser.close(),
  }
}

function textOf({ text, exception }: ExceptionDetails): string {
  return exception?.description ?? text
}
