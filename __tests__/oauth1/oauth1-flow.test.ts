/**
 * The three steps against a server that implements them: tokens are random, can be used once, and are refused before the user
 * has authorized them.
 */
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import axios, { type AxiosError } from 'axios'
import { applyIgwnAuth } from '../../lib/index'
import {
  applyOAuth1,
  oauth1Flow,
  OAuth1Token,
  parseAuthorizationResponse,
  type OAuth1FlowOptions,
} from '../../lib/oauth1/index'
import { CLIENT, oauth1Servers } from '../support/oauth1-server'
import { createAuthority } from '../support/pki'
import { serve, type Answer } from '../support/server'
import { thrownBy } from '../support/thrown-by'

const { start: started, close } = oauth1Servers()
afterEach(close)

const client = { clientId: CLIENT.id, clientSecret: CLIENT.secret }
const CALLBACK = 'http://printer.example.com/ready?session=1&x=%2B'

function flowFor(options: Partial<OAuth1FlowOptions> = {}) {
  return oauth1Flow({ ...client, redirectUri: CALLBACK, ...options })
}

/** A server that sends the same response to every request. */
async function answering(answer: Answer) {
  const server = await serve(() => answer)
  return { ...server, url: `${server.origin}/token?secret=canary1` }
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const CONFIRMED = 'oauth_token=rt&oauth_token_secret=rs&oauth_callback_confirmed=true'

describe.each([
  ['form', 'header'],
  ['json', 'header'],
  ['form', 'query'],
  ['form', 'body'],
] as const)('with responses as %s and the signature in the %s', (answersAs, signatureType) => {
  it('obtains a token by a callback, and signs requests with it', async () => {
    const server = await started({ answersAs, besides: { user_id: '7', screen_name: 'ä b' } })
    const flow = flowFor({ signatureType })
    const requestToken = await flow.requestToken(`${server.origin}/initiate`)
    expect(flow.token).toBe(requestToken)
    const callbackUrl = server.decide(flow.authorizationUrl(`${server.origin}/authorize`))
    expect(callbackUrl.startsWith(CALLBACK)).toBe(true)
    const token = await flow.accessToken(`${server.origin}/token`, { callbackUrl })
    expect(flow.token).toBe(token)
    expect(token.parameters).toMatchObject({ user_id: '7', screen_name: 'ä b' })

    const photos = applyOAuth1(axios.create({ baseURL: server.origin }), { ...client, token })
    expect((await photos.get('/photos', { params: { file: 'vacation.jpg' } })).data).toMatchObject({
      token: token.token,
    })
    expect(server.visitors.map(({ place }) => place)).toEqual([signatureType, signatureType, 'header'])
    expect(server.problems).toEqual([])
  })
})

it.each([
  ['HMAC-SHA256' as const, 'HMAC-SHA256'],
  ['PLAINTEXT' as const, 'PLAINTEXT'],
])('signs the steps with %s', async (signatureMethod, method) => {
  const server = await started()
  const flow = flowFor({ signatureMethod })
  await flow.requestToken(`${server.origin}/initiate`)
  const callbackUrl = server.decide(flow.authorizationUrl(`${server.origin}/authorize`))
  await flow.accessToken(`${server.origin}/token`, { callbackUrl: new URL(callbackUrl) })
  expect(server.visitors.map((visitor) => visitor.method)).toEqual([method, method])
})

it('uses the verifier that the server shows when there is no redirectUri', async () => {
  const server = await started()
  const flow = oauth1Flow(client)
  await flow.requestToken(`${server.origin}/initiate`)
  expect(server.visitors[0]?.baseString).toContain('oauth_callback%3Doob')
  const verifier = server.decide(flow.authorizationUrl(`${server.origin}/authorize`))
  expect((await flow.accessToken(`${server.origin}/token`, { verifier })).token).not.toBe('')
})

it('accepts another redirectUri and a realm for one request', async () => {
  const server = await started()
  const flow = flowFor({ realm: 'Photos' })
  await flow.requestToken(`${server.origin}/initiate`, { redirectUri: 'oob', realm: 'Other' })
  const verifier = server.decide(flow.authorizationUrl(`${server.origin}/authorize`))
  await flow.accessToken(`${server.origin}/token`, { verifier })
  expect(server.visitors.map(({ realm }) => realm)).toEqual(['Other', 'Photos'])
})

it('continues in another process with a stored request token', async () => {
  const server = await started()
  const { token, tokenSecret } = await flowFor().requestToken(`${server.origin}/initiate`)
  const kept = JSON.parse(JSON.stringify({ token, tokenSecret })) as { token: string; tokenSecret: string }
  const url = flowFor().authorizationUrl(`${server.origin}/authorize`, { requestToken: kept })
  const callbackUrl = server.decide(url)

  const [asArgument, asOption, asProperty] = [flowFor(), flowFor(kept), flowFor()]
  asProperty.token = kept
  expect(asProperty.token?.token).toBe(token)
  expect(asOption.authorizationUrl(`${server.origin}/authorize`)).toBe(url)
  expect(asProperty.authorizationUrl(`${server.origin}/authorize`)).toBe(url)
  await asArgument.accessToken(`${server.origin}/token`, { callbackUrl, requestToken: kept })
  // A request token can be exchanged once.
  await expect(asOption.accessToken(`${server.origin}/token`, { callbackUrl })).rejects.toMatchObject({
    code: 'ERR_IGWN_OAUTH1_DENIED',
    message: expect.stringContaining(
      'refused the request (status 401): token_rejected. Start again with requestToken().',
    ),
  })
  asProperty.token = undefined
  await expect(asProperty.accessToken(`${server.origin}/token`, { callbackUrl })).rejects.toMatchObject({
    code: 'ERR_IGWN_OAUTH1_REQUEST_TOKEN',
  })
})

it('starts again without the token of an earlier login', async () => {
  const server = await started()
  const flow = flowFor({ ...server.grant(), redirectUri: 'oob' })
  for (const visits of [2, 4]) {
    await flow.requestToken(`${server.origin}/initiate`)
    const verifier = server.decide(flow.authorizationUrl(`${server.origin}/authorize`))
    await flow.accessToken(`${server.origin}/token`, { verifier })
    expect(server.visitors).toHaveLength(visits)
  }
  expect(server.visitors.map(({ token }) => token === undefined)).toEqual([true, false, true, false])
})

it('keeps the logins of several users apart', async () => {
  const server = await started()
  const flow = flowFor()
  const [alice, bob] = [
    await flow.requestToken(`${server.origin}/initiate`),
    await flow.requestToken(`${server.origin}/initiate`),
  ]
  const kept = new Map([alice, bob].map((token) => [token.token, token]))
  const callbackUrl = server.decide(
    flow.authorizationUrl(`${server.origin}/authorize`, { requestToken: alice }),
  )
  // The flow holds Bob's token.
  await expect(flow.accessToken(`${server.origin}/token`, { callbackUrl })).rejects.toMatchObject({
    code: 'ERR_IGWN_OAUTH1_REQUEST_TOKEN',
    message:
      'The callback URL is for another request token. Pass the one of this user as requestToken. If there is none, do not accept the callback: it may be forged (RFC 5849 section 4.13).',
  })
  const requestToken = kept.get(parseAuthorizationResponse(callbackUrl).token)
  expect(requestToken).toBe(alice)
  await flow.accessToken(`${server.origin}/token`, { callbackUrl, requestToken })
})

it('signs the request of RFC 5849 section 1.2 with the responses of its server', async () => {
  const server = await answering({
    headers: FORM,
    body: 'oauth_token=hh5s93j4hdidpola&oauth_token_secret=hdhd0244k9j7ao03&oauth_callback_confirmed=true',
  })
  const flow = oauth1Flow({ clientId: 'dpf43f3p2l4k3l03', clientSecret: 'kd94hf93k423kf44' })
  await flow.requestToken(server.url)
  expect(flow.authorizationUrl('https://photos.example.net/authorize')).toBe(
    'https://photos.example.net/authorize?oauth_token=hh5s93j4hdidpola',
  )
})

describe('the authorization URL', () => {
  const flow = flowFor({ token: 'r t/+', tokenSecret: 's' })

  it('keeps its query and adds parameters', () => {
    expect(
      flow.authorizationUrl('https://host.example.org/auth?a=%20&b#f', { params: { perms: 'read & write' } }),
    ).toBe('https://host.example.org/auth?a=+&b=&perms=read+%26+write&oauth_token=r+t%2F%2B#f')
  })

  it('contains the token once, also with an oauth_token in params', () => {
    const url = flow.authorizationUrl('https://host.example.org/?oauth_token=old', {
      params: { oauth_token: 'x' },
    })
    expect(new URL(url).searchParams.getAll('oauth_token')).toEqual(['r t/+'])
  })

  it('needs a valid URL and a request token', () => {
    expect(thrownBy(() => flow.authorizationUrl('/authorize'))).toMatchObject({
      code: 'ERR_IGWN_INVALID_URL',
      message: 'The authorization URL must be absolute, such as https://host.example.org/authorize.',
    })
    expect(thrownBy(() => flowFor().authorizationUrl('https://host.example.org'))).toMatchObject({
      code: 'ERR_IGWN_OAUTH1_REQUEST_TOKEN',
      message:
        'There is no request token. Call requestToken() first, or pass the one of another process as requestToken.',
    })
  })

  it('is not made from an access token', async () => {
    const server = await started()
    const used = flowFor({ redirectUri: 'oob' })
    await used.requestToken(`${server.origin}/initiate`)
    const verifier = server.decide(used.authorizationUrl(`${server.origin}/authorize`))
    await used.accessToken(`${server.origin}/token`, { verifier })
    const missing = { code: 'ERR_IGWN_OAUTH1_REQUEST_TOKEN' }
    expect(thrownBy(() => used.authorizationUrl(`${server.origin}/authorize`))).toMatchObject(missing)
    await expect(used.accessToken(`${server.origin}/token`, { verifier })).rejects.toMatchObject(missing)
  })
})

describe('a missing verifier', () => {
  it.each([{}, { verifier: '' }, { verifier: undefined }])('is an error with %j', async (config) => {
    const server = await answering({ headers: FORM, body: 'oauth_token=a&oauth_token_secret=b' })
    await expect(
      flowFor({ token: 'rt', tokenSecret: 'rs' }).accessToken(server.url, config),
    ).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH1_NO_VERIFIER',
      message:
        'There is no verifier. Pass accessToken() the verifier that the server shows the user, or the URL to which it redirects the user as callbackUrl.',
    })
    expect(server.seen).toEqual([])
  })

  it('is not an error when the flow has one', async () => {
    const server = await answering({ headers: FORM, body: 'oauth_token=a&oauth_token_secret=b' })
    await flowFor({ token: 'rt', tokenSecret: 'rs', verifier: 'given' }).accessToken(server.url)
    expect(server.authorizations[0]).toContain('oauth_verifier="given"')
  })
})

