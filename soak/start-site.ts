import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Answers, Site } from './site'

/** Sends a request to the site process, which replies in the same order. */
export type Ask = <Question extends keyof Answers>(question: Question) => Promise<Answers[Question]>

/** Starts the servers in a process of their own, whose memory and sockets are not counted. */
export async function startSite(): Promise<{ site: Site; ask: Ask; stop: () => void }> {
  const child = fork(new URL('site.ts', import.meta.url), { execArgv: ['--import', 'tsx'] })
  const [site] = (await once(child, 'message')) as [Site]
  const waiting: ((answer: unknown) => void)[] = []
  child.on('message', (answer) => waiting.shift()?.(answer))
  const ask = (question: string) =>
    new Promise<unknown>((resolve) => {
      waiting.push(resolve)
      child.send(question)
    })
  return { site, ask: ask as Ask, stop: () => void child.kill() }
}
