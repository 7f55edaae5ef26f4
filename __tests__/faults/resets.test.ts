/** Ten thousand requests to a server that resets one connection in a hundred, with automatic retry: what is lost, what is done twice. */
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { SEEDED } from '../support/properties'
import { mint } from '../support/tokens'

const PROGRAM = path.join(__dirname, '../support/resets.mjs')
const REQUESTS = 10_000

interface Outcome {
  readonly sent: readonly { readonly url: string; readonly answer?: string; readonly code?: string }[]
  /** By the path of a request. */
  readonly done: Readonly<Record<string, number>>
  readonly reset: Readonly<Record<string, number>>
  /** Requests without the token. */
  readonly strangers: number
}

it(`no request that may be repeated is lost, and no POST is done twice ${SEEDED}`, async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [PROGRAM, String(REQUESTS), String(fc.readConfigureGlobal().seed)],
    { env: { ...process.env, BEARER_TOKEN: mint({ aud: 'ANY' }) }, maxBuffer: 64 * 1024 * 1024 },
  )
  const { sent, done, reset, strangers } = JSON.parse(stdout) as Outcome
  const isPost = (url: string) => url.startsWith('/POST/')
  const failed = sent.filter(({ answer }) => answer === undefined)

  expect(new Set(sent.map(({ url }) => url)).size).toBe(REQUESTS)
  expect(Object.keys(reset).length).toBeGreaterThan(REQUESTS / 200)
  expect(strangers).toBe(0)
  // Each answer is that of its request, which was done.
  expect(sent.filter(({ url, answer }) => answer !== undefined && (answer !== url || !done[url]))).toEqual([])
  // Those that fail are the POSTs that met a reset: they may have been done, and that is what the caller is told.
  expect(failed.map(({ url }) => url).sort()).toEqual(Object.keys(reset).filter(isPost).sort())
  expect(failed.filter(({ code }) => !['ECONNRESET', 'ERR_BAD_RESPONSE'].includes(code ?? ''))).toEqual([])
  // Nothing is done more often than its resets make needful, and no POST more than once.
  const most = (url: string) => (isPost(url) ? 1 : 1 + (reset[url] ?? 0))
  expect(Object.entries(done).filter(([url, times]) => times > most(url))).toEqual([])
}, 60_000)
