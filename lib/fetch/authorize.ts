import { inspect } from 'node:util'
import type { InternalAxiosRequestConfig } from 'axios'
import { IgwnAuthError, type Reason } from '../errors'
import { mergeOptions, resolveOptions, type IgwnAuthOptions } from '../options'
import { attacher } from '../request/attach'
import { newContext } from '../request/context'
import { notHttpUrl, urlOf } from '../request/destination'
import type { Credentials } from '../schemes/credentials'
import type { X509Credential } from '../x509/x509-credential'

/**
 * The credentials for a URL, for clients that are neither axios nor `fetch`. The values of `headers` and the key of `certificate`
 * are secret; neither `inspect` nor JSON shows them.
 */
export class Authorization {
  readonly #headers: Readonly<Record<string, string>>
  /** The X.509 credential to present; `pem()` has its certificates and key. Undefined when there is none. */
  readonly certificate: X509Credential | undefined
  /** When the first of the credentials expires, in seconds since the epoch; undefined where that is not known. */
  readonly expiresAt: number | undefined
  /** Why other candidates were skipped. */
  readonly reasons: readonly Reason[]

  /** @internal */
  constructor({ authorization, found, tls, reasons }: Credentials) {
    this.#headers = authorization === undefined ? {} : { Authorization: authorization }
    this.certificate = tls?.credential
    const expiries = [found?.expiresAt, tls?.credential?.expiresAt].filter((time) => time !== undefined)
    this.expiresAt = expiries.length > 0 ? Math.min(...expiries) : undefined
    this.reasons = reasons
  }

  /** The header fields to send: `Authorization`, or none. Secret. */
  get headers(): Readonly<Record<string, string>> {
    return { ...this.#headers }
  }

  /** Everything but the secrets. */
  toJSON(): object {
    const { certificate, expiresAt, reasons } = this
    return { headers: Object.keys(this.#headers), certificate: certificate?.source, expiresAt, reasons }
  }

  /** The same for `console.log`. */
  [inspect.custom](_depth: number, options: object): string {
    return `Authorization ${inspect(this.toJSON(), options)}`
  }
}

/**
 * Finds the credentials for a URL, by the rules of `applyIgwnAuth`: for WebSocket, gRPC, libcurl, Kafka and other clients. Call it
 * for each connection or request, since tokens expire. Nothing is kept between calls, except by a token source of the options.
 *
 * @param url - http, https, ws or wss
 * @param options - as for `applyIgwnAuth`, without `scheme`, which has to see the request. Default is none
 * @throws {@link IgwnAuthError} as a request with these options, before it is sent; `ERR_IGWN_INVALID_URL` for another URL;
 *   `ERR_IGWN_UNSUPPORTED` for `scheme`
 */
export async function authorize(url: string | URL, options: IgwnAuthOptions = {}): Promise<Authorization> {
  const resolved = mergeOptions({}, resolveOptions(options, 'options'))
  if (resolved.scheme)
    throw new IgwnAuthError(
      'ERR_IGWN_UNSUPPORTED',
      `${resolved.scheme.name} has to see each request as it is sent. Use igwnFetch or applyIgwnAuth.`,
    )
  const text = String(url).replace(/^ws(s?):/i, 'http$1:')
  const target = urlOf({ url: text })
  if (!target) throw notHttpUrl()
  const attaching = attacher()
  try {
    const request = { url: text, method: 'get' } as InternalAxiosRequestConfig
    const hasUserinfo = target.username !== '' || target.password !== ''
    const context = newContext(request, undefined, target, resolved, hasUserinfo)
    return new Authorization(await attaching.attach(context))
  } finally {
    attaching.close()
  }
}