describe('a denial', () => {
  it('by the user is reported', async () => {
    const server = await started()
    const flow = flowFor()
    await flow.requestToken(`${server.origin}/initiate`)
    const callbackUrl = server.decide(flow.authorizationUrl(`${server.origin}/authorize`), 'no')
    await expect(flow.accessToken(`${server.origin}/token`, { callbackUrl })).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH1_DENIED',
      message: expect.stringContaining('user_refused'),
    })
    expect(server.seen).toHaveLength(1)
  })

  it.each([
    ['a wrong client', { clientId: 'unknown' }, 'consumer_key_unknown. Check clientId.'],
    [
      'a wrong secret',
      { clientSecret: 'wrong' },
      'signature_invalid. Check clientSecret, or rsaKey, and the token secret.',
    ],
  ])('of %s by the server is reported with advice', async (_, options, advice) => {
    const server = await started()
    const error = (await flowFor(options)
      .requestToken(`${server.origin}/initiate?k=v`)
      .catch((failure: unknown) => failure)) as Error
    expect(error).toMatchObject({
      code: 'ERR_IGWN_OAUTH1_DENIED',
      message: `${server.origin}/initiate refused the request (status 401): ${advice} The response is in error.cause.response.data.`,
    })
    expect((error.cause as AxiosError).response?.data).toContain('oauth_problem=')
  })

  it('before the user has decided is reported, and the step can be repeated', async () => {
    const server = await started()
    const flow = flowFor({ redirectUri: 'oob' })
    await flow.requestToken(`${server.origin}/initiate`)
    const url = flow.authorizationUrl(`${server.origin}/authorize`)
    await expect(flow.accessToken(`${server.origin}/token`, { verifier: 'soon' })).rejects.toMatchObject({
      message: expect.stringContaining('permission_unknown. Wait until the user has decided.'),
    })
    const verifier = server.decide(url)
    await expect(flow.accessToken(`${server.origin}/token`, { verifier: 'no' })).rejects.toMatchObject({
      message: expect.stringContaining('verifier_invalid. Check the verifier.'),
    })
    await flow.accessToken(`${server.origin}/token`, { verifier })
  })

  it.each([
    ['as Authlib sends it', 'error=invalid_signature&error_description=canary1', 'invalid_signature. Check'],
    ['beside oauth_problem', 'error=canary1&oauth_problem=token_used', 'token_used. Start again'],
    ['that is unknown', 'error=canary1', 'The response is in'],
  ])('with an error in a form %s', async (_, body, advice) => {
    const server = await answering({ status: 401, headers: FORM, body })
    const error: unknown = await flowFor()
      .requestToken(server.url)
      .catch((failure: unknown) => failure)
    expect(error).toMatchObject({
      code: 'ERR_IGWN_OAUTH1_DENIED',
      message: expect.stringMatching(/refused the request \(status 401\)[:.] /),
    })
    expect((error as Error).message).toContain(advice)
    expect((error as Error).message).not.toContain('canary1')
  })

  it('with an unknown code does not repeat it', async () => {
    const server = await answering({ status: 400, headers: FORM, body: 'oauth_problem=canary1&x=canary1' })
    await expect(flowFor().requestToken(server.url)).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH1_DENIED',
      message: `${server.origin}/token refused the request (status 400). The response is in error.cause.response.data.`,
    })
  })
})

