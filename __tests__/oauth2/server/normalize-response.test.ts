/** Responses of real servers: non-conforming ones that are accepted, and those that are errors. */
import { gzipSync } from 'node:zlib'
import { clientCredentials, type OAuthClient } from '../../../lib/oauth2'
import { serve, type Answer } from '../../support/server'

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const HTML = { 'content-type': 'text/html' }

const tokenFrom = async (answer: Answer, more: Partial<OAuthClient> = {}) => {
  const server = await serve(() => answer)
  const metadata = { issuer: server.origin, token_endpoint: `${server.origin}/token` }
  return clientCredentials({ metadata, clientId: 'me', ...more }).getTokenResponse()
}
const json = (members: object): Answer => ({
  body: JSON.stringify({ access_token: 'a', token_type: 'Bearer', ...members }),
})

describe('a non-conforming response that Authlib accepts is accepted', () => {
  it.each<[string, Answer, object]>([
    ['a conforming one', json({ scope: 'x y' }), { token_type: 'Bearer', scope: 'x y' }],
    ['the type in lower case', json({ token_type: 'bearer' }), { token_type: 'Bearer' }],
    ['the type in upper case', json({ token_type: 'BEARER' }), { token_type: 'Bearer' }],
    ['no type', json({ token_type: undefined }), { token_type: 'Bearer' }],
    ['null as type', json({ token_type: null }), { token_type: 'Bearer' }],
    ['seconds as text', json({ expires_in: '3600' }), { expires_at: expect.any(Number) as number }],
    ['digits of an infinite number of seconds', json({ expires_in: 'Infinity' }), { expires_at: undefined }],
    ['null as seconds', json({ expires_in: null }), { expires_at: undefined }],
    ['text that is not a number as seconds', json({ expires_in: 'never' }), { expires_at: undefined }],
    ['a negative number of seconds', json({ expires_in: -1 }), { expires_at: undefined }],
    ['no seconds', json({}), { expires_at: undefined }],
    ['null as refresh token', json({ refresh_token: null }), { refresh_token: undefined }],
    ['an empty refresh token', json({ refresh_token: '' }), { refresh_token: undefined }],
    ['null as scope', json({ scope: null }), { scope: undefined }],
    ['a list as scope', json({ scope: ['x', 'y'] }), { scope: 'x y' }],
    ['null as id_token', json({ id_token: null }), { id_token: undefined }],
    ['additional members', json({ tenant: 'igwn', n: { m: 1 } }), { tenant: 'igwn', n: { m: 1 } }],
    ['status 201', { ...json({}), status: 201 }, {}],
    ['text/html', { ...json({}), headers: HTML }, {}],
    ['application/vnd.x+json', { ...json({}), headers: { 'content-type': 'application/vnd.x+json' } }, {}],
    ['a byte order mark', { body: `\ufeff${json({}).body as string}` }, {}],
    ['compressed', { body: gzipSync(json({}).body as string), headers: { 'content-encoding': 'gzip' } }, {}],
    [
      'form encoding (StackExchange)',
      { body: 'access_token=a&expires_in=86400', headers: FORM },
      { expires_at: expect.any(Number) as number },
    ],
    [
      'form encoding with type text/plain (GitHub in the past)',
      {
        body: 'access_token=a&scope=repo%2Cgist&token_type=bearer',
        headers: { 'content-type': 'text/plain' },
      },
      { scope: 'repo,gist' },
    ],
  ])('%s', async (_name, answer, expected) => {
    const token = await tokenFrom(answer)
    expect({
      expires_at: undefined,
      refresh_token: undefined,
      scope: undefined,
      id_token: undefined,
      ...token,
    }).toMatchObject({
      access_token: 'a',
      token_type: 'Bearer',
      ...expected,
    })
  })

  it('any other one, when a hook converts it', async () => {
    const token = await tokenFrom(
      { body: '{"data":{"token":"a"}}' },
      {
        onResponse(response) {
          const { data } = JSON.parse(response.body) as { data: { token: string } }
          response.body = JSON.stringify({ access_token: data.token })
        },
      },
    )
    expect(token).toMatchObject({ access_token: 'a', token_type: 'Bearer' })
  })
})

