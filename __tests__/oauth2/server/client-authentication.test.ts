import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import fs from 'node:fs'
import https from 'node:https'
import path from 'node:path'
import axios from 'axios'
import jsonwebtoken from 'jsonwebtoken'
import { clientCredentials, type OAuthClient } from '../../../lib/oauth2'
import { LONG_SECRET, startOpenIdProvider, type OpenIdProvider } from '../../support/openid-provider'
import { serve } from '../../support/server'
import { thrownBy } from '../../support/thrown-by'
import { ours } from '../../support/tokens'

let provider: OpenIdProvider
beforeAll(async () => {
  provider = await startOpenIdProvider()
}, 30_000)
afterAll(async () => {
  await provider.close()
})

const tokenBy = (client: Partial<OAuthClient>) =>
  clientCredentials({ issuer: provider.issuer, axios: provider.http, ...client }).getTokenResponse()

describe('a secret', () => {
  it.each<[string, Partial<OAuthClient>]>([
    ['client_secret_basic, by default', { clientId: 'basic', clientSecret: 'secret of basic' }],
    [
      'client_secret_basic, with characters that need encoding',
      { clientId: 'odd:id', clientSecret: 'p%ss w+rd/&=', clientAuthentication: 'client_secret_basic' },
    ],
    [
      'client_secret_basic_raw, with characters that need no encoding',
      {
        clientId: 'plain',
        clientSecret: 'plain-secret_of.plain',
        clientAuthentication: 'client_secret_basic_raw',
      },
    ],
    [
      'client_secret_post',
      { clientId: 'post', clientSecret: 'secret of post', clientAuthentication: 'client_secret_post' },
    ],
    [
      'client_secret_jwt',
      { clientId: 'sjwt', clientSecret: LONG_SECRET, clientAuthentication: 'client_secret_jwt' },
    ],
    [
      'client_secret_jwt with HS512',
      {
        clientId: 'sjwt512',
        clientSecret: LONG_SECRET,
        clientAuthentication: 'client_secret_jwt',
        alg: 'HS512',
      },
    ],
    [
      'a secret from a function',
      { clientId: 'basic', clientSecret: () => Promise.resolve('secret of basic') },
    ],
  ])('authenticates with %s', async (_name, client) => {
    await expect(tokenBy(client)).resolves.toMatchObject({ token_type: 'Bearer' })
  })

  it('is encoded only if necessary, for servers that do not decode it', async () => {
    const server = await serve(() => ({ body: '{"access_token":"abc","token_type":"bearer"}' }))
    const client = { metadata: { token_endpoint: `${server.origin}/token` }, clientId: 'my-id' }
    const sent = async (more: Partial<OAuthClient>) => {
      await clientCredentials({ ...client, ...more }).getTokenResponse()
      return Buffer.from(String(server.authorizations.at(-1)).slice(6), 'base64').toString()
    }
    expect(await sent({ clientSecret: 'a-b_c.d*e' })).toBe('my-id:a-b_c.d*e')
    expect(await sent({ clientSecret: 'ä b:c' })).toBe('my-id:%C3%A4+b%3Ac')
    expect(await sent({ clientSecret: 'ä b:c', clientAuthentication: 'client_secret_basic_raw' })).toBe(
      'my-id:ä b:c',
    )
  })

  it('is sent in the body by default when the server supports only that', async () => {
    const server = await serve(() => ({ body: '{"access_token":"abc","token_type":"bearer"}' }))
    await clientCredentials({
      metadata: {
        token_endpoint: `${server.origin}/token`,
        token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt'],
      },
      clientId: 'me',
      clientSecret: 'shh!',
    }).getTokenResponse()
    expect(server.seen[0]).toMatchObject({
      body: expect.stringContaining('client_id=me&client_secret=shh%21') as string,
      headers: expect.not.objectContaining({ authorization: expect.anything() as string }) as object,
    })
  })
})

