/** Ten thousand requests, with automatic retry, to a server that resets one connection in a hundred: none is lost or repeated wrongly. */
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
  readonly withoutToken: number
}

it(`loses no request that may be repeated, and processes no POST twice ${SEEDED}`, async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [PROGRAM, String(REQUESTS), String(fc.readConfigureGlobal().seed)],
    { env: { ...process.env, BEARER_TOKEN: mint({ aud: 'ANY' }) }, maxBuffer: 64 * 1024 * 1024 },
  )
  const { sent, done, reset, withoutToken } = JSON.parse(stdout) as Outcome
  const isPost = (url: string) => url.startsWith('/POST/')
  const failed = sent.filter(({ answer }) => answer === undefined)

  expect(new Set(sent.map(({ url }) => url)).size).toBe(REQUESTS)
  expect(Object.keys(reset).length).toBeGreaterThan(REQUESTS / 200)
  expect(withoutToken).toBe(0)
  // Each response belongs to its request, and the server processed that request.
  expect(sent.filter(({ url, answer }) => answer !== undefined && (answer !== url || !done[url]))).toEqual([])
  // Only POSTs whose connection was reset fail: the server may have processed them, so the caller must decide.
  expect(failed.map(({ url }) => url).sort()).toEqual(Object.keys(reset).filter(isPost).sort())
  expect(failed.filter(({ code }) => !['ECONNRESET', 'ERR_BAD_RESPONSE'].includes(code ?? ''))).toEqual([])
  // No request is processed more often than its resets require, and no POST more than once.
  const most = (url: string) => (isPost(url) ? 1 : 1 + (reset[url] ?? 0))
  expect(Object.entries(done).filter(([url, times]) => times > most(url))).toEqual([])
}, 300_000)
