import { createHmac, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import net, { type AddressInfo } from 'node:net'
import axios, { type AxiosInstance } from 'axios'
import jsonwebtoken from 'jsonwebtoken'
import { applyIgwnAuth } from '../../lib/instance/apply-igwn-auth'
import type { IgwnAuthError } from '../../lib/errors'
import { findSciToken } from '../../lib/tokens/find-sci-token'
import { SciToken } from '../../lib/tokens/scitoken'
import { verifier } from '../../lib/tokens/verify-signature'
import { createAuthority } from '../support/pki'
import { serverGroup } from '../support/server'
import {
  createSigningKey,
  emptyPlaces,
  mint as mintFor,
  now,
  passTime,
  put,
  runtimeFile,
  stopClock,
  temporaryFile,
  type SigningKey,
} from '../support/tokens'

/** An issuer on this machine; what it publishes is changed by the tests. */
let server: https.Server
let ca: string
let origin: string
let issuer: string
let keys: unknown[]
let metadata: Record<string, unknown>
/** Paths that answer in another way. */
let answers: Record<string, (request: IncomingMessage, response: ServerResponse) => unknown>
let asked: string[]
let authorizations: unknown[]
let key: SigningKey
let http: AxiosInstance

const OIDC = '/.well-known/openid-configuration'
const rejections: unknown[] = []
const onRejection = (reason: unknown) => rejections.push(reason)

beforeAll(async () => {
  process.on('unhandledRejection', onRejection)
  const authority = await createAuthority()
  const { certificate, key: serverKey } = await authority.issueServer()
  ca = authority.certificate
  server = https.createServer({ cert: certificate, key: serverKey }, (request, response) => {
    const { url = '' } = request
    asked.push(url)
    authorizations.push(request.headers.authorization)
    const answer = answers[url]
    if (answer) {
      answer(request, response)
      return
    }
    const body = url.endsWith(OIDC) ? metadata : url === '/jwks' ? { keys } : undefined
    response.writeHead(body ? 200 : 404, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify(body ?? {}))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  origin = `https://localhost:${(server.address() as AddressInfo).port}`
})

beforeEach(() => {
  emptyPlaces()
  issuer = origin
  key = createSigningKey()
  keys = [createSigningKey().jwk, key.jwk]
  metadata = { issuer, jwks_uri: `${origin}/jwks` }
  answers = {}
  asked = []
  authorizations = []
  http = newHttp()
})

afterEach(() => {
  jest.useRealTimers()
})

afterAll(async () => {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
  process.off('unhandledRejection', onRejection)
  expect(rejections).toEqual([])
})

/** Without keep-alive, so that no connection outlives its test. */
function newHttp(): AxiosInstance {
  return axios.create({ httpsAgent: new https.Agent({ ca }), timeout: 5000 })
}

const mint = (claims: Record<string, unknown> = {}, signedBy = key) =>
  mintFor({ iss: issuer, ...claims }, signedBy)
const judge = (text: string, verify = verifier(http)) => verify(SciToken.deserialize(text))
const unverified = (message: string) => ({
  code: 'not-verified',
  message: `could not be verified: ${message}`,
})

describe('a signature', () => {
  it('that is right is right, by the keys of OpenID Connect metadata', async () => {
    expect(await judge(mint())).toBeUndefined()
    expect(asked).toEqual([OIDC, '/jwks'])
  })

  it('that is wrong is wrong', async () => {
    const forged = createSigningKey(key.jwk.kid)
    expect(await judge(mint({}, forged))).toEqual({
      code: 'signature',
      message: `has a signature that no key of ${issuer} made`,
    })
    const [header, , signature] = mint().split('.')
    const [, claims] = mint({ scope: 'write:/' }).split('.')
    expect(await judge([header, claims, signature].join('.'))).toMatchObject({ code: 'signature' })
    expect(await judge(mint().slice(0, -4))).toMatchObject({ code: 'signature' })
    expect(await judge(`${header}.${claims}.`)).toMatchObject({ code: 'signature' })
  })

  it('says nothing of the life of the token: that is judged elsewhere, with its margins', async () => {
    expect(await judge(mint({ exp: now() - 10 }))).toBeUndefined()
    expect(await judge(mint({ nbf: now() + 30 }))).toBeUndefined()
  })

  it('may be of RSA', async () => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
    keys = [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'rsa' }]
    const token = jsonwebtoken.sign({ iss: issuer }, pair.privateKey, { algorithm: 'RS256', keyid: 'rsa' })
    expect(await judge(token)).toBeUndefined()
  })

  it('is checked with the one key there is when the token names none', async () => {
    const token = key.sign({ iss: issuer }, { kid: undefined })
    expect(await judge(token)).toEqual(unverified(`${issuer} publishes no key for it`))
    keys = [key.jwk]
    expect(await judge(token)).toBeUndefined()
  })

  it('made with a public key as if it were a shared secret, or not made at all, is not even looked at', async () => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = part({ iss: issuer })
    const secret = JSON.stringify(key.jwk)
    const input = `${part({ alg: 'HS256', kid: key.jwk.kid })}.${claims}`
    const hmac = createHmac('sha256', secret).update(input).digest('base64url')
    const cannot = (alg: string) => ({
      code: 'not-verified',
      message: `is signed with ${alg}, which cannot be checked`,
    })
    expect(await judge(`${input}.${hmac}`)).toEqual(cannot('HS256'))
    expect(await judge(`${part({ alg: 'none' })}.${claims}.`)).toEqual(cannot('none'))
    expect(await judge(`${part({ alg: 'toString' })}.${claims}.AA`)).toEqual(cannot('toString'))
    expect(await judge(`${part({ alg: '\u001b[2J' })}.${claims}.AA`)).toEqual(cannot('?[2J'))
    expect(await judge(`${part({ typ: 'JWT' })}.${claims}.AA`)).toEqual(cannot('no algorithm'))
    expect(asked).toEqual([])
  })
})

