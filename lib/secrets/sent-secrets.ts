import { redactSecrets } from './redact'
import { sanitize } from './sanitize'

/** Redacts a text of the server for a message. */
export type Redact = (text: string) => string

/** The secrets of the requests of one exchange, collected as they are sent, to redact responses that repeat them. */
export class SentSecrets {
  readonly #all = new Set<string>()

  /** Adds those in the body of a request and in its `Authorization`. */
  addOf(body: URLSearchParams, authorization: string | undefined): void {
    for (const name of SECRET_PARAMETERS) for (const value of body.getAll(name)) this.#all.add(value)
    for (const secret of secretsOfHeader(authorization ?? '')) this.#all.add(secret)
  }

  add(...secrets: readonly (string | undefined)[]): void {
    for (const secret of secrets) if (secret !== undefined) this.#all.add(secret)
  }

  /** Removes them from a text, which is not changed otherwise. */
  readonly hide: Redact = (text) => redactSecrets(text, [...this.#all])

  readonly redact: Redact = (text) => sanitize(this.hide(text))
}

/** The secrets in a value of `Authorization`: the credentials, and the password in those of Basic. */
export function secretsOfHeader(authorization: string): string[] {
  const [scheme = '', credentials = ''] = authorization.split(' ')
  if (!/^basic$/i.test(scheme)) return [credentials]
  const text = Buffer.from(credentials, 'base64').toString()
  // Only the username cannot have a colon (RFC 7617 section 2).
  const password = text.slice(text.indexOf(':') + 1)
  // Form-encoded inside of Basic (RFC 6749 section 2.3.1).
  return [credentials, password, new URLSearchParams(`=${password}`).get('') ?? '']
}

/** The secrets of a username and password: the password, and both as Basic credentials (RFC 7617). */
export function secretsOfBasic(username = '', password = ''): string[] {
  return [password, Buffer.from(`${username}:${password}`).toString('base64')]
}

const SECRET_PARAMETERS = [
  'client_secret',
  'client_assertion',
  'assertion',
  'code',
  'code_verifier',
  'device_code',
  'password',
  'refresh_token',
  'subject_token',
  'actor_token',
  'token',
  'access_token',
  'id_token',
]
