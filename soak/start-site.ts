import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Answers, Site } from './site'

/** Asks the site for something; it answers in the order of the questions. */
export type Ask = <Question extends keyof Answers>(question: Question) => Promise<Answers[Question]>

/** Starts the servers in a process of their own: what they need is on nobody's account. */
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