describe('a private key', () => {
  const rsa = () => createPrivateKey(provider.keys.rsa)
  const ec = () => createPrivateKey(provider.keys.ec)
  const passphrase = 'open sesame'
  const encrypted = { format: 'pem', cipher: 'aes-256-cbc', passphrase } as const

  it.each<[string, () => Partial<OAuthClient>]>([
    ['PKCS#8', () => ({ clientId: 'rsa', privateKey: provider.keys.rsa })],
    ['PKCS#8 as bytes', () => ({ clientId: 'rsa', privateKey: Buffer.from(provider.keys.rsa) })],
    ['PKCS#1', () => ({ clientId: 'rsa', privateKey: rsa().export({ type: 'pkcs1', format: 'pem' }) })],
    [
      'encrypted PKCS#8',
      () => ({ clientId: 'rsa', privateKey: rsa().export({ type: 'pkcs8', ...encrypted }), passphrase }),
    ],
    [
      'encrypted PKCS#1, its passphrase from a function',
      () => ({
        clientId: 'rsa',
        privateKey: rsa().export({ type: 'pkcs1', ...encrypted }),
        passphrase: () => passphrase,
      }),
    ],
    ['SEC 1', () => ({ clientId: 'ec', privateKey: ec().export({ type: 'sec1', format: 'pem' }) })],
    ['a JWK', () => ({ clientId: 'ec', privateKey: { ...ec().export({ format: 'jwk' }), kid: 'ES256' } })],
    ['a KeyObject, with a kid', () => ({ clientId: 'ec', privateKey: ec(), kid: 'ES256' })],
    ['Ed25519', () => ({ clientId: 'ed', privateKey: provider.keys.ed })],
  ])('authenticates with private_key_jwt, given as %s', async (_name, client) => {
    await expect(tokenBy(client())).resolves.toMatchObject({ token_type: 'Bearer' })
  })

  it.each([
    ['the issuer, by default', undefined, () => provider.issuer],
    ['the token endpoint, when set', 'token', () => `${provider.issuer}/token`],
  ])('makes assertions for %s', async (_name, audience, expected) => {
    let assertion = ''
    await tokenBy({
      clientId: 'ec',
      privateKey: provider.keys.ec,
      ...(audience && { assertionAudience: expected() }),
      onRequest: ({ body }) => void (assertion = body.get('client_assertion') ?? ''),
    })
    const key = createPublicKey(provider.keys.ec)
    expect(jsonwebtoken.verify(assertion, key, { complete: true })).toMatchObject({
      header: { alg: 'ES256', typ: 'JWT' },
      payload: { iss: 'ec', sub: 'ec', aud: expected(), jti: expect.any(String) as string },
    })
  })

  it('makes assertions for the token endpoint when the issuer is unknown', async () => {
    let assertion = ''
    await tokenBy({
      issuer: undefined,
      metadata: { token_endpoint: `${provider.issuer}/token` },
      clientId: 'ec',
      privateKey: provider.keys.ec,
      onRequest: ({ body }) => void (assertion = body.get('client_assertion') ?? ''),
    })
    expect(jsonwebtoken.decode(assertion)).toMatchObject({ aud: `${provider.issuer}/token` })
  })

  it('makes assertions with more claims and header members (Authlib: test_client_secret_jwt2)', async () => {
    let assertion = ''
    await tokenBy({
      clientId: 'sjwt',
      clientSecret: LONG_SECRET,
      clientAuthentication: 'client_secret_jwt',
      assertionClaims: { claimed: true },
      assertionHeader: { extra: 1 },
      onRequest: ({ body }) => void (assertion = body.get('client_assertion') ?? ''),
    })
    expect(jsonwebtoken.verify(assertion, LONG_SECRET, { complete: true })).toMatchObject({
      header: { alg: 'HS256', extra: 1 },
      payload: { iss: 'sjwt', claimed: true },
    })
  })

  it('makes a new assertion for each request', async () => {
    const seen = new Set<unknown>()
    const source = clientCredentials({
      issuer: provider.issuer,
      axios: provider.http,
      clientId: 'ec',
      privateKey: provider.keys.ec,
      onRequest: ({ body }) =>
        void seen.add((jsonwebtoken.decode(body.get('client_assertion') ?? '') as { jti: string }).jti),
    })
    await source.getTokenResponse({ scope: 'gracedb.read' })
    await source.getTokenResponse({ scope: 'dqsegdb.read' })
    expect(seen.size).toBe(2)
  })

  it.each<[string, () => Partial<OAuthClient>, string]>([
    [
      'not a key',
      () => ({ privateKey: 'not a key' }),
      'client.privateKey cannot be parsed (ERR_OSSL_UNSUPPORTED). Pass a private key as PEM or as a JWK.',
    ],
    [
      'an encrypted key without its passphrase',
      () => ({ privateKey: rsa().export({ type: 'pkcs8', ...encrypted }) }),
      'client.privateKey is encrypted, and passphrase is not set. Set passphrase.',
    ],
    [
      'an encrypted key with a wrong passphrase',
      () => ({ privateKey: rsa().export({ type: 'pkcs1', ...encrypted }), passphrase: 'sesame' }),
      expect.stringMatching(
        /^client\.privateKey is encrypted, and the passphrase is wrong \(ERR_\w+\)\. Set passphrase\.$/,
      ) as string,
    ],
    [
      'an algorithm for another type of key',
      () => ({ privateKey: provider.keys.ec, alg: 'RS256' }),
      'client.privateKey is a key of type ec, which cannot sign with RS256. Leave alg out, or set one that fits: RS256, PS256, ES256 (P-256), ES384 (P-384), ES512 (P-521), EdDSA (Ed25519).',
    ],
    [
      'a curve without an algorithm',
      () => ({ privateKey: generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey }),
      'client.privateKey is a key of type ec, which cannot sign with any supported algorithm. Leave alg out, or set one that fits: RS256, PS256, ES256 (P-256), ES384 (P-384), ES512 (P-521), EdDSA (Ed25519).',
    ],
    [
      'a public key',
      () => ({ privateKey: createPublicKey(provider.keys.ec) }),
      'client.privateKey must be a private key, not a public key.',
    ],
  ])('is an error when it is %s', (_name, more, message) => {
    const make = () => clientCredentials({ issuer: provider.issuer, clientId: 'rsa', ...more() })
    expect(thrownBy(make)).toEqual(ours('ERR_IGWN_INVALID_OPTION', message))
  })
})