describe('an error response', () => {
  const REFUSED = 'ERR_IGWN_OAUTH_REFUSED'

  it.each<[string, Answer, object]>([
    [
      'with 400',
      {
        status: 400,
        body: '{"error":"invalid_grant","error_description":"x","error_uri":"https://e.test/1"}',
      },
      { error: 'invalid_grant', errorDescription: 'x', errorUri: 'https://e.test/1', status: 400 },
    ],
    [
      'with a page that is not a web page',
      { status: 400, body: '{"error":"x","error_uri":"javascript:alert(1)"}' },
      { error: 'x', errorUri: undefined },
    ],
    [
      'with 401 and another error in the challenge',
      {
        status: 401,
        headers: { 'www-authenticate': 'Basic realm="r", error="other"' },
        body: '{"error":"invalid_client"}',
      },
      { error: 'invalid_client', status: 401 },
    ],
    [
      'with 200 (GitHub, Slack)',
      { body: '{"error":"bad_verification_code","error_description":"gone"}' },
      { error: 'bad_verification_code', errorDescription: 'gone', status: 400 },
    ],
    ['with 500', { status: 500, body: '{"error":"server_error"}' }, { error: 'server_error', status: 500 }],
    [
      'in a form',
      { status: 400, headers: FORM, body: 'error=invalid_scope&error_description=no+such' },
      { error: 'invalid_scope', errorDescription: 'no such' },
    ],
    [
      'with type text/html',
      { status: 400, headers: HTML, body: '{"error":"invalid_client"}' },
      { error: 'invalid_client' },
    ],
    [
      'that is an object (Facebook)',
      { status: 400, body: '{"error":{"message":"no","type":"OAuthException","code":101}}' },
      { error: 'OAuthException', errorDescription: 'no' },
    ],
    [
      'only in a challenge',
      {
        status: 401,
        headers: { 'www-authenticate': 'Bearer error="invalid_token", error_description="old"' },
        body: '',
      },
      { error: 'invalid_token', errorDescription: 'old', status: 401 },
    ],
    [
      'in a challenge without an error code',
      { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' }, body: '' },
      { error: undefined, status: 401 },
    ],
    ['in an empty body (glewlwyd)', { status: 403, body: '' }, { error: undefined, status: 403 }],
    ['in an empty object', { status: 400, body: '{}' }, { error: undefined, status: 400 }],
    ['in a message', { status: 401, body: '{"message":"no"}' }, { error: undefined, status: 401 }],
    [
      'that is temporary',
      { status: 503, headers: { 'retry-after': '7' }, body: '{"error":"temporarily_unavailable"}' },
      { error: 'temporarily_unavailable', status: 503, retryAfter: 7000 },
    ],
    ['without Retry-After', { status: 429, body: '{"error":"slow"}' }, { status: 429, retryAfter: 0 }],
    ['that is final', { status: 400, body: '{"error":"invalid_grant"}' }, { retryAfter: undefined }],
  ])('%s', async (_name, answer, expected) => {
    const error = await tokenFrom(answer).catch((reason: unknown) => reason)
    expect(error).toEqual(expect.objectContaining({ code: REFUSED }))
    for (const [name, value] of Object.entries(expected))
      expect([name, (error as Record<string, unknown>)[name]]).toEqual([name, value])
  })

  it.each([
    [
      'invalid_client',
      'Check clientId and its credentials; the client authenticated with client_secret_post.',
    ],
    [
      'invalid_grant',
      'The code, refresh token or assertion has expired, was revoked, or was used before. Log in again.',
    ],
    ['unauthorized_client', 'Register the client for this grant, or use another grant.'],
    ['unsupported_grant_type', 'Register the client for this grant, or use another grant.'],
    ['invalid_scope', 'Request scopes that the client and the login have.'],
    ['access_denied', 'The user or the server denied the request.'],
    ['temporarily_unavailable', 'Try again later.'],
    ['something_else', ''],
  ])('%s comes with advice', async (code, advice) => {
    const server = await serve(() => ({ status: 400, body: JSON.stringify({ error: code }) }))
    const metadata = { token_endpoint: `${server.origin}/token` }
    const client = {
      metadata,
      clientId: 'me',
      clientSecret: 'shh!',
      clientAuthentication: 'client_secret_post',
    } as const
    await expect(clientCredentials(client).getTokenResponse()).rejects.toThrow(
      new RegExp(
        `^${server.origin} refused the request \\(status 400\\): ${code}\\.${advice && ` ${advice}`}$`.replaceAll(
          '?',
          '\\?',
        ),
      ),
    )
  })

  it('about the audience comes with advice on audienceParameter', async () => {
    const server = await serve(() => ({ status: 400, body: '{"error":"invalid_target"}' }))
    const source = clientCredentials({ metadata: { token_endpoint: server.origin }, clientId: 'me' })
    await expect(source.getToken({ audience: 'https://a.test' })).rejects.toThrow(
      `${server.origin} refused the request (status 400): invalid_target. The request was for the audience https://a.test. Set audience, or set audienceParameter to the one that this server supports, or to false.`,
    )
  })
})

describe('a response that cannot be used is an error', () => {
  const RESPONSE = 'ERR_IGWN_OAUTH_RESPONSE'

  it.each<[string, Answer, string]>([
    ['no token', { body: '{}' }, 'access_token must be a string'],
    ['a token that is not a string', { body: '{"access_token":1}' }, 'access_token must be a string'],
    ['garbage', { body: 'garbage' }, 'it is not JSON'],
    ['a page', { headers: HTML, body: '<html>access_token=a</html>' }, 'it is not JSON'],
    ['a list', { body: '[1]' }, 'it must be a top level object'],
    ['nothing', { status: 204, body: '' }, 'its status is neither success nor an OAuth error'],
    ['a page with an error', { status: 400, headers: HTML, body: '<html>' }, 'it is not JSON'],
    [
      'a page of a gateway',
      { status: 503, headers: HTML, body: '<html>' },
      'its status is neither success nor an OAuth error',
    ],
    ['a MAC token', json({ token_type: 'mac' }), 'its token_type is mac; only Bearer and DPoP are supported'],
    [
      'N_A for a grant that is not an exchange',
      json({ token_type: 'N_A' }),
      'its token_type is N_A; only Bearer and DPoP are supported',
    ],
  ])('%s', async (_name, answer, why) => {
    const error = (await tokenFrom(answer).catch((reason: unknown) => reason)) as {
      code: string
      message: string
    }
    expect(error.code).toBe(RESPONSE)
    expect(error.message).toMatch(
      /^The response of http:\/\/127\.0\.0\.1:\d+ \(status \d+\) cannot be used: /,
    )
    expect(error.message).toContain(
      `: ${why}. Check the URL, and that it belongs to an authorization server.`,
    )
  })
})

describe('hooks (Authlib: register_compliance_hook)', () => {
  it('can read and change a request with its authentication and its response, also asynchronously', async () => {
    const seen: unknown[] = []
    const server = await serve(() => json({}))
    const client: OAuthClient = {
      metadata: { token_endpoint: `${server.origin}/token` },
      clientId: 'me',
      clientSecret: 'shh!',
      async onRequest(request) {
        await Promise.resolve()
        seen.push(request.endpoint, request.headers.authorization?.startsWith('Basic '))
        request.url.searchParams.set('api-version', '2')
        request.headers['x-tenant'] = 'igwn'
        request.body.set('extra', 'yes')
      },
      async onResponse(response) {
        await Promise.resolve()
        seen.push(response.endpoint, response.status, response.headers['content-type'])
      },
    }
    await clientCredentials(client).getTokenResponse()
    expect(seen).toEqual(['token', true, 'token', 200, 'application/json'])
    expect(server.seen).toMatchObject([
      {
        url: '/token?api-version=2',
        headers: { 'x-tenant': 'igwn' },
        body: 'grant_type=client_credentials&extra=yes',
      },
    ])
  })

  it.each(['onRequest', 'onResponse'] as const)(
    'an error of %s is the error of the request',
    async (name) => {
      const failure = new Error('of the hook')
      const hook = () => Promise.reject(failure)
      await expect(tokenFrom(json({}), { [name]: hook })).rejects.toBe(failure)
    },
  )
})

it('sends token requests with GET when tokenMethod is GET (Authlib: method="GET")', async () => {
  const server = await serve(() => json({}))
  await clientCredentials(
    { metadata: { token_endpoint: `${server.origin}/token?v=1` }, clientId: 'me', tokenMethod: 'GET' },
    { scope: 'x' },
  ).getTokenResponse()
  expect(server.seen).toMatchObject([
    { method: 'GET', url: '/token?v=1&scope=x&grant_type=client_credentials&client_id=me', body: '' },
  ])
  expect(server.seen[0]?.headers['content-type']).toBeUndefined()
})
