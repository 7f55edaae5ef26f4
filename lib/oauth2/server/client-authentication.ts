import { randomUUID } from 'node:crypto'
import { IgwnAuthError } from '../../errors'
import { secondsNow } from '../../clock'
import type { ClientAuthenticationMethod, OAuthClient, OAuthRequest, ServerMetadata } from '../client'
import { secretKey, signingKey, signJwt, type SigningKey } from '../dpop/signing-key'

export interface ClientAuthentication {
  /** The name of the method, for messages. */
  nameFor(server: ServerMetadata): string
  /** Adds the authentication to a request. Assertions are made for each request: they can be used once. */
  authenticate(request: OAuthRequest, server: ServerMetadata): Promise<void>
}

/**
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when the client lacks an option that its method needs: now, or with the
 *   first request when the method depends on the server
 */
export function clientAuthentication(client: OAuthClient): ClientAuthentication {
  const { clientAuthentication: chosen, clientId = '' } = client
  const key = client.privateKey && signingKey(client.privateKey, client, 'client.privateKey')
  if (typeof chosen === 'string') required(chosen)

  /** Not those of openid-client, which encodes `-`, `_` and `.` in Basic; many servers do not decode these. */
  const METHODS: Record<
    ClientAuthenticationMethod,
    (request: OAuthRequest, server: ServerMetadata) => void | Promise<void>
  > = {
    client_secret_basic: (request) => basic(request, formEncoded),
    client_secret_basic_raw: (request) => basic(request, (text) => text),
    async client_secret_post({ body }) {
      body.set('client_id', clientId)
      body.set('client_secret', await secret())
    },
    client_secret_jwt: async (request, server) =>
      assertion(
        request,
        server,
        secretKey(await secret(), { alg: 'HS256', ...client }, 'client.clientSecret'),
      ),
    private_key_jwt: (request, server) => assertion(request, server, key as SigningKey),
    tls_client_auth: none,
    self_signed_tls_client_auth: none,
    none,
  }

  return {
    nameFor: (server) => (typeof chosen === 'function' ? 'a function of the caller' : methodFor(server)),
    async authenticate(request, server) {
      if (typeof chosen === 'function') return chosen(request)
      await METHODS[required(methodFor(server))](request, server)
    },
  }

  function methodFor({ token_endpoint_auth_methods_supported: supported }: ServerMetadata) {
    if (typeof chosen === 'string') return chosen
    if (key) return 'private_key_jwt'
    if (client.clientSecret === undefined) return 'none'
    // client_secret_basic is the default of a server that lists none (RFC 8414 section 2).
    const onlyPost = supported?.includes('client_secret_post') && !supported.includes('client_secret_basic')
    return onlyPost ? 'client_secret_post' : 'client_secret_basic'
  }

  function required(method: ClientAuthenticationMethod): ClientAuthenticationMethod {
    const missing =
      method.startsWith('client_secret') && client.clientSecret === undefined
        ? 'clientSecret'
        : method === 'private_key_jwt' && !key
          ? 'privateKey'
          : method !== 'none' && clientId === ''
            ? 'clientId'
            : undefined
    if (missing === undefined) return method
    throw new IgwnAuthError('ERR_IGWN_INVALID_OPTION', `client.${missing} is missing; ${method} needs it.`)
  }

  async function secret(): Promise<string> {
    const { clientSecret = '' } = client
    const text: unknown = typeof clientSecret === 'function' ? await clientSecret() : clientSecret
    if (typeof text === 'string' && text !== '') return text
    throw new IgwnAuthError('ERR_IGWN_INVALID_OPTION', 'client.clientSecret must return a non-empty string.')
  }

  async function basic({ headers }: OAuthRequest, encode: (text: string) => string): Promise<void> {
    const credentials = `${encode(clientId)}:${encode(await secret())}`
    headers.authorization = `Basic ${Buffer.from(credentials).toString('base64')}`
  }

  /** RFC 7523 section 2.2. */
  async function assertion({ body, url }: OAuthRequest, { issuer }: ServerMetadata, by: SigningKey) {
    const now = Math.floor(secondsNow())
    const claims = {
      iss: clientId,
      sub: clientId,
      aud: client.assertionAudience ?? issuer ?? url.href,
      jti: randomUUID(),
      iat: now,
      exp: now + ASSERTION_LIFE,
      ...client.assertionClaims,
    }
    body.set('client_id', clientId)
    body.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
    body.set('client_assertion', await signJwt(claims, by, client.assertionHeader))
  }

  function none({ body }: OAuthRequest): void {
    if (clientId !== '') body.set('client_id', clientId)
  }
}

/** Seconds. */
const ASSERTION_LIFE = 60

/** `application/x-www-form-urlencoded`, required inside of Basic by RFC 6749 section 2.3.1. */
function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}
