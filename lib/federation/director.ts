import { pause as wait } from '../clock'
import { retryAfterIn } from '../formats/retry-after'
import type { Ask, Reply } from './ask'
import type { Federation } from './discovery'
import { fieldOf } from './pelican-headers'
import type { PelicanUrl } from './pelican-url'

type ObjectPath = Pick<PelicanUrl, 'path' | 'directRead' | 'directorQuery'>

/** What a director is asked. */
export interface DirectorQuestion {
  readonly federation: Federation
  readonly object: ObjectPath
  /** The method of the request that will follow. */
  readonly method: string
  readonly ask: Ask
  /** Waits, in milliseconds. */
  readonly pause: ((delay: number) => Promise<void>) | undefined
}

/**
 * Asks a director where an object is, with the method of the request and without a token: shown one, it repeats it in the URLs that
 * it returns. A director that restarts is asked again after 3, 6 and 9 seconds, or when its `Retry-After` says.
 */
export async function askDirector(question: DirectorQuestion): Promise<Reply> {
  const { federation, object, ask, pause = wait } = question
  // An origin that stands alone is not asked to change anything.
  const method = federation.director === undefined ? 'HEAD' : question.method
  for (let attempt = 1; ; attempt += 1) {
    const reply = await ask({ method, url: directorUrl(federation, object) })
    if (attempt === ATTEMPTS || !isRestarting(reply)) return reply
    await pause(delayAfter(reply, attempt))
  }
}

const ATTEMPTS = 4
/** Milliseconds. */
const STEP = 3000
const MAX_DELAY = 30_000

function delayAfter({ headers }: Reply, attempt: number): number {
  const retryAfter = retryAfterIn(fieldOf(headers, 'retry-after') || undefined)
  return Math.min(Math.max(attempt * STEP, retryAfter), MAX_DELAY)
}

/** Where a director names origins instead of caches. */
const ORIGINS = '/api/v1.0/director/origin'

/** The URL at which a director is asked. An origin that stands alone serves the object there. */
export function directorUrl(
  { host, director }: Federation,
  { path, directRead, directorQuery }: ObjectPath,
): string {
  if (director === undefined) return `https://${host}${path}`
  return `${director}${directRead ? ORIGINS : ''}${path}${directorQuery}`
}

/**
 * Whether a response means that the director restarts: it says so with 429; what stands before it responds in its place, without
 * the `Server` field of Pelican.
 */
function isRestarting({ status, headers }: Reply): boolean {
  if (status === 429) return true
  if (!RESTARTING.has(status)) return false
  return !fieldOf(headers, 'server').startsWith('pelican/')
}

const RESTARTING = new Set([404, 500, 502, 503, 504])
