import { AxiosHeaders, type AxiosError, type AxiosResponse } from 'axios'
import type { Reason } from '../errors'
import { bearerChallenge, parseChallenges, type Challenge } from '../formats/www-authenticate'
import type { Credentials, Purpose } from '../request/context'
import { withoutSecrets } from '../secrets/redact'
import { tlsRefusal } from '../x509/tls-refusal'
import { untrustedServer } from '../x509/untrusted-server'
import type { Explanation } from './explanation'
import { explanationOf } from './explain-request'
import { summaryOf, type ServerSaid } from './summary'
import { isOfNetworkProxy } from '../request/network-proxy'
import { answerOf } from '../request/sign'
import type { RequestChanges } from '../schemes/auth-scheme'

/** What is known of a refusal by the server. */
export interface Refusal {
  /**
   * One sentence for people: what the server wants, what was sent, and what that lacks. "the server wants gracedb.write; the
   * token from /run/user/1000/bt_u1000 has gracedb.read and 12 minutes left"
   */
  readonly summary: string
  /** Why no other credential was sent, one by one. */
  readonly reasons: readonly Reason[]
  /** Everything that was looked at, as {@link explain} gives it. It is not printed with the error. */
  readonly explanation: Explanation
}

/**
 * An error of axios that passed through IGWN auth. (Not declared on axios' own class: its types for CommonJS do not let
 * themselves be added to.)
 */
export type IgwnAxiosError<T = unknown> = AxiosError<T> & {
  /** What IGWN auth knows of this refusal; undefined for other errors. */
  igwnAuth?: Refusal
}

/** What was tried: for what, with what, and why nothing else was. */
export interface Tried {
  readonly purpose: Purpose
  readonly credentials: Credentials
  /** Why a challenge was not answered; undefined where there was no trying. */
  readonly unanswered?: readonly Reason[] | undefined
  /** What a scheme put on the request. */
  readonly sent?: RequestChanges | undefined
}

/** Whether a response refuses: 401, and 403, which is what XRootD has for everything. */
export function isRefusal(response: AxiosResponse | undefined): response is AxiosResponse {
  return response?.status === 401 || response?.status === 403
}

/**
 * What is known of the refusal in a response, or in an error by which either side ended the handshake; undefined
 * for others.
 */
export function refusalIn(
  failure: unknown,
  response: AxiosResponse | undefined,
  tried: Tried,
): Refusal | undefined {
  const { purpose, credentials, unanswered } = tried
  if (isOfNetworkProxy(response, purpose.url, purpose.request.proxy)) return undefined
  const server = isRefusal(response) ? saidIn(response, tried) : undefined
  const said = server
    ? {
        reasons: unanswered ?? credentials.reasons,
        summary: summaryOf(purpose, credentials, server, unanswered),
      }
    : (byTls(failure, credentials) ?? ofServer(failure, purpose))
  if (!said) return undefined
  // What the server asks for is what would mend it.
  const challengeScope = server?.bearer?.scope ?? purpose.challengeScope ?? []
  const explanation = explanationOf({ ...purpose, challengeScope }, { credentials })
  return Object.defineProperty(said, 'explanation', { value: explanation }) as Refusal
}

function saidIn(response: AxiosResponse, { credentials, sent }: Tried): ServerSaid {
  const challenges = challengesOf(response, shownIn(credentials, sent))
  const toScheme = sent && credentials.scheme?.describeRefusal?.(answerOf(response), sent)
  return { status: response.status, challenges, bearer: bearerChallenge(challenges), toScheme }
}

/**
 * The challenges of a response.
 *
 * @param shown - what the server was shown; some repeat the token that they refuse, and it is taken out
 */
export function challengesOf({ headers }: AxiosResponse, shown: readonly string[] = []): Challenge[] {
  // Adapters of others give plain objects, with names in any case.
  const field = AxiosHeaders.from(headers as AxiosHeaders).get('WWW-Authenticate')
  const fields = [field as string | string[] | undefined].flat().filter((one) => one !== undefined)
  return parseChallenges(fields.map((one) => withoutSecrets(one, shown)))
}

/** What of credentials a server was shown in a header field, without the name of the scheme. A secret. */
export function shownIn({ authorization }: Credentials, sent: RequestChanges | undefined): string[] {
  const values = authorization === undefined ? Object.values(sent?.headers ?? {}) : [authorization]
  return values.map((value) => value.slice(value.indexOf(' ') + 1))
}

function byTls(failure: unknown, { transport }: Credentials): Omit<Refusal, 'explanation'> | undefined {
  const refusal = tlsRefusal(failure, transport?.credential)
  if (!refusal) return undefined
  const { message } = refusal
  const reason: Reason = { code: 'refused', source: 'certificate', message }
  return { summary: message, reasons: [reason, ...(transport?.reasons ?? [])] }
}

/** The other way round: it is we who refuse the server. */
function ofServer(failure: unknown, { url }: Purpose): Omit<Refusal, 'explanation'> | undefined {
  const message = untrustedServer(failure, url.host)
  if (message === undefined) return undefined
  return {
    summary: message,
    reasons: [{ code: 'not-verified', source: 'certificate of the server', message }],
  }
}