describe('the issuer', () => {
  it.each([
    ['http', () => origin.replace('https', 'http')],
    ['nobody', () => undefined],
    ['no URL', () => 'igwn'],
    ['a file', () => 'file:///etc/passwd'],
  ])('that is %s is not asked', async (_, iss) => {
    expect(await judge(mint({ iss: iss() }))).toEqual({
      code: 'not-verified',
      message: 'has no https issuer to get keys from',
    })
    expect(asked).toEqual([])
  })

  it('that is no URL though it begins as one is not asked', async () => {
    expect(await judge(mint({ iss: 'https://' }))).toEqual(unverified('Invalid URL'))
  })

  it('with a path has its metadata below it, or as RFC 8414 has it', async () => {
    issuer = `${origin}/igwn`
    metadata = { issuer, jwks_uri: `${origin}/jwks` }
    expect(await judge(mint())).toBeUndefined()
    expect(asked).toEqual([`/igwn${OIDC}`, '/jwks'])

    asked = []
    answers[`/igwn${OIDC}`] = (_, response) => response.writeHead(404).end()
    answers['/.well-known/oauth-authorization-server/igwn'] = (_, response) =>
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(metadata))
    expect(await judge(mint())).toBeUndefined()
    expect(asked).toEqual([`/igwn${OIDC}`, '/.well-known/oauth-authorization-server/igwn', '/jwks'])
  })

  it('whose metadata is that of another is not believed', async () => {
    metadata = { issuer: 'https://other.example.org', jwks_uri: `${origin}/jwks` }
    expect(await judge(mint())).toEqual(unverified(`${origin}${OIDC} is the metadata of another issuer`))
    metadata = { issuer: `${origin}/`, jwks_uri: `${origin}/jwks` }
    expect(await judge(mint())).toMatchObject({ code: 'not-verified' })
    expect(asked).not.toContain('/jwks')
  })

  it.each([
    ['nothing', undefined],
    ['clear text', 'http://127.0.0.1/jwks'],
    ['a list', ['https://127.0.0.1/jwks']],
  ])('whose jwks_uri is %s is not believed', async (_, uri) => {
    metadata = { issuer, jwks_uri: uri }
    expect(await judge(mint())).toEqual(unverified(`${issuer} names no https jwks_uri`))
  })

  it('that publishes nonsense in place of keys has none', async () => {
    const none = unverified(`${issuer} publishes no key ${key.jwk.kid}`)
    keys = [null, 7, 'a', {}, { kid: key.jwk.kid }, { kty: 'oct', k: 'AA', kid: key.jwk.kid }]
    expect(await judge(mint())).toEqual(none)
    keys = []
    expect(await judge(mint())).toEqual(none)
    answers['/jwks'] = (_, response) =>
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"keys":{"length":1}}')
    expect(await judge(mint())).toEqual(unverified(`${origin}/jwks is no JWK set`))
    answers['/jwks'] = (_, response) => response.writeHead(200).end('<html>')
    expect(await judge(mint())).toEqual(unverified(`${origin}/jwks gives no JSON`))
    answers['/jwks'] = (_, response) => response.writeHead(500).end('{"keys":[]}')
    expect(await judge(mint())).toEqual(unverified(`${origin}/jwks cannot be fetched (status 500)`))
  })

  it('is not followed to clear text', async () => {
    answers['/jwks'] = (_, response) => response.writeHead(302, { Location: 'http://127.0.0.1:9/jwks' }).end()
    expect(await judge(mint())).toMatchObject({
      code: 'not-verified',
      message: expect.stringMatching(/^could not be verified: .*\/jwks cannot be fetched \(/) as string,
    })
  })

  it('that sends no end of keys is not listened to', async () => {
    answers['/jwks'] = (_, response) =>
      response.writeHead(200).end(JSON.stringify({ keys: ['x'.repeat(2 ** 20)] }))
    expect(await judge(mint())).toEqual(unverified(`${origin}/jwks cannot be fetched (ERR_BAD_RESPONSE)`))
  })

  it('that cannot be reached, is not trusted or does not answer is no reason to doubt the token', async () => {
    const closed = net.createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const nobody = `https://127.0.0.1:${(closed.address() as AddressInfo).port}`
    closed.close()
    const wellKnown = `${nobody}${OIDC}`
    expect(await judge(mint({ iss: nobody }))).toEqual(
      unverified(`${wellKnown} cannot be fetched (ECONNREFUSED)`),
    )

    const untrusting = verifier(axios.create({ httpsAgent: new https.Agent() }))
    expect(await judge(mint(), untrusting)).toMatchObject({
      code: 'not-verified',
      message: expect.stringMatching(/cannot be fetched \([A-Z_]+\)$/) as string,
    })

    answers[OIDC] = () => undefined
    const hurried = verifier(axios.create({ httpsAgent: new https.Agent({ ca }), timeout: 50 }))
    expect(await judge(mint(), hurried)).toEqual(
      unverified(`${origin}${OIDC} cannot be fetched (ECONNABORTED)`),
    )
  })

  it('is asked through the instance whatever that makes of answers', async () => {
    const odd = newHttp()
    Object.assign(odd.defaults, { validateStatus: () => true, responseType: 'text' })
    expect(await judge(mint(), verifier(odd))).toBeUndefined()
    answers['/jwks'] = (_, response) => response.writeHead(404).end(JSON.stringify({ keys }))
    expect(await judge(mint(), verifier(odd))).toEqual(
      unverified(`${origin}/jwks cannot be fetched (status 404)`),
    )
  })

  it('is told no token, also by an instance that attaches them', async () => {
    const instance = applyIgwnAuth(newHttp(), {})
    applyIgwnAuth(instance, { verify: instance, token: true })
    const token = (process.env.BEARER_TOKEN = mint({ aud: 'ANY' }))
    await instance.get(`${origin}/api`, { validateStatus: () => true })
    expect(asked).toEqual([OIDC, '/jwks', '/api'])
    expect(authorizations).toEqual([undefined, undefined, `Bearer ${token}`])
  })
})

