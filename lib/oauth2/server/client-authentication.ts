import { randomUUID } from 'node:crypto'
import { IgwnAuthError } from '../../errors'
import { secondsNow } from '../../clock'
import type { ClientAuthenticationMethod, OAuthClient, OAuthRequest, ServerMetadata } from '../client'
import { secretKey, signingKey, signJwt, type SigningKey } from '../dpop/signing-key'

export interface ClientAuthentication {
  /** For messages: the name of a method, or that it is a function of the caller's. */
  nameFor(server: ServerMetadata): string
  /** Puts on a request who the client is; each time anew, for assertions are good once. */
  authenticate(request: OAuthRequest, server: ServerMetadata): Promise<void>
}

/**
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when the client lacks what its method needs, at once or, where the method
 *   depends on the server, with the first request
 */
export function clientAuthentication(client: OAuthClient): ClientAuthentication {
  const { clientAuthentication: chosen, clientId = '' } = client
  const key = client.privateKey && signingKey(client.privateKey, client, 'client.privateKey')
  if (typeof chosen === 'string') demand(chosen)

  /** The methods, by name. (Those of openid-client encode `-`, `_` and `.` for Basic too, which many servers do not undo.) */
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
    nameFor: (server) => (typeof chosen === 'function' ? 'a function of your own' : methodFor(server)),
    async authenticate(request, server) {
      if (typeof chosen === 'function') return chosen(request)
      await METHODS[demand(methodFor(server))](request, server)
    },
  }

  function methodFor({ token_endpoint_auth_methods_supported: supported }: ServerMetadata) {
    if (typeof chosen === 'string') return chosen
    if (key) return 'private_key_jwt'
    if (client.clientSecret === undefined) return 'none'
    // RFC 8414 section 2: a server that does not say takes client_secret_basic.
    const onlyPost = supported?.includes('client_secret_post') && !supported.includes('client_secret_basic')
    return onlyPost ? 'client_secret_post' : 'client_secret_basic'
  }

  function demand(method: ClientAuthenticationMethod): ClientAuthenticationMethod {
    const missing =
      method.startsWith('client_secret') && client.clientSecret === undefined
        ? 'clientSecret'
        : method === 'private_key_jwt' && !key
          ? 'privateKey'
          : method !== 'none' && clientId === ''
            ? 'clientId'
            : undefined
    if (missing === undefined) return method
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      `client must have a ${missing} to authenticate by ${method}.`,
    )
  }

  /** The secret, which may be a function that fetches it. */
  async function secret(): Promise<string> {
    const { clientSecret = '' } = client
    const text: unknown = typeof clientSecret === 'function' ? await clientSecret() : clientSecret
    if (typeof text === 'string' && text !== '') return text
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      'client.clientSecret gave no secret: it must give a string.',
    )
  }

  async function basic({ headers }: OAuthRequest, encode: (text: string) => string): Promise<void> {
    const login = `${encode(clientId)}:${encode(await secret())}`
    headers.authorization = `Basic ${Buffer.from(login).toString('base64')}`
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

/** Seconds; the request leaves at once. */
const ASSERTION_LIFE = 60

/** `application/x-www-form-urlencoded`, as RFC 6749 section 2.3.1 wants it inside of Basic. */
function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}
