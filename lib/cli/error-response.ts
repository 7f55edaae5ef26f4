import { processEnvironment } from '../environment'
import { fixesOf } from '../explain/explanation'
import { withRefusalFixes } from '../explain/refusal-fixes'
import { explain } from '../instance/explain'
import { withResourceMetadata } from '../instance/resource-metadata'
import { certChoice, type IgwnAuthOptions } from '../options'
import { printable, sanitize } from '../secrets/sanitize'
import { x509Discovery } from '../x509/find-x509-credentials'
import { pageRefusal } from '../x509/tls-refusal'
import { CommandError, EXIT, TransientError } from './errors'
import { defined } from './flags'
import type { Response } from './http-client'
import { fieldOf } from './partial-content'
import type { RequestOptions } from './request-options'

/** What an error response belongs to. */
export interface FailedRequest {
  readonly request: RequestOptions
  readonly igwnAuth: IgwnAuthOptions
}

/**
 * The error that a response is: its status, the reason, and what fixes it.
 *
 * @param page - the start of the body, as far as it was read: nginx and Apache say in it that a certificate is missing
 */
export async function errorOfResponse(
  response: Response,
  page: Buffer,
  failed: FailedRequest,
): Promise<CommandError> {
  const { status, statusText, headers, refusal } = response
  const message = `${status} ${sanitize(statusText)}`.trim()
  const ofPage = await certificateRefusal(response, page, failed)
  if (ofPage) return ofPage
  if (refusal) {
    const explanation = await withResourceMetadata(refusal.explanation, fieldOf(headers, 'WWW-Authenticate'))
    return new CommandError(EXIT.refused, `${message}: ${printable(refusal.summary)}`, {
      fixes: explanation.fixes,
      data: { summary: refusal.summary },
    })
  }
  if (status < 400) return new CommandError(EXIT.http, `${message}: not the file`)
  if (!TRANSIENT.includes(status)) return new CommandError(EXIT.http, message)
  const seconds = Number(fieldOf(headers, 'Retry-After'))
  return new TransientError(EXIT.http, message, {}, seconds >= 0 ? seconds : undefined)
}

/** The statuses that curl --retry retries. */
const TRANSIENT = [408, 429, 500, 502, 503, 504]

/** The library cannot read the page of a streamed response. */
async function certificateRefusal(
  { status, url }: Response,
  page: Buffer,
  { request, igwnAuth }: FailedRequest,
): Promise<CommandError | undefined> {
  const { origin, host, protocol } = new URL(url)
  if (protocol !== 'https:' || !pageRefusal({ status, data: page }, undefined)) return undefined
  // After a redirect to another origin no certificate is presented.
  const isSameOrigin = origin === request.url.origin
  const cert = isSameOrigin ? certChoice(igwnAuth.cert, processEnvironment.env) : false
  const { passphrase } = igwnAuth
  const { credential, reasons } =
    cert === false ? { reasons: [] } : x509Discovery()(defined({ cert, passphrase }))
  const { message = '' } = pageRefusal({ status, data: page }, credential, { reasons }) ?? {}
  const { findings } = await explain(url, igwnAuth)
  return new CommandError(EXIT.refused, printable(message), {
    fixes: fixesOf(withRefusalFixes(findings, 'client-certificate', host)),
    data: { summary: message },
  })
}
