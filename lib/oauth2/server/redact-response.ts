import { sanitize } from '../../secrets/sanitize'

/** Takes secrets out of what others wrote, and makes the rest fit for a message. */
export type Cleaner = (text: string) => string

/** Secrets that were sent, gathered as they leave, so that an answer which repeats them can be told without them. */
export class SentSecrets {
  readonly #all = new Set<string>()

  add(...secrets: readonly (string | null | undefined)[]): void {
    // What is shorter is in every other word, and guessed sooner than read.
    for (const secret of secrets) if (secret && secret.length >= 4) this.#all.add(secret)
  }

  /** Those in the body of a request to an endpoint, and in its `Authorization`. */
  addOf(body: URLSearchParams, authorization: string | undefined): void {
    for (const name of SECRET_PARAMETERS) this.add(...body.getAll(name))
    const [scheme = '', credentials = ''] = authorization?.split(' ') ?? []
    this.add(credentials)
    if (!/^basic$/i.test(scheme)) return
    const [, password = ''] = Buffer.from(credentials, 'base64').toString().split(':')
    this.add(password, new URLSearchParams(`=${password}`).get(''))
  }

  readonly clean: Cleaner = (text) => {
    let cleaned = text
    for (const secret of this.#all)
      for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')])
        cleaned = cleaned.replaceAll(form, '[not shown]')
    return sanitize(cleaned)
  }
}

/** What a request to an endpoint may hold that is nobody else's to know. */
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