it.each([500, 503, 429, 408])(
  'rejects with the axios error for status %i, which is not a denial',
  async (status) => {
    const server = await answering({ status })
    await expect(flowFor().requestToken(server.url)).rejects.toMatchObject({
      name: 'AxiosError',
      response: { status },
    })
  },
)

it('rejects with the axios error for an unreachable server', async () => {
  await expect(flowFor().requestToken('http://127.0.0.1:1/initiate')).rejects.toMatchObject({
    isAxiosError: true,
    code: 'ECONNREFUSED',
  })
})

it.each([
  ['<html>Log in</html>', 'has no oauth_token'],
  ['oauth_token=rt', 'has no oauth_token_secret'],
  ['{"oauth_token":', 'starts like JSON and is not valid JSON'],
  ['oauth_token=rt&oauth_token_secret=rs', 'does not confirm the callback'],
])('rejects the response %j to the first step and keeps no token', async (body, what) => {
  const server = await answering({ body })
  const flow = flowFor()
  await expect(flow.requestToken(server.url)).rejects.toMatchObject({
    code: 'ERR_IGWN_OAUTH1_RESPONSE',
    message: expect.stringContaining(`The response of ${server.origin}/token ${what}`),
  })
  expect(flow.token).toBeUndefined()
})

it('needs no confirmation in the last step', async () => {
  const server = await answering({ headers: FORM, body: 'oauth_token=at&oauth_token_secret=as' })
  const flow = flowFor({ token: new OAuth1Token({ token: 'rt', tokenSecret: 'rs' }), verifier: 'v' })
  expect((await flow.accessToken(server.url)).tokenSecret).toBe('as')
})

