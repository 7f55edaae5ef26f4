import axios, { CanceledError } from 'axios'
import { deadlineIn } from '../clock'
import { statOf } from '../files/read-file'
import { IgwnAuthError } from '../errors'
import { isRecord, objectIn } from '../formats/json'
import { connectionDefaults, newInstance } from '../formats/plain-instance'
import { OAuthError } from '../oauth2/errors'
import { axiosTransport, type HttpResponse, type SendHttp } from '../oauth2/server/axios-transport'
import { networkError } from '../oauth2/server/failures'
import { SentSecrets } from '../secrets/sent-secrets'
import { variable, type Environment } from '../environment'
import { secureAgent } from '../x509/create-x509-agent'
import { trustedCasFinder } from '../x509/trusted-cas'
import type { VaultOptions } from './options'

/** A request to Vault, at a path below `/v1/`. */
export interface VaultRequest {
  readonly path: string
  /** Default is `POST` with a body, else `GET`. */
  readonly method?: string
  readonly query?: Readonly<Record<string, string | number | undefined>>
  /** Sent as JSON. */
  readonly body?: object
  readonly vaultToken?: string
  /** Of a Kerberos login, which has no body. */
  readonly authorization?: string
  /** Milliseconds, if not those of the options. */
  readonly timeout?: number
}

/** The parts of a response that are used. */
export interface VaultResponse {
  readonly status: number
  readonly data: Readonly<Record<string, unknown>>
  readonly auth: VaultAuth | undefined
}

/** The Vault token of a login. Secret. */
export interface VaultAuth {
  readonly client_token: string
  readonly policies: readonly string[]
  readonly lease_duration: number | undefined
  readonly metadata: Readonly<Record<string, unknown>>
}

export interface VaultServer {
  /** Its URL. */
  readonly url: string
  /**
   * Sends a request. Redirects are not followed, and nothing is sent again.
   *
   * It rejects with {@link OAuthError} `ERR_IGWN_OAUTH_REFUSED` for any status but 200 and 204, with what the server said as `errorDescription`;
   * `ERR_IGWN_OAUTH_UNREACHABLE`, `ERR_IGWN_OAUTH_TIMEOUT`; `ERR_IGWN_OAUTH_RESPONSE` for a response that is not JSON.
   */
  request(request: VaultRequest): Promise<VaultResponse>
}

/** Where requests are sent from: one for all requests of a login. */
export interface Connection {
  readonly send: SendHttp
  readonly close: () => void
}

/** Connects with the options of the caller: its axios, CAs, and the name in the certificate. */
export function connect(options: VaultOptions, environment: Environment): Connection {
  const instance = options.axios ?? axios
  const agent = instance.defaults.httpsAgent ? undefined : ownAgent(options, environment)
  const defaults = { ...connectionDefaults(instance), ...(agent && { httpsAgent: agent }) }
  return {
    send: axiosTransport(newInstance(defaults), { cert: () => false }),
    close: () => agent?.destroy(),
  }
}

/** Undefined where the CAs of the environment apply, as for every request. */
function ownAgent({ cafile, capath, vaultcertname }: VaultOptions, environment: Environment) {
  const { env } = environment
  const folder =
    capath ?? (variable(env, 'X509_CERT_DIR') === undefined && statOf(GRID_CAS) ? GRID_CAS : undefined)
  if (cafile === undefined && folder === undefined && vaultcertname === undefined) return undefined
  const named = {
    ...env,
    ...(cafile !== undefined && { REQUESTS_CA_BUNDLE: cafile }),
    ...(folder !== undefined && { X509_CERT_DIR: folder }),
  }
  const ca = trustedCas({ ...environment, env: named }, { cafile, capath })
  return secureAgent(undefined, {
    ...(ca && { ca: [...ca] }),
    ...(vaultcertname !== undefined && { servername: vaultcertname }),
  })
}

const GRID_CAS = '/etc/grid-security/certificates'