describe('keys', () => {
  it('are fetched once for many tokens at once, and not again for more', async () => {
    const verify = verifier(http)
    const verdicts = await Promise.all(
      Array.from({ length: 20 }, (_, at) => judge(mint({ jti: String(at) }), verify)),
    )
    expect(verdicts).toEqual(Array(20).fill(undefined))
    expect(await judge(mint(), verify)).toBeUndefined()
    expect(asked).toEqual([OIDC, '/jwks'])
  })

  it('that fail to come fail all who wait, once, and are asked for anew', async () => {
    const verify = verifier(http)
    answers['/jwks'] = (_, response) => response.writeHead(503).end()
    const verdicts = await Promise.all([judge(mint(), verify), judge(mint(), verify)])
    const message = `${origin}/jwks cannot be fetched (status 503)`
    expect(verdicts).toEqual([unverified(message), unverified(message)])
    expect(asked).toEqual([OIDC, '/jwks'])
    answers = {}
    expect(await judge(mint(), verify)).toBeUndefined()
  })

  it('of one issuer say nothing of another', async () => {
    const verify = verifier(http)
    expect(await judge(mint(), verify)).toBeUndefined()
    const other = `${origin}/other`
    metadata = { issuer: other, jwks_uri: `${origin}/other-jwks` }
    answers['/other-jwks'] = (_, response) =>
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"keys":[]}')
    expect(await judge(mint({ iss: other }), verify)).toEqual(
      unverified(`${other} publishes no key ${key.jwk.kid}`),
    )
  })

  describe('in time', () => {
    beforeEach(stopClock)

    it('that were rotated are fetched again for a token with an unknown one, once a minute', async () => {
      const verify = verifier(http)
      expect(await judge(mint(), verify)).toBeUndefined()
      const next = createSigningKey()
      const unknown = unverified(`${issuer} publishes no key ${next.jwk.kid}`)
      passTime(59)
      keys = [next.jwk]
      expect(await judge(mint({}, next), verify)).toEqual(unknown)
      expect(asked).toHaveLength(2)
      passTime(1)
      expect(await judge(mint({}, next), verify)).toBeUndefined()
      expect(asked).toHaveLength(4)
    })

    it('are fetched again after six hours, and used for two days when they cannot be', async () => {
      const verify = verifier(http)
      expect(await judge(mint(), verify)).toBeUndefined()
      passTime(6 * 3600 - 1)
      expect(await judge(mint(), verify)).toBeUndefined()
      expect(asked).toHaveLength(2)
      passTime(1)
      expect(await judge(mint(), verify)).toBeUndefined()
      expect(asked).toHaveLength(4)

      answers['/jwks'] = (_, response) => response.writeHead(503).end()
      passTime(48 * 3600 - 1)
      expect(await judge(mint(), verify)).toBeUndefined()
      expect(await judge(mint({}, createSigningKey(key.jwk.kid)), verify)).toMatchObject({
        code: 'signature',
      })
      passTime(1)
      expect(await judge(mint(), verify)).toEqual(unverified(`${origin}/jwks cannot be fetched (status 503)`))
    })

    it('are fetched again when the clock was set back by as much, and unknown ones after a minute', async () => {
      const verify = verifier(http)
      const token = SciToken.deserialize(mint({ exp: now() + 3600 }))
      expect(await verify(token)).toBeUndefined()
      const next = createSigningKey()
      keys = [next.jwk]
      passTime(-59)
      expect(await judge(mint({}, next), verify)).toMatchObject({ code: 'not-verified' })
      expect(asked).toHaveLength(2)
      passTime(-1)
      expect(await judge(mint({}, next), verify)).toBeUndefined()
      expect(await verify(token)).toBeUndefined()
      expect(asked).toHaveLength(4)
      passTime(60 - 6 * 3600)
      expect(await verify(token)).toEqual(unverified(`${issuer} publishes no key ${key.jwk.kid}`))
    })

    it('that were withdrawn are not trusted for more than six hours', async () => {
      const verify = verifier(http)
      const token = SciToken.deserialize(mint())
      expect(await verify(token)).toBeUndefined()
      keys = [createSigningKey().jwk]
      passTime(6 * 3600 - 1)
      expect(await verify(token)).toBeUndefined()
      passTime(1)
      expect(await verify(token)).toEqual(unverified(`${issuer} publishes no key ${key.jwk.kid}`))
    })
  })
})

