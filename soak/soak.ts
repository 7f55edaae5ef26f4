/**
 * Soak test, `npm run soak`: tokens, certificates and passwords that are renewed, many refusals, and servers that fail.
 *   --minutes 30   duration; default is 5
 * Exits with 1 after an unexpected result, and if memory, sockets or file handles grow. The credentials of the user who runs
 * it are not used.
 */
import http from 'node:http'
import https from 'node:https'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { isolatedEnvironment } from '../bench/environment'
import { renewal } from './renewal'
import { startSite } from './start-site'
import { traffic } from './traffic'
import { openHandles, watch } from './watch'

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '5' } } })
const minutes = Number(values.minutes)
if (!(minutes > 0)) throw new Error(`--minutes must be a number above 0, not ${values.minutes}`)

/** Files that Node.js opens once: thread pool, random numbers. */
const SLACK = 5

const { getuid } = process
const environment = isolatedEnvironment()
// A netrc file must belong to the user who runs this. A variable names the certificate, so no other is used.
if (getuid) process.getuid = getuid
const { site, ask, stop } = await startSite()
try {
  const renewed = await renewal(environment, site, ask)
  const sent = traffic(site)
  const watched = watch(() => sent.count)
  const before = openHandles()
  const end = Date.now() + minutes * 60_000
  await Promise.all([renewed.until(end), sent.until(end), watched.until(end)])

  sent.close()
  https.globalAgent.destroy()
  http.globalAgent.destroy()
  const left = await handlesLeft(before)
  const { foreign, stale, requests } = await ask('tally')
  const wrong = [
    ...sent.wrong,
    ...watched.grown(),
    ...(foreign > 0
      ? [`${foreign} requests had a token for another origin, or with an invalid signature`]
      : []),
    ...(stale > 0 ? [`${stale} requests had a token that was replaced more than 5 seconds before`] : []),
    ...(left > 0 ? [`${left} files or sockets are still open at the end`] : []),
  ]
  console.log(`\n${requests} requests arrived, ${renewed.count} renewals, ${sent.kinds} kinds of traffic.`)
  console.log(wrong.length === 0 ? 'No problems found.' : wrong.map((one) => `WRONG: ${one}`).join('\n'))
  if (wrong.length > 0) process.exitCode = 1
} finally {
  stop()
  environment.remove()
}

/** How many more files and sockets are open than before, some seconds after everything is closed. */
async function handlesLeft(before: number): Promise<number> {
  const more = () => Math.max(0, openHandles() - before - SLACK)
  for (let tries = 0; tries < 50 && more() > 0; tries += 1) await wait(100)
  return more()
}
