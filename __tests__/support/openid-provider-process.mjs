/**
 * A process with OpenID Providers on loopback: `oidc-provider` with TLS, clients of every kind, a user who always consents, and a
 * service that accepts its tokens. Loading it takes longer than most tests, so test files share the process. A message with options
 * starts a provider, which is closed by a message with its port. It exits with the process that started it.
 */
import { Buffer } from 'node:buffer'
import { createHash, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import https from 'node:https'
import { URL, URLSearchParams } from 'node:url'
import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose'
import Provider, { errors } from 'oidc-provider'

const closing = new Map()

process.on('message', async ({ id, options, port }) => {
  if (options) process.send({ id, ...(await start(options)) })
  else {
    await closing.get(port)()
    closing.delete(port)
    process.send({ id })
  }
})
process.on('disconnect', () => process.exit())

async function start({
  tls,
  keys,
  clients,
  serviceAccountKey,
  dpopNonce,
  accessTokenLife = 600,
  ...options
}) {
  const main = https.createServer({ cert: tls.cert, key: tls.key })
  // The server for clients with a certificate (RFC 8705 section 5); the main one does not request certificates.
  const forCertificates = https.createServer({ ...tls, requestCert: true, rejectUnauthorized: false })
  for (const server of [main, forCertificates]) await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = main.address()
  const { issuer = `https://localhost:${port}` } = options
  const mtls = `https://localhost:${forCertificates.address().port}`

  const SCOPE = 'openid offline_access read:/ read:/data gracedb.read gwdatafind.read dqsegdb.read'
  const SERVICES = /^https:\/\/(?:localhost|127\.0\.0\.1|[a-z]+\.example\.org)(?::\d+)?$/
  const pem = (ctx) => {
    const { raw } = ctx.socket.getPeerCertificate(true)
    return raw && new X509Certificate(raw).toString()
  }

  const provider = new Provider(issuer, {
    jwks: {
      keys: keys.map(({ pem, ...jwk }) => ({ ...createPrivateKey(pem).export({ format: 'jwk' }), ...jwk })),
    },
    clientAuthMethods: [
      'none',
      'client_secret_basic',
      'client_secret_post',
      'client_secret_jwt',
      'private_key_jwt',
      'tls_client_auth',
      'self_signed_tls_client_auth',
    ],
    enabledJWA: {
      clientAuthSigningAlgValues: [
        'HS256',
        'HS384',
        'HS512',
        'RS256',
        'PS256',
        'ES256',
        'ES384',
        'EdDSA',
        'Ed25519',
      ],
      idTokenSigningAlgValues: ['RS256', 'ES256', 'HS256'],
    },
    scopes: SCOPE.split(' '),
    claims: { openid: ['sub', 'email'] },
    clients,
    pkce: { required: () => false },
    ttl: {
      AccessToken: () => accessTokenLife,
      ClientCredentials: () => accessTokenLife,
      RefreshToken: 86_400,
      DeviceCode: 60,
      AuthorizationCode: 60,
      IdToken: 600,
      Grant: 86_400,
      Session: 86_400,
      Interaction: 600,
    },
    rotateRefreshToken: true,
    issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
    conformIdTokenClaims: false,
    findAccount: (ctx, sub) => ({
      accountId: sub,
      claims: () => ({ sub, email: `${sub}@example.org` }),
    }),
    cookies: { keys: ['of tests'] },
    discovery: {
      mtls_endpoint_aliases: {
        token_endpoint: `${mtls}/token`,
        introspection_endpoint: `${mtls}/token/introspection`,
      },
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      registration: { enabled: true, initialAccessToken: options.initialAccessToken },
      registrationManagement: { enabled: true, rotateRegistrationAccessToken: true },
      deviceFlow: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      dPoP: {
        enabled: true,
        nonceSecret: Buffer.alloc(32, 7),
        requireNonce: () => Boolean(dpopNonce),
      },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        selfSignedTlsClientAuth: true,
        tlsClientAuth: true,
        getCertificate: pem,
        certificateAuthorized: (ctx) => ctx.socket.authorized,
        certificateSubjectMatches: (ctx, property, expected) =>
          property === 'tls_client_auth_subject_dn' &&
          new X509Certificate(pem(ctx)).subject.split('\n').join(',') === expected,
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        useGrantedResource: () => true,
        getResourceServerInfo(ctx, resource) {
          if (!SERVICES.test(resource)) throw new errors.InvalidTarget()
          // Services on localhost introspect tokens and see revocations; others parse JWTs.
          const isJwt = options.jwtForAll || resource.includes('example.org')
          return {
            scope: SCOPE,
            audience: resource,
            accessTokenTTL: accessTokenLife,
            accessTokenFormat: isJwt ? 'jwt' : 'opaque',
            ...(isJwt && { jwt: { sign: { alg: 'ES256' } } }),
          }
        },
      },
    },
    extraTokenClaims: (ctx, token) => (token.kind === 'RefreshToken' ? undefined : { ver: 'scitoken:2.0' }),
    extraParams: ['answer'],
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    renderError(ctx, out) {
      ctx.type = 'json'
      ctx.body = out
    },
  })

  // oidc-provider sends no interval, and the default is five seconds.
  provider.use(async (ctx, next) => {
    await next()
    if (ctx.oidc?.route === 'device_authorization' && ctx.body?.device_code) ctx.body.interval = 0.05
  })

  /** Requests to the token endpoint with their grants and outcomes. */
  const seen = []
  provider.on('registration_create.success', () => seen.push({ grant: 'registration', ok: true }))
  provider.on('grant.success', (ctx) => seen.push({ grant: ctx.oidc.params.grant_type, ok: true }))
  provider.on('grant.error', (ctx, error) =>
    seen.push({
      grant: ctx.oidc.params?.grant_type,
      ok: false,
      error: error.error,
      detail: error.error_detail,
    }),
  )

  /** Grants that oidc-provider does not support. */
  const account = (sub) => ({ accountId: sub, gty: 'own' })
  async function issue(ctx, { sub, scope = '', withRefreshToken = false }) {
    const { client, params } = ctx.oidc
    const grant = new provider.Grant({ accountId: sub, clientId: client.clientId })
    grant.addOIDCScope(scope)
    grant.addResourceScope(params.resource ?? issuer, scope)
    const grantId = await grant.save()
    const token = new provider.AccessToken({ ...account(sub), client, grantId, scope })
    const access_token = await token.save()
    const refresh = withRefreshToken && new provider.RefreshToken({ ...account(sub), client, grantId, scope })
    return {
      access_token,
      expires_in: token.expiration,
      token_type: 'Bearer',
      scope,
      ...(refresh && { refresh_token: await refresh.save() }),
    }
  }

  provider.registerGrantType(
    'password',
    async (ctx) => {
      const { username, password, scope } = ctx.oidc.params
      if (password !== `password of ${username}`) throw new errors.InvalidGrant('wrong login')
      ctx.body = await issue(ctx, { sub: username, scope, withRefreshToken: true })
    },
    ['username', 'password', 'scope', 'resource'],
  )
  provider.registerGrantType(
    'urn:ietf:params:oauth:grant-type:jwt-bearer',
    async (ctx) => {
      const { assertion } = ctx.oidc.params
      const { payload } = await jwtVerify(assertion, createPublicKey(serviceAccountKey), {
        audience: `${issuer}/token`,
      }).catch((error) => {
        throw new errors.InvalidGrant(`the assertion is not good: ${error.message}`)
      })
      ctx.body = await issue(ctx, { sub: payload.sub, scope: payload.scope })
    },
    ['assertion', 'scope', 'resource'],
  )
  provider.registerGrantType(
    'urn:ietf:params:oauth:grant-type:token-exchange',
    async (ctx) => {
      const { subject_token: subject, requested_token_type: wanted, scope } = ctx.oidc.params
      const found = await tokenBehind(subject)
      if (!found?.isValid) throw new errors.InvalidGrant('the subject_token is not good')
      const token = await issue(ctx, { sub: found.accountId ?? found.clientId, scope: scope ?? found.scope })
      ctx.body = {
        ...token,
        issued_token_type: wanted ?? 'urn:ietf:params:oauth:token-type:access_token',
        ...(wanted?.endsWith(':jwt') && { token_type: 'N_A' }),
      }
    },
    [
      'subject_token',
      'subject_token_type',
      'actor_token',
      'actor_token_type',
      'requested_token_type',
      'audience',
      'scope',
      'resource',
    ],
  )

  const callback = provider.callback()
  for (const server of [main, forCertificates])
    server.on('request', (request, response) => void handle(request, response))

  async function handle(request, response) {
    const { pathname, searchParams } = new URL(request.url, issuer)
    try {
      if (pathname.startsWith('/interaction/')) return await interact(request, response)
      if (pathname === '/resource' || isService(request.headers.host))
        return await resource(request, response, searchParams)
      if (pathname === '/seen') return json(response, 200, seen)
      callback(request, response)
    } catch (error) {
      json(response, 500, { error: String(error.stack) })
    }
  }

  /** Every name except that of the provider is a service. */
  function isService(host) {
    return host.endsWith('.example.org') && host !== new URL(issuer).host
  }

  /** Logs in as albert and consents; `answer=no` in the request denies. */
  async function interact(request, response) {
    const { params, prompt, grantId } = await provider.interactionDetails(request, response)
    if (params.answer === 'no')
      return provider.interactionFinished(request, response, {
        error: 'access_denied',
        error_description: 'albert said no',
      })
    const grant =
      (grantId && (await provider.Grant.find(grantId))) ??
      new provider.Grant({ accountId: 'albert', clientId: params.client_id })
    const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = prompt.details
    if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '))
    if (missingOIDCClaims) grant.addOIDCClaims(missingOIDCClaims)
    for (const [service, scopes] of Object.entries(missingResourceScopes ?? {}))
      grant.addResourceScope(service, scopes.join(' '))
    const result =
      prompt.name === 'login'
        ? { login: { accountId: 'albert' } }
        : { consent: { grantId: await grant.save() } }
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true })
  }

  /** A service that accepts tokens of this provider in header, query or form (RFC 6750 section 2), and proofs (RFC 9449). */
  async function resource(request, response, query) {
    let text = ''
    for await (const chunk of request) text += chunk
    const [scheme = '', inHeader] = request.headers.authorization?.split(' ') ?? []
    const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')
    const token =
      inHeader ??
      query.get('access_token') ??
      (isForm ? new URLSearchParams(text).get('access_token') : undefined)
    const found = token && (await tokenBehind(token))
    if (!found?.isValid) {
      const error = token ? ', error="invalid_token"' : ''
      return json(
        response,
        401,
        { error: 'refused' },
        { 'www-authenticate': `${found?.jkt ? 'DPoP' : 'Bearer'} realm="resource"${error}` },
      )
    }
    if (found.jkt) {
      const problem = await problemOf(request, token, found.jkt, scheme)
      if (problem)
        return json(
          response,
          401,
          { error: problem },
          { 'www-authenticate': `DPoP error="${problem}"`, 'dpop-nonce': 'nonce of the service' },
        )
    }
    json(response, 200, {
      sub: found.accountId ?? found.clientId,
      scope: found.scope,
      aud: found.aud,
      body: text,
    })
  }

  /** The claims of a token: an opaque one of the provider, or a JWT. */
  async function tokenBehind(text) {
    if (!text.startsWith('ey'))
      return (await provider.AccessToken.find(text)) ?? (await provider.ClientCredentials.find(text))
    const key = createPublicKey(keys[0].pem)
    const jwt = await jwtVerify(text, key, { issuer }).catch(() => undefined)
    if (!jwt) return undefined
    const { sub, scope, aud, cnf } = jwt.payload
    return { isValid: true, accountId: sub, scope, aud, jkt: cnf?.jkt }
  }

  const proofs = new Set()
  /** The error code for an invalid proof (RFC 9449 section 4.3). */
  async function problemOf(request, token, jkt, scheme) {
    try {
      const { payload, protectedHeader } = await jwtVerify(request.headers.dpop, EmbeddedJWK, {
        typ: 'dpop+jwt',
      })
      const { pathname } = new URL(request.url, issuer)
      const ath = createHash('sha256').update(token).digest('base64url')
      const isRight =
        scheme === 'DPoP' &&
        payload.htm === request.method &&
        payload.htu === `https://${request.headers.host}${pathname}` &&
        payload.ath === ath &&
        !proofs.has(payload.jti) &&
        (await calculateJwkThumbprint(protectedHeader.jwk)) === jkt
      proofs.add(payload.jti)
      if (!isRight) return 'invalid_dpop_proof'
      return payload.nonce === 'nonce of the service' ? undefined : 'use_dpop_nonce'
    } catch {
      return 'invalid_dpop_proof'
    }
  }

  closing.set(port, async () => {
    for (const server of [main, forCertificates]) {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    }
  })
  return { issuer, mtls, port }
}

function json(response, status, body, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}