describe('findSciToken with verify', () => {
  const find = () => findSciToken({}, { verify: http })
  const failure = async () => {
    const error = await find().then(
      () => undefined,
      (thrown: unknown) => thrown as IgwnAuthError,
    )
    return error!
  }

  it('gives a token whose signature is right', async () => {
    const token = (process.env.BEARER_TOKEN = mint())
    expect((await find()).serialize()).toBe(token)
    await find()
    expect(asked).toEqual([OIDC, '/jwks'])
  })

  it('without it asks nobody', async () => {
    process.env.BEARER_TOKEN = mint({}, createSigningKey())
    expect((await findSciToken()).source).toBe('BEARER_TOKEN')
    expect((await findSciToken({}, { verify: false })).source).toBe('BEARER_TOKEN')
    expect(asked).toEqual([])
  })

  it('goes on to the next candidate while signatures do not hold, and says why', async () => {
    process.env.SCITOKEN = mint({}, createSigningKey(key.jwk.kid))
    process.env.BEARER_TOKEN = mint({}, createSigningKey('unknown'))
    // Written just now, so that each look reads it again.
    fs.writeFileSync(runtimeFile(), mint({ iss: 'http://issuer.example.org' }))
    put(temporaryFile(), mint())
    expect((await find()).source).toBe(temporaryFile())

    put(temporaryFile(), mint({ exp: now() }))
    const error = await failure()
    expect(error.code).toBe('ERR_IGWN_TOKEN_NOT_FOUND')
    expect(error.reasons.filter(({ code }) => code !== 'absent')).toEqual([
      {
        code: 'signature',
        source: 'SCITOKEN',
        message: `SCITOKEN has a signature that no key of ${issuer} made`,
      },
      {
        code: 'not-verified',
        source: 'BEARER_TOKEN',
        message: `BEARER_TOKEN could not be verified: ${issuer} publishes no key unknown`,
      },
      {
        code: 'not-verified',
        source: runtimeFile(),
        message: `${runtimeFile()} has no https issuer to get keys from`,
      },
      expect.objectContaining({ code: 'expired', source: temporaryFile() }),
    ])
  })

  it('says of each place that holds the same token that it does not hold', async () => {
    process.env.SCITOKEN = process.env.BEARER_TOKEN = mint({}, createSigningKey(key.jwk.kid))
    const { reasons } = await failure()
    expect(reasons.filter(({ code }) => code === 'signature').map(({ source }) => source)).toEqual([
      'SCITOKEN',
      'BEARER_TOKEN',
    ])
  })

  it('never says absent of a token that could not be verified', async () => {
    process.env.BEARER_TOKEN = mint()
    answers[OIDC] = (request) => request.socket.destroy()
    const error = await failure()
    expect(error.reasons.find(({ source }) => source === 'BEARER_TOKEN')).toEqual({
      code: 'not-verified',
      source: 'BEARER_TOKEN',
      message: `BEARER_TOKEN could not be verified: ${origin}${OIDC} cannot be fetched (ECONNRESET)`,
    })
    expect(error.message).toContain('BEARER_TOKEN could not be verified: ')
    answers = {}
    expect((await find()).source).toBe('BEARER_TOKEN')
  })

  it('sees a token that is renewed', async () => {
    put(runtimeFile(), mint({}, createSigningKey(key.jwk.kid)))
    expect((await failure()).code).toBe('ERR_IGWN_TOKEN_NOT_FOUND')
    const token = mint()
    put(runtimeFile(), token)
    expect((await find()).serialize()).toBe(token)
  })

  it('with true uses an instance of its own: nobody else sees its requests', async () => {
    process.env.BEARER_TOKEN = mint()
    const seen: unknown[] = []
    const id = axios.interceptors.request.use((config) => {
      seen.push(config.url)
      return config
    })
    // Our CA is not one it knows.
    await expect(findSciToken({}, { verify: true })).rejects.toMatchObject({
      reasons: expect.arrayContaining([expect.objectContaining({ code: 'not-verified' })]) as unknown,
    })
    axios.interceptors.request.eject(id)
    expect(seen).toEqual([])
  })
})

const servers = serverGroup()
afterEach(servers.close)

it('takes no keys that the fetch adapter was led to, which may have come in clear', async () => {
  const others = await servers.serve(() => ({
    body: JSON.stringify({ issuer: 'https://issuer.test', keys: [key.jwk] }),
  }))
  const leading = await servers.serve(() => ({ status: 302, headers: { location: others.origin } }))
  const toLoopback = async ({ url, redirect }: Request) =>
    fetch(url.replace('https://issuer.test', leading.origin), { redirect })
  const byFetch = axios.create({ adapter: 'fetch', env: { fetch: toLoopback } } as object)
  const token = SciToken.deserialize(mintFor({ iss: 'https://issuer.test' }, key))
  expect(await verifier(byFetch)(token)).toEqual({
    code: 'not-verified',
    message: `could not be verified: https://issuer.test${OIDC} cannot be fetched (status 302)`,
  })
  expect(leading.seen).toHaveLength(2)
  expect(others.seen).toEqual([])
})
