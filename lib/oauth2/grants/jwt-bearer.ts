import { randomUUID } from 'node:crypto'
import { anObject, nonEmptyText, seconds, textOrFunction } from '../../check-values'
import { IgwnAuthError } from '../../errors'
import { secondsNow } from '../../clock'
import { authorizationServer } from '../server/authorization-server'
import type { OAuthClient } from '../client'
import { checkFlow, renewing, type FlowOptions, type OAuthTokenSource } from './renewing-grant'
import { secretKey, signingKey, signJwt, type PrivateKey, type SigningKey } from '../dpop/signing-key'
import { parametersFor, requestToken } from '../server/token-request'

export interface JwtBearerOptions extends FlowOptions {
  /** `iss` of the assertion: the service account. */
  readonly issuer: string
  /** `sub`: the user or account that it acts for. Default: the issuer. */
  readonly subject?: string | undefined
  /** `aud`. Default: the token endpoint (RFC 7523 section 3). */
  readonly assertionAudience?: string | undefined
  /** The private key that signs the assertion, or a secret together with an HMAC `alg`. */
  readonly key: PrivateKey
  /** Signature algorithm (RFC 7518 section 3.1). Default: depends on the private key; required for a secret. */
  readonly alg?: string | undefined
  /** `kid` in the JWT header, the id of the key at the server. Default: the one in a JWK, else none. */
  readonly kid?: string | undefined
  /** Passphrase of an encrypted key. Default: none. */
  readonly passphrase?: string | (() => string) | undefined
  /** More members of the JWT header. Default: none. */
  readonly header?: Readonly<Record<string, unknown>> | undefined
  /** More claims; they override the generated ones, which include `scope` when scopes are requested (as in Authlib and at Google). Default: none. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined
  /** Lifetime of the assertion in seconds. Default: 3600, as in Authlib. */
  readonly lifetime?: number | undefined
}

/**
 * Tokens for a service account, with an assertion that the program signs itself (RFC 7523 section 2.1). The client needs no secret,
 * and no `clientId` unless the server requires one.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid client, key or option
 */
export function jwtBearer(client: OAuthClient, options: JwtBearerOptions): OAuthTokenSource {
  const checked = checkFlow(options, {
    issuer: nonEmptyText,
    subject: nonEmptyText,
    assertionAudience: nonEmptyText,
    key: (value) => (typeof value === 'object' && value !== null ? undefined : nonEmptyText(value)),
    alg: nonEmptyText,
    kid: nonEmptyText,
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
      async obtain(requested) {
        const { token_endpoint: endpoint } = await server.metadata(signal)
        const now = Math.floor(secondsNow())
        const scope = requested.scope.length > 0 ? { scope: requested.scope.join(' ') } : {}
        const generated = {
          iss: issuer,
          sub: subject,
          aud: checked.assertionAudience ?? endpoint,
          iat: now,
          exp: now + lifetime,
          jti: randomUUID(),
          ...scope,
          ...claims,
        }
        const assertion = await signJwt(generated, key, header)
        const parameters = parametersFor(requested, server.client, { ...params, assertion })
        return requestToken(server, { audience: requested.audience[0], signal }, ({ oc, config }) =>
          oc.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:jwt-bearer', parameters),
        )
      },
    },
    checked,
  )
}

/** Seconds. */
const LIFETIME = 3600

function keyOf({ key, alg, kid, passphrase }: JwtBearerOptions): SigningKey {
  const options = { alg, kid, passphrase }
  if (typeof key !== 'string' || key.includes('-----BEGIN')) return signingKey(key, options, 'options.key')
  if (alg !== undefined) return secretKey(key, options, 'options.key')
  throw new IgwnAuthError(
    'ERR_IGWN_INVALID_OPTION',
    'options.key is not PEM. For a secret, set alg to HS256, HS384 or HS512; pass a private key as PEM or a JWK.',
  )
}