describe('a certificate (RFC 8705)', () => {
  const bound = async (client: Partial<OAuthClient>) => {
    const { access_token: token } = await tokenBy(client)
    const { data } = await provider.http.post<{ cnf?: object }>(
      `${provider.issuer}/token/introspection`,
      new URLSearchParams({ token }),
      { auth: { username: 'basic', password: 'secret%20of%20basic' } },
    )
    return data
  }
  const agentWith = ({ certificate, key }: { certificate: string; key: string }) =>
    axios.create({ httpsAgent: new https.Agent({ ca: provider.ca, cert: certificate, key }) })

  it('authenticates with tls_client_auth and the agent of the instance, at the mTLS endpoint', async () => {
    const urls: string[] = []
    const client = {
      clientId: 'mtls',
      clientAuthentication: 'tls_client_auth',
      axios: agentWith(provider.certificates.mtls),
      onRequest: ({ url }: { url: URL }) => void urls.push(url.href),
    } as const
    expect(await bound(client)).toMatchObject({ cnf: { 'x5t#S256': expect.any(String) as string } })
    expect(urls).toEqual([`${provider.mtls}/token`])
  })

  it('authenticates with self_signed_tls_client_auth', async () => {
    const client = {
      clientId: 'selfsigned',
      clientAuthentication: 'self_signed_tls_client_auth',
      axios: agentWith(provider.certificates.selfsigned),
    } as const
    expect(await bound(client)).toMatchObject({ cnf: { 'x5t#S256': expect.any(String) as string } })
  })

  it('is read from files or found as for any request', async () => {
    const folder = String(process.env.HOME)
    const put = (name: string, text: string) => {
      fs.writeFileSync(path.join(folder, name), text, { mode: 0o600 })
      return path.join(folder, name)
    }
    process.env.SSL_CERT_FILE = put('ca.pem', provider.ca)
    try {
      const { mtls } = provider.certificates
      const cert = [
        put('cert.pem', mtls.certificate),
        put('key.pem', mtls.encryptedKey('open sesame')),
      ] as const
      const client = {
        clientId: 'mtls',
        clientAuthentication: 'tls_client_auth',
        axios: undefined,
        cert,
        passphrase: 'open sesame',
      } as const
      expect(await bound(client)).toMatchObject({ cnf: { 'x5t#S256': expect.any(String) as string } })

      process.env.X509_USER_CERT = cert[0]
      process.env.X509_USER_KEY = put('plain.pem', mtls.key)
      const found = { clientId: 'mtls', clientAuthentication: 'tls_client_auth', axios: undefined } as const
      expect(await bound(found)).toMatchObject({ cnf: { 'x5t#S256': expect.any(String) as string } })
    } finally {
      for (const name of ['SSL_CERT_FILE', 'X509_USER_CERT', 'X509_USER_KEY']) delete process.env[name]
    }
  })

  it('that is missing is an error before anything is sent', async () => {
    const client = { clientId: 'mtls', clientAuthentication: 'tls_client_auth', axios: undefined } as const
    await expect(tokenBy(client)).rejects.toMatchObject({ code: 'ERR_IGWN_CERT_NOT_FOUND' })
  })
})

