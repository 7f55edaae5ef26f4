/** Metadata of a server that its challenge names (RFC 9728): it explains, and nothing else. */
import { clientCredentials } from '../../lib/oauth2'
import { explain, igwnAxios, type IgwnAuthOptions, type IgwnAxiosError } from '../support/all'
import { challenge, serve, type Answer } from '../support/server'
import { emptyPlaces, mint, put, runtimeFile } from '../support/tokens'

beforeEach(emptyPlaces)

const PATH = '/.well-known/oauth-protected-resource/api'

/** A server whose challenge names metadata. */
async function site(
  metadata: (origin: string) => Answer | Promise<Answer>,
  named?: (origin: string) => string,
) {
  const server = await serve(({ url }) =>
    url === PATH
      ? metadata(server.origin)
      : challenge(`realm="a", resource_metadata="${named?.(server.origin) ?? server.origin + PATH}"`),
  )
  const refused = (options: IgwnAuthOptions = {}, path = '/api/events?a=1') =>
    igwnAxios.get(server.origin + path, { igwnAuth: options }).then(
      () => {
        throw new Error('it was not refused')
      },
      (error: unknown) => error as IgwnAxiosError,
    )
  return { server, refused }
}

const json = (value: unknown): Answer => ({ body: JSON.stringify(value) })
const good = (origin: string) =>
  json({
    resource: `${origin}/api`,
    authorization_servers: ['https://issuer.example.org', 'https://other.example.org/igwn'],
    scopes_supported: ['gracedb.read', 'gracedb.write'],
  })
const MINE = 'the metadata of the server'
const findingOf = async (error: IgwnAxiosError) => {
  const { findings } = await explain(error)
  return findings.filter(({ source }) => source === MINE)
}

it('says which issuers and scopes the server accepts', async () => {
  const { server, refused } = await site(good)
  const error = await refused()
  // Nothing is fetched before it is asked for.
  expect(server.seen).toHaveLength(1)
  const explanation = await explain(error)
  expect(explanation.findings).toContainEqual({
    kind: 'request',
    source: MINE,
    verdict: 'active',
    message:
      'the server accepts tokens of https://issuer.example.org or https://other.example.org/igwn with scopes of gracedb.read gracedb.write',
    fix: "get a token of https://issuer.example.org, if you trust it: authorizationCode({ issuer: 'https://issuer.example.org', clientId }, …) of axios-igwn-auth/oauth2",
  })
  expect(explanation.findings.slice(0, -1)).toEqual(error.igwnAuth?.explanation.findings)
  expect(String(explanation)).toContain('active: the server accepts tokens of https://issuer.example.org')
  expect(explanation.fixes.join()).toContain('get a token of https://issuer.example.org')
})

it('is fetched without a credential, and starts no flow', async () => {
  const { server, refused } = await site(good)
  put(runtimeFile(), mint({ aud: 'ANY' }))
  const issuer = await serve(() => json({ access_token: 'abc', token_type: 'Bearer' }))
  const client = {
    metadata: { token_endpoint: `${issuer.origin}/token` },
    clientId: 'a',
    clientSecret: 'secret of a',
  }
  for (const options of [
    {},
    { token: 'opaque' },
    { token: clientCredentials(client, { challengeScopes: true }) },
  ]) {
    const error = await refused(options)
    const before = issuer.seen.length
    await explain(error)
    expect(issuer.seen).toHaveLength(before)
  }
  const asked = server.seen.filter(({ url }) => url === PATH)
  expect(asked).toHaveLength(3)
  for (const { headers, method } of asked)
    expect([method, headers.authorization, headers.cookie]).toEqual(['GET', undefined, undefined])
})

it.each([
  [
    'of another resource',
    (origin: string) =>
      json({ resource: `${origin}/apis`, authorization_servers: ['https://a.example.org'] }),
    'is that of another resource (RFC 9728 section 3.3)',
  ],
  [
    'of another origin',
    () => json({ resource: 'https://a.example.org/api', authorization_servers: ['https://a.example.org'] }),
    'is that of another resource (RFC 9728 section 3.3)',
  ],
  ['without an issuer', (origin: string) => json({ resource: `${origin}/api` }), 'names no issuer'],
  [
    'with issuers that are none',
    (origin: string) =>
      json({
        resource: `${origin}/api`,
        authorization_servers: ["https://a/';x", 'http://a.example.org', 5],
      }),
    'names no issuer',
  ],
  ['that is not JSON', () => ({ body: '<' }), 'is not JSON'],
  ['that is too large', () => ({ body: `"${'a'.repeat(100_000)}"` }), 'cannot be fetched (ERR_BAD_RESPONSE)'],
  ['that is missing', () => ({ status: 404 }), 'cannot be fetched (ERR_BAD_REQUEST)'],
])('metadata %s is not used', async (_, metadata, what) => {
  const { refused } = await site(metadata)
  expect(await findingOf(await refused())).toEqual([
    { kind: 'request', source: MINE, verdict: 'skipped', code: 'failed', message: `${MINE} ${what}` },
  ])
})

it('a redirect of it is not followed', async () => {
  const other = await serve(() => json({}))
  const { refused } = await site(() => ({ status: 302, headers: { Location: other.origin } }))
  expect((await findingOf(await refused()))[0]?.message).toContain('cannot be fetched')
  expect(other.seen).toEqual([])
})

it.each([
  ['another origin', (other: string) => other],
  ['plain HTTP', () => 'http://example.org/.well-known/oauth-protected-resource'],
  ['a URL that is none', () => 'metadata'],
])('is not asked for at %s', async (_, named) => {
  const other = await serve(() => json({}))
  const { refused } = await site(good, () => named(other.origin))
  expect(await findingOf(await refused())).toMatchObject([
    { message: `${MINE} is not at the origin of the server over https, and was not asked for` },
  ])
  expect(other.seen).toEqual([])
})

it('is not asked for at a URL with a password, which would be sent', async () => {
  const { server, refused } = await site(good, (origin) => origin.replace('://', '://user:password@') + PATH)
  expect(await findingOf(await refused())).toMatchObject([
    { message: `${MINE} has a URL with a username or a password, and was not asked for` },
  ])
  expect(server.seen.map(({ url, headers }) => [url, headers.authorization])).toEqual([
    ['/api/events?a=1', undefined],
  ])
})

it('a refusal without it has the explanation of the error', async () => {
  const server = await serve(() => challenge())
  const error = await igwnAxios.get(server.origin).catch((reason: unknown) => reason)
  const { igwnAuth } = error as IgwnAxiosError
  expect(igwnAuth?.explanation).toBeDefined()
  expect(await explain(error as IgwnAxiosError)).toBe(igwnAuth?.explanation)
})

it('another error is not explained', async () => {
  const error: unknown = new Error('no')
  await expect(explain(error as IgwnAxiosError)).rejects.toMatchObject({
    code: 'ERR_IGWN_INVALID_OPTION',
    message: 'explain() needs a URL, or the error of a request that a server refused (with igwnAuth).',
  })
})