function trustedCas(
  environment: Environment,
  { cafile, capath }: VaultOptions,
): readonly string[] | undefined {
  try {
    return trustedCasFinder(environment)()?.ca
  } catch (error) {
    const { code, message, reasons } = error as IgwnAuthError
    const withFile =
      cafile === undefined ? message : message.replaceAll('REQUESTS_CA_BUNDLE', 'options.cafile')
    const named = capath === undefined ? withFile : withFile.replaceAll('X509_CERT_DIR', 'options.capath')
    throw new IgwnAuthError(code, named, { reasons })
  }
}

export function vaultServer(
  url: string,
  { send }: Connection,
  { timeout: usual = 10_000, signal }: Pick<VaultOptions, 'timeout' | 'signal'>,
): VaultServer {
  const secrets = new SentSecrets()

  return {
    url,
    async request({ path, method, query = {}, body, vaultToken, authorization, timeout = usual }) {
      const target = new URL(`${url}/v1/${path}`)
      for (const [name, value] of Object.entries(query))
        if (value !== undefined) target.searchParams.set(name, String(value))
      secrets.add(...secretsIn(body), vaultToken)
      secrets.addOf(new URLSearchParams(), authorization)
      const hasBody = body !== undefined || authorization !== undefined
      const response = await exchanged({
        url: target,
        method: method ?? (hasBody ? 'POST' : 'GET'),
        headers: {
          ...(vaultToken !== undefined && { 'x-vault-token': vaultToken }),
          ...(authorization !== undefined && { authorization }),
          ...(hasBody && { 'content-type': body ? 'application/json' : 'application/x-www-form-urlencoded' }),
        },
        body: body ? JSON.stringify(body) : hasBody ? '' : undefined,
        timeout,
      })
      return understood(response, target)
    },
  }

  async function exchanged({
    timeout,
    ...request
  }: Omit<Parameters<SendHttp>[0], 'signal'> & { readonly timeout: number }): Promise<HttpResponse> {
    const deadline = deadlineIn(timeout)
    try {
      return await send({ ...request, signal: signal ? AbortSignal.any([signal, deadline]) : deadline })
    } catch (error) {
      if (signal?.aborted) throw new CanceledError()
      throw networkError(error, request.url, secrets, deadline.aborted ? timeout : undefined, TIMEOUT_ADVICE)
    }
  }

  function understood({ status, headers, body }: HttpResponse, { origin, pathname }: URL): VaultResponse {
    const where = `${origin}${pathname}`
    if (status === 204) return { status, data: {}, auth: undefined }
    const json = objectIn(body)
    if (status !== 200) {
      const said = [textsIn(json?.errors), textsIn(json?.warnings)].flat().join(', ')
      const error = secrets.redact(said.replace(/\s+/g, ' ').trim())
      const to =
        status >= 300 && status < 400
          ? ` It redirects to ${secrets.redact(headers.location ?? 'nowhere')}, which is not followed because the request has secrets.`
          : ''
      throw new OAuthError(
        'ERR_IGWN_OAUTH_REFUSED',
        `${where} refused the request (status ${status})${error === '' ? '' : `: ${error}`}.${to}`,
        { status, ...(error !== '' && { errorDescription: error }) },
      )
    }
    if (!json)
      throw new OAuthError(
        'ERR_IGWN_OAUTH_RESPONSE',
        `The response of ${where} is not JSON. Check that it is a Vault server.`,
        { status },
      )
    return { status, data: recordOf(json.data), auth: authIn(json.auth) }
  }
}

/** What a server may repeat in an error. */
function secretsIn(body: object = {}): (string | undefined)[] {
  const { refresh_token, client_nonce, state, signature } = body as Record<string, string | undefined>
  return [refresh_token, client_nonce, state, signature]
}

const TIMEOUT_ADVICE = 'set a longer options.timeout'

function authIn(value: unknown): VaultAuth | undefined {
  const { client_token: token, policies, lease_duration: lease, metadata } = recordOf(value)
  // It is written into a file and sent as a header field.
  if (typeof token !== 'string' || !/^[\x21-\x7e]{1,4096}$/.test(token)) return undefined
  return {
    client_token: token,
    policies: textsIn(policies),
    lease_duration: typeof lease === 'number' ? lease : undefined,
    metadata: recordOf(metadata),
  }
}

function textsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []
}

function recordOf(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {}
}