it('authenticates with a function for any other method', async () => {
  const server = await serve(() => ({ body: '{"access_token":"abc","token_type":"bearer"}' }))
  const client: OAuthClient = {
    metadata: { token_endpoint: `${server.origin}/token?tenant=igwn` },
    clientId: 'me',
    clientSecret: 'shh!',
    // Authlib's example, `client_secret_uri`.
    clientAuthentication({ url, endpoint, headers }) {
      url.searchParams.set('client_id', 'me')
      url.searchParams.set('client_secret', 'shh!')
      headers['x-endpoint'] = endpoint
    },
  }
  await clientCredentials(client).getTokenResponse()
  expect(server.seen).toMatchObject([
    {
      url: '/token?tenant=igwn&client_id=me&client_secret=shh%21',
      body: 'grant_type=client_credentials',
      headers: { 'x-endpoint': 'token' },
    },
  ])
})

describe('an invalid client is an error', () => {
  it.each<[string, unknown, string]>([
    [
      'neither issuer nor metadata',
      { clientId: 'me' },
      'client needs an issuer, or metadata with a token_endpoint.',
    ],
    [
      'an issuer that is not a URL',
      { issuer: 'cilogon.org' },
      'client.issuer must be an issuer URL, such as https://issuer.example.org, not this string.',
    ],
    [
      'a password in the issuer',
      { issuer: 'https://me:shh@i.test' },
      'client.issuer must not contain a password.',
    ],
    [
      'an unknown option',
      { issuer: 'https://i.test', secret: 'x' },
      expect.stringContaining(
        'client has no option "secret"; there are issuer, metadata, clientId,',
      ) as string,
    ],
    [
      'an unknown method',
      { issuer: 'https://i.test', clientAuthentication: 'basic' },
      'client.clientAuthentication must be one of client_secret_basic, client_secret_basic_raw, client_secret_post, client_secret_jwt, private_key_jwt, tls_client_auth, self_signed_tls_client_auth, none, not this string.',
    ],
    [
      'a method without a secret',
      { issuer: 'https://i.test', clientId: 'me', clientAuthentication: 'client_secret_post' },
      'client.clientSecret is missing; client_secret_post needs it.',
    ],
    [
      'a method without a key',
      { issuer: 'https://i.test', clientId: 'me', clientAuthentication: 'private_key_jwt' },
      'client.privateKey is missing; private_key_jwt needs it.',
    ],
    [
      'a method without a clientId',
      { issuer: 'https://i.test', clientSecret: 'x', clientAuthentication: 'client_secret_post' },
      'client.clientId is missing; client_secret_post needs it.',
    ],
    [
      'an object instead of an axios instance',
      { issuer: 'https://i.test', axios: {} },
      'client.axios must be an axios instance, not an object.',
    ],
    [
      'metadata without an endpoint',
      { metadata: {} },
      'client.metadata needs a token_endpoint that is a URL, such as https://issuer.example.org/token.',
    ],
  ])('with %s', (_name, client, message) => {
    expect(thrownBy(() => clientCredentials(client as OAuthClient))).toEqual(
      ours('ERR_IGWN_INVALID_OPTION', message),
    )
  })

  it('with an algorithm for keys and a secret, when it signs', async () => {
    const client = {
      clientId: 'sjwt',
      clientSecret: LONG_SECRET,
      clientAuthentication: 'client_secret_jwt',
      alg: 'RS256',
    } as const
    await expect(tokenBy(client)).rejects.toEqual(
      ours(
        'ERR_IGWN_INVALID_OPTION',
        'client.clientSecret is a secret, not a private key. Set alg to HS256, HS384 or HS512.',
      ),
    )
  })
})