describe('token requests', () => {
  it('accept axios config, which is signed too', async () => {
    const server = await started()
    const config = {
      method: 'get',
      params: { scope: 'a b' },
      headers: { 'X-More': 'yes' },
    }
    await flowFor().requestToken(`${server.origin}/initiate`, config)
    expect(server.seen[0]).toMatchObject({
      method: 'GET',
      url: '/initiate?scope=a+b',
      headers: { 'x-more': 'yes' },
    })
    await flowFor().requestToken(`${server.origin}/initiate`, { data: new URLSearchParams({ scope: 'a b' }) })
    expect(server.seen[1]).toMatchObject({ method: 'POST', body: 'scope=a+b' })
  })

  it('use the current defaults of the instance, without its interceptors and credentials', async () => {
    process.env.BEARER_TOKEN = 'found'
    const server = await started()
    const instance = applyIgwnAuth(axios.create(), { token: true })
    const touched: unknown[] = []
    instance.interceptors.request.use((config) => {
      touched.push(config)
      return config
    })
    instance.interceptors.response.use((response) => {
      touched.push(response)
      return response
    })
    const flow = flowFor({ instance })
    instance.defaults.baseURL = server.origin
    instance.defaults.headers.common['X-Late'] = 'yes'
    const agent = new http.Agent({ keepAlive: true })
    instance.defaults.httpAgent = agent
    Object.assign(instance.defaults, {
      responseType: 'stream',
      transformResponse: () => 'changed',
      validateStatus: () => false,
      auth: { username: 'albert', password: 'x' },
      igwnAuth: { token: true },
    })
    Object.assign(instance.defaults.headers, { authorization: 'Other 1' })
    instance.defaults.headers.common.Authorization = 'Other 2'
    instance.defaults.headers.post.AUTHORIZATION = 'Other 3'
    await flow.requestToken('/initiate')
    expect(server.seen[0]?.headers['x-late']).toBe('yes')
    expect(server.authorizations[0]).toMatch(/^OAuth /)
    expect(Object.keys(agent.freeSockets)).toHaveLength(1)
    expect(touched).toEqual([])
    // The instance of the caller is unchanged.
    expect(instance.defaults.headers.common.Authorization).toBe('Other 2')
    agent.destroy()
    delete process.env.BEARER_TOKEN
  })

  it('use the timeout of the instance or of the step', async () => {
    const server = await serve(() => new Promise<Answer>(() => undefined))
    const instance = axios.create({ timeout: 40 })
    const timedOut = { code: 'ECONNABORTED' }
    await expect(flowFor({ instance }).requestToken(server.origin)).rejects.toMatchObject(timedOut)
    await expect(flowFor().requestToken(server.origin, { timeout: 40 })).rejects.toMatchObject(timedOut)
  })

  it('can be aborted', async () => {
    const server = await serve(() => new Promise<Answer>(() => undefined))
    const signal = AbortSignal.timeout(40)
    await expect(flowFor().requestToken(server.origin, { signal })).rejects.toMatchObject({
      code: 'ERR_CANCELED',
    })
  })

  it('are signed again on a redirect, and sent unsigned to another origin', async () => {
    const server = await started({ resource: () => ({ status: 307, headers: { Location: '/initiate' } }) })
    await flowFor().requestToken(`${server.origin}/moved`)
    expect(server.visitors).toHaveLength(2)
    const elsewhere = await answering({ headers: FORM, body: CONFIRMED })
    const away = await started({ resource: () => ({ status: 307, headers: { Location: elsewhere.url } }) })
    await flowFor().requestToken(`${away.origin}/moved`)
    expect(elsewhere.authorizations).toEqual([undefined])
  })

  it.each(['HMAC-SHA1', 'PLAINTEXT'] as const)(
    'do not go in clear, signed with %s: the answer is secret',
    async (signatureMethod) => {
      const server = await answering({ headers: FORM, body: CONFIRMED })
      const instance = axios.create({ proxy: { host: '127.0.0.1', port: server.port, protocol: 'http' } })
      const url = 'http://photos.example.net/initiate'
      await expect(flowFor({ instance, signatureMethod }).requestToken(url)).rejects.toMatchObject({
        code: 'ERR_IGWN_INSECURE_TRANSPORT',
      })
      expect(server.seen).toEqual([])
      await flowFor({ instance, signatureMethod, allowInsecureHttp: true }).requestToken(url)
      expect(server.seen).toHaveLength(1)
    },
  )

  it('leave no connection open', async () => {
    const authority = await createAuthority()
    const { certificate: cert, key } = await authority.issueServer({ names: ['localhost'] })
    // Longer than the test: the server does not close the connection.
    const server = await started({ tls: { cert, key, keepAliveTimeout: 60_000 } })
    process.env.SSL_CERT_FILE = path.join(process.env.HOME ?? '', 'ca.pem')
    fs.writeFileSync(process.env.SSL_CERT_FILE, authority.certificate)
    const sockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
    const before = sockets()
    await flowFor().requestToken(`${server.origin}/initiate`)
    while (sockets() > before) await wait(5)
    delete process.env.SSL_CERT_FILE
    expect(server.visitors).toHaveLength(1)
  })

  it.each(['/initiate', 'not a url', 'ftp://host.example.org/'])('are not sent to %j', async (url) => {
    await expect(flowFor().requestToken(url)).rejects.toMatchObject({
      code: 'ERR_IGWN_INVALID_URL',
      message:
        'The token URL must be absolute, such as https://host.example.org/token, or the instance must have a baseURL.',
    })
  })
})

it.each([
  [{ redirectUri: '' }, 'options.redirectUri must not be empty.'],
  [{ redirectUri: 7 }, 'options.redirectUri must be a string, not a number.'],
  [{ verifier: true }, 'options.verifier must be a string, not a boolean.'],
  [{ instance: {} }, 'options.instance must be an axios instance, not an object.'],
  [{ url: 'https://host.example.org' }, 'options has no option "url"; there are clientId'],
])('rejects the options %j', (options, message) => {
  expect(thrownBy(() => flowFor(options as object))).toMatchObject({
    code: 'ERR_IGWN_INVALID_OPTION',
    message: expect.stringContaining(message),
  })
})
