/** Tokens that are bound to a key (RFC 9449), against a provider that requires nonces and one that does not. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import axios from 'axios'
import jsonwebtoken from 'jsonwebtoken'
import {
  clientCredentials,
  dpop,
  dpopKey,
  webLogin,
  type DPoPKey,
  type OAuthClient,
} from '../../../lib/oauth2'
import { applyIgwnAuth } from '../../support/all'
import { browse } from '../../support/browser'
import { expectNoSecret } from '../../support/expect-no-secret'
import { startOpenIdProvider, WEB_REDIRECT, type OpenIdProvider } from '../../support/openid-provider'
import { serve } from '../../support/server'
import { thrownBy } from '../../support/thrown-by'
import { ours } from '../../support/tokens'

const decoded = (proof: string) =>
  jsonwebtoken.decode(proof, { complete: true }) as unknown as Record<
    'header' | 'payload',
    Record<string, unknown>
  >

describe.each([
  ['requires no nonce', false],
  ['requires a nonce', true],
])('a provider that %s', (_name, dpopNonce) => {
  let provider: OpenIdProvider
  beforeAll(async () => {
    provider = await startOpenIdProvider({ dpopNonce })
  }, 30_000)
  afterAll(() => provider.close())

  const client = (key: DPoPKey, more: Partial<OAuthClient> = {}): OAuthClient => ({
    issuer: provider.issuer,
    axios: provider.http,
    clientId: 'dpop',
    clientSecret: 'secret of dpop',
    dpop: key,
    ...more,
  })

  it('issues a token that is bound to the key, and a service accepts it with a proof', async () => {
    const key = dpopKey()
    const source = clientCredentials(client(key))
    const token = await source.getTokenResponse({ audience: [provider.issuer] })
    expect(token.token_type).toBe('DPoP')
    const claims = await webLogin(client(key)).introspect(token)
    expect(claims).toMatchObject({ active: true, cnf: { jkt: key.thumbprint } })

    const instance = applyIgwnAuth(
      axios.create({ ...provider.http.defaults, baseURL: provider.issuer } as object),
      {
        scheme: dpop(source, key),
      },
    )
    // The service requires a nonce, which is remembered.
    for (const path of ['/resource', '/resource?x=1#y'])
      expect((await instance.get<object>(path)).data).toMatchObject({ sub: 'dpop' })
    expect((await instance.post<object>('/resource', { x: 1 })).data).toMatchObject({
      sub: 'dpop',
      body: '{"x":1}',
    })
  })

  it('retries with another token after a refusal', async () => {
    const key = dpopKey()
    const source = clientCredentials(client(key))
    const first = await source.getTokenResponse({ audience: [provider.issuer] })
    await webLogin(client(key)).revoke(first)
    const service = await serve(({ headers }) =>
      headers.authorization === `DPoP ${first.access_token}`
        ? { status: 401, headers: { 'WWW-Authenticate': 'Bearer, DPoP error="invalid_token"' } }
        : { body: JSON.stringify({ by: headers.authorization, proof: headers.dpop }) },
    )
    const instance = applyIgwnAuth(axios.create({ baseURL: service.origin }), {
      scheme: dpop(source, key),
      tokenAudience: provider.issuer,
    })
    const { data } = await instance.get<{ by: string; proof: string }>('/')
    expect(data.by).toMatch(/^DPoP [\w-]{20,}$/)
    expect(data.by).not.toBe(`DPoP ${first.access_token}`)
    expect(service.seen).toHaveLength(2)
  })

  it('returns user info for a bound token', async () => {
    const key = dpopKey()
    const steps = webLogin(client(key, { clientId: 'web', clientSecret: 'secret of web' }))
    const { url, login } = await steps.authorizationUrl({ redirectUri: WEB_REDIRECT, scope: 'openid' })
    const token = await steps.handleCallback((await browse(provider.http, url, WEB_REDIRECT)).url, login)
    expect(token.token_type).toBe('DPoP')
    expect(await steps.userInfo(token)).toMatchObject({ sub: 'albert' })
    const renewed = await steps.refresh(token)
    expect(renewed.token_type).toBe('DPoP')
  })

  it('authenticates again when a nonce is required', async () => {
    const source = clientCredentials(
      client(dpopKey(), { clientId: 'ec', clientSecret: undefined, privateKey: provider.keys.ec }),
    )
    expect(await source.getTokenResponse()).toMatchObject({ token_type: 'DPoP' })
  })
})

describe('dpopKey', () => {
  it.each<[string, string, () => ReturnType<typeof generateKeyPairSync>]>([
    ['P-256', 'ES256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['P-384', 'ES384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['RSA', 'RS256', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ])('makes proofs with the key of the caller: %s', async (_name, alg, pair) => {
    const { privateKey } = pair()
    const key = dpopKey({ privateKey })
    const url = new URL('https://service.test/a/b?x=1#y')
    const proof = await key.proof({ method: 'PUT', url, accessToken: 'abc' })
    const { header, payload } = decoded(proof)
    expect(header).toEqual({
      typ: 'dpop+jwt',
      alg,
      jwk: createPublicKey(privateKey).export({ format: 'jwk' }),
    })
    expect(payload).toEqual({
      jti: expect.stringMatching(/^[\w-]{36}$/) as string,
      htm: 'PUT',
      htu: 'https://service.test/a/b',
      iat: expect.any(Number) as number,
      // Of `abc`, RFC 9449 section 4.2.
      ath: 'ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0',
    })
    expect(() => jsonwebtoken.verify(proof, createPublicKey(privateKey))).not.toThrow()
  })

  it('has the thumbprint of RFC 7638', () => {
    // RFC 8037 appendix A publishes this private key.
    const privateKey = {
      kty: 'OKP',
      crv: 'Ed25519',
      d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
      x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
    }
    expect(dpopKey({ privateKey }).thumbprint).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
  })

  it('includes the nonce of a server only in proofs for that server', async () => {
    const key = dpopKey()
    key.remember('https://a.test', 'n1')
    const nonceFor = async (url: string) =>
      decoded(await key.proof({ method: 'GET', url: new URL(url) })).payload.nonce
    expect([await nonceFor('https://a.test/x'), await nonceFor('https://b.test/x')]).toEqual([
      'n1',
      undefined,
    ])
  })

  it('does not print its private key', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const { d = '' } = privateKey.export({ format: 'jwk' })
    expectNoSecret(dpopKey({ privateKey }), [d])
    expectNoSecret(dpopKey({ privateKey: privateKey.export({ format: 'jwk' }) as Record<string, unknown> }), [
      d,
    ])
  })

  it('rejects an invalid key', () => {
    expect(thrownBy(() => dpopKey({ privateKey: 'x' }))).toEqual(
      ours(
        'ERR_IGWN_INVALID_OPTION',
        'privateKey cannot be parsed (ERR_OSSL_UNSUPPORTED). Pass a private key as PEM or as a JWK.',
      ),
    )
  })
})

describe('a token is never sent as another type', () => {
  const tokens = async (type: string) => {
    const server = await serve(() => ({
      body: JSON.stringify({ access_token: 'abc', token_type: type }),
    }))
    const key = dpopKey()
    return {
      server,
      key,
      source: clientCredentials({
        metadata: { token_endpoint: `${server.origin}/token` },
        clientId: 'me',
        dpop: key,
      }),
    }
  }

  it('a DPoP token not as a Bearer token', async () => {
    const { server, source } = await tokens('DPoP')
    const instance = applyIgwnAuth(axios.create({ baseURL: server.origin }), { token: source })
    await expect(instance.get('/data')).rejects.toEqual(
      ours(
        'ERR_IGWN_INVALID_OPTION',
        `The token of ${server.origin} has the type DPoP and would be refused as a Bearer token. Give the source to dpop(), and the result as scheme.`,
      ),
    )
    expect(server.seen.map(({ url }) => url)).toEqual(['/token'])
  })

  it('a Bearer token not as a DPoP token', async () => {
    const { server, source, key } = await tokens('Bearer')
    const instance = applyIgwnAuth(axios.create({ baseURL: server.origin }), { scheme: dpop(source, key) })
    await expect(instance.get('/data')).rejects.toEqual(
      ours(
        'ERR_IGWN_INVALID_OPTION',
        'The token has the type Bearer and is not bound to a key. Set client.dpop to the same key, or use the source as option token. Nothing was sent.',
      ),
    )
    expect(server.seen.map(({ url }) => url)).toEqual(['/token'])
  })

  it('and a refused proof is not sent again', async () => {
    const { source, key } = await tokens('DPoP')
    const service = await serve(() => ({
      status: 401,
      headers: { 'WWW-Authenticate': 'DPoP error="invalid_dpop_proof"' },
    }))
    const instance = applyIgwnAuth(axios.create({ baseURL: service.origin }), { scheme: dpop(source, key) })
    await expect(instance.get('/data')).rejects.toMatchObject({ response: { status: 401 } })
    expect(service.seen).toHaveLength(1)
  })
})
