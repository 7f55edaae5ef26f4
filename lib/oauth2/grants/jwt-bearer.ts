import { randomUUID } from 'node:crypto'
import { seconds } from '../../check-values'
import { IgwnAuthError } from '../../errors'
import { secondsNow } from '../../clock'
import { authorizationServer } from '../server/authorization-server'
import { anObject, aText, textOrFunction } from '../checks'
import type { OAuthClient } from '../client'
import { checkFlow, renewing, type FlowOptions, type OAuthTokenSource } from './renewing-grant'
import { secretKey, signingKey, signJwt, type PrivateKey, type SigningKey } from '../dpop/signing-key'
import { parametersFor, requestToken } from '../server/token-request'

export interface JwtBearerOptions extends FlowOptions {
  /** `iss` of the assertion: the service account. */
  readonly issuer: string
  /** `sub`: for whom it acts. Default is the issuer. */
  readonly subject?: string | undefined
  /** `aud`. Default is the token endpoint (RFC 7523 section 3). */
  readonly assertionAudience?: string | undefined
  /** The key that signs it; or a secret, with an `alg` of HMAC. */
  readonly key: PrivateKey
  /** The algorithm that signs (RFC 7518 section 3.1). Default goes by a private key; a secret needs it. */
  readonly alg?: string | undefined
  /** The name of the key at the server, in the header. Default is the one in a JWK, else none. */
  readonly kid?: string | undefined
  /** Of an encrypted key. Default is none. */
  readonly passphrase?: string | (() => string) | undefined
  /** More members of the header. Default is none. */
  readonly header?: Readonly<Record<string, unknown>> | undefined
  /** More claims, over those that are made; `scope` is one where there are scopes (as Authlib and Google have it). Default is none. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined
  /** Seconds from `iat` to `exp`. Default is 3600, as in Authlib. */
  readonly lifetime?: number | undefined
}

/**
 * Tokens by an assertion that the program signs itself (RFC 7523 section 2.1): a service account. The assertion says who
 * asks, so the client needs no secret, and no `clientId` where the server does without.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when client, key or options cannot be used
 */
export function jwtBearer(client: OAuthClient, options: JwtBearerOptions): OAuthTokenSource {
  const checked = checkFlow(options, {
    issuer: aText,
    subject: aText,
    assertionAudience: aText,
    key: (value) => (typeof value === 'object' && value !== null ? undefined : aText(value)),
    alg: aText,
    kid: aText,
    passphrase: textOrFunction,
    header: anObject,
    claims: anObject,
    lifetime: seconds,
  })
  const { issuer, subject = issuer, params, signal, lifetime = LIFETIME, header, claims } = checked
  const key = keyOf(checked)
  const server = authorizationServer(client)

  return renewing(
    server,
    {
      name: 'jwtBearer',
      identity: [issuer, subject],
      async obtain(want) {
        const { token_endpoint: endpoint } = await server.metadata(signal)
        const now = Math.floor(secondsNow())
        const scope = want.scope.length > 0 ? { scope: want.scope.join(' ') } : {}
        const made = {
          iss: issuer,
          sub: subject,
          aud: checked.assertionAudience ?? endpoint,
          iat: now,
          exp: now + lifetime,
          jti: randomUUID(),
          ...scope,
          ...claims,
        }
        const assertion = await signJwt(made, key, header)
        const parameters = parametersFor(want, server.client, { ...params, assertion })
        return requestToken(server, { audience: want.audience[0], signal }, ({ oc, config }) =>
          oc.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:jwt-bearer', parameters),
        )
      },
    },
    options,
  )
}

/** Seconds. */
const LIFETIME = 3600

function keyOf({ key, ...options }: JwtBearerOptions): SigningKey {
  if (typeof key !== 'string' || key.includes('-----BEGIN')) return signingKey(key, options, 'options.key')
  if (options.alg !== undefined) return secretKey(key, options, 'options.key')
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_OPTION',
    'options.key is no PEM: as a secret it needs alg (HS256, HS384 or HS512), and a private key must be PEM or a JWK.',
  )
}
