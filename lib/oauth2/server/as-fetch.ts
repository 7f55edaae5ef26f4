import type { PlainAnswer } from './axios-transport'
import { OAuthError } from '../errors'
import type { SentSecrets } from './redact-response'

/** What openid-client calls in the place of `fetch`. */
export type Fetch = (
  url: string,
  options: {
    readonly method: string
    readonly headers: Readonly<Record<string, string>>
    readonly body?: unknown
  },
) => Promise<Response>

/** An answer as `fetch` gives it. */
export function answerAsResponse({ status, headers, body }: PlainAnswer): Response {
  const fields = new Headers()
  for (const [name, value] of Object.entries(headers))
    // What describes the bytes on the wire is true of them alone.
    if (!/^(?:content-(?:length|encoding)|transfer-encoding)$/.test(name)) trySet(fields, name, value)
  return new Response(BODILESS.has(status) ? null : body, { status, headers: fields })
}

/** `Response` takes no body with these. */
const BODILESS: ReadonlySet<number> = new Set([101, 204, 205, 304])

function trySet(fields: Headers, name: string, value: string): void {
  try {
    fields.set(name, value)
  } catch {
    // Nothing that openid-client reads has a name or a value that is not allowed.
  }
}

/** A redirect would lead secrets elsewhere: `fetch` is asked not to follow any. */
export function refuseRedirect({ status, headers }: PlainAnswer, url: string, secrets: SentSecrets): void {
  if (status < 300 || status > 399) return
  const from = new URL(url)
  const to = URL.canParse(headers.location ?? '', from.href) ? new URL(headers.location ?? '', from) : from
  throw new OAuthError(
    'ERR_IGWN_OAUTH_RESPONSE',
    `${from.origin}${from.pathname} redirects to ${secrets.clean(to.origin + to.pathname)}, which is not followed: what goes there is secret. Give the URL that it leads to, if that is right.`,
    { status },
  )
}
