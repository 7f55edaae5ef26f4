/**
 * Runs the package under all that happens to it in a long life: tokens, certificates and logins that are renewed, refusals by
 * the hundred, servers that fail. `npm run soak`, with
 *   --minutes 30   how long; default is 5
 * Ends with 1 when anything came otherwise than it should, or when memory, sockets or file handles grow.
 * Nothing is used that the machine's own credentials could touch.
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

/** What Node itself opens once: pools of threads, sources of randomness. */
const SLACK = 5

const { getuid } = process
const surroundings = isolatedEnvironment()
// A netrc file must belong to whoever runs this. Certificates are named by a variable, so none of the machine's is used.
if (getuid) process.getuid = getuid
const { site, ask, stop } = await startSite()
try {
  const renewed = await renewal(surroundings, site, ask)
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
    ...(foreign > 0 ? [`${foreign} requests had a token of another origin, or of nobody`] : []),
    ...(stale > 0 ? [`${stale} requests had a token that was replaced long before`] : []),
    ...(left > 0 ? [`${left} files or sockets are left open when all is closed`] : []),
  ]
  console.log(`\n${requests} requests arrived, ${renewed.count} renewals, ${sent.kinds} kinds of traffic.`)
  console.log(wrong.length === 0 ? 'All as it should be.' : wrong.map((one) => `WRONG: ${one}`).join('\n'))
  if (wrong.length > 0) process.exitCode = 1
} finally {
  stop()
  surroundings.remove()
}

/** How many more files and sockets are open than before, some seconds after everything was closed. */
async function handlesLeft(before: number): Promise<number> {
  const more = () => Math.max(0, openHandles() - before - SLACK)
  for (let tries = 0; tries < 50 && more() > 0; tries += 1) await wait(100)
  return more()
}
