import { createHmac, sign } from 'node:crypto'
import fs from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import axios, { type AxiosInstance } from 'axios'
import { applyIgwnAuth } from '../../lib/instance/apply-igwn-auth'
import { processEnvironment } from '../../lib/environment'
import type { IgwnAuthError } from '../../lib/errors'
import { discovery } from '../../lib/tokens/discovery'
import { findSciToken, findVerified } from '../../lib/tokens/find-sci-token'
import { SciToken } from '../../lib/tokens/scitoken'
import { requirementsOf } from '../../lib/tokens/validate-claims'
import { verifier } from '../../lib/tokens/verify-signature'
import { listen } from '../support/listen'
import { createAuthority } from '../support/pki'
import { serve } from '../support/server'
import {
  createSigningKey,
  emptyPlaces,
  mint as mintFor,
  now,
  passTime,
  put,
  room,
  runtimeFile,
  stopClock,
  temporaryFile,
  type SigningKey,
} from '../support/tokens'

/** An issuer on loopback; the tests change what it publishes. */
let ca: string
let origin: string
let issuer: string
let keys: unknown[]
let metadata: Record<string, unknown>
/** Responses of other paths. */
let answers: Record<string, (request: IncomingMessage, response: ServerResponse) => unknown>
let asked: string[]
let authorizations: unknown[]
let key: SigningKey
let http: AxiosInstance
let agent: https.Agent

const OIDC = '/.well-known/openid-configuration'
const rejections: unknown[] = []
const onRejection = (reason: unknown) => rejections.push(reason)

beforeAll(async () => {
  process.on('unhandledRejection', onRejection)
  const authority = await createAuthority()
  const { certificate, key: serverKey } = await authority.issueServer()
  ca = authority.certificate
  agent = new https.Agent({ ca, keepAlive: true })
  const server = https.createServer({ cert: certificate, key: serverKey }, (request, response) => {
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
  origin = `https://localhost:${(await listen(server)).port}`
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

afterAll(() => {
  agent.destroy()
  process.off('unhandledRejection', onRejection)
  expect(rejections).toEqual([])
})

/** One TLS handshake for all tests takes less time than one for each request. */
function newHttp(): AxiosInstance {
  return axios.create({ httpsAgent: agent, timeout: 5000 })
}

/** A JWT with exactly this header, which jsonwebtoken refuses to make. */
function signedBy({ privateKey }: SigningKey, header: object, claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${part(header)}.${part(claims)}`
  const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

const mint = (claims: Record<string, unknown> = {}, signedBy = key) =>
  mintFor({ iss: issuer, ...claims }, signedBy)
const verify = (text: string, check = verifier(http)) => check(SciToken.deserialize(text))
const unverified = (message: string) => ({
  code: 'not-verified',
  message: `could not be verified: ${message}`,
})

describe('a signature', () => {
  it('is verified with the keys of OpenID Connect metadata', async () => {
    expect(await verify(mint())).toBeUndefined()
    expect(asked).toEqual([OIDC, '/jwks'])
  })

  it('that is wrong is reported', async () => {
    const forged = createSigningKey(key.jwk.kid)
    expect(await verify(mint({}, forged))).toEqual({
      code: 'signature',
      message: `has an invalid signature: no key of ${issuer} made it`,
    })
    const [header, , signature] = mint().split('.')
    const [, claims] = mint({ scope: 'write:/' }).split('.')
    expect(await verify([header, claims, signature].join('.'))).toMatchObject({ code: 'signature' })
    expect(await verify(mint().slice(0, -4))).toMatchObject({ code: 'signature' })
    expect(await verify(`${header}.${claims}.`)).toMatchObject({ code: 'signature' })
  })

  it('is verified without regard to exp and nbf, which are checked elsewhere', async () => {
    expect(await verify(mint({ exp: now() - 10 }))).toBeUndefined()
    expect(await verify(mint({ nbf: now() + 30 }))).toBeUndefined()
  })

  it('may be made with RSA', async () => {
    const rsa = createSigningKey('rsa', 'RS256')
    keys = [rsa.jwk]
    const token = rsa.sign({ iss: issuer })
    expect(await verify(token)).toBeUndefined()
  })

  it('without kid is verified with each key of the right type', async () => {
    const token = key.sign({ iss: issuer }, { kid: undefined })
    expect(await verify(token)).toBeUndefined()
    keys = [createSigningKey().jwk, createSigningKey().jwk]
    expect(await verify(token)).toMatchObject({ code: 'signature' })
    keys = [{ ...key.jwk, kty: 'RSA' }]
    expect(await verify(token)).toEqual(unverified(`${issuer} publishes no ES256 key`))
  })

  it.each([
    ['use', { use: 'enc' }],
    ['alg', { alg: 'ES384' }],
    ['kty', { kty: 'RSA' }],
    ['crv', { crv: 'P-384' }],
    ['key_ops', { key_ops: ['encrypt'] }],
  ])('is not verified with the key of its kid if %s does not fit', async (_, other) => {
    keys = [{ ...key.jwk, ...other }]
    expect(await verify(mint())).toEqual(unverified(`${issuer} publishes no ES256 key ${key.jwk.kid}`))
    keys = [{ ...key.jwk, ...other }, key.jwk]
    expect(await verify(mint())).toBeUndefined()
  })

  it.each(['JWT', 'jwt', 'at+jwt', 'application/at+jwt', undefined])('may have the typ %s', async (typ) => {
    expect(await verify(key.sign({ iss: issuer }, { typ }))).toBeUndefined()
  })

  it.each(['logout+jwt', 'dpop+jwt', 'JOSE', 7])('must not have the typ %p', async (typ) => {
    expect(await verify(key.sign({ iss: issuer }, { typ }))).toEqual({
      code: 'not-verified',
      message: `is not an access token: its header has typ ${typeof typ === 'string' ? typ : 'of the wrong type'}`,
    })
    expect(asked).toEqual([])
  })

  it('must not need an extension that is not known (crit)', async () => {
    const header = { alg: 'ES256', kid: key.jwk.kid, crit: ['b64'], b64: true }
    expect(await verify(signedBy(key, header, { iss: issuer }))).toEqual({
      code: 'not-verified',
      message: 'requires a header extension (crit) that is not known, so it cannot be verified',
    })
    expect(asked).toEqual([])
  })

  it('must not be issued more than 60 seconds in the future (iat)', async () => {
    stopClock()
    expect(await verify(mint({ iat: now() + 60 }))).toBeUndefined()
    expect(await verify(mint({ iat: now() + 61 }))).toEqual({
      code: 'not-yet-valid',
      claim: 'iat',
      expected: 'now',
      actual: now() + 61,
      message: 'was issued in the future (iat)',
    })
    expect(await verify(mint({ iat: 'now' }))).toMatchObject({ code: 'claim', claim: 'iat' })
  })

  it('made with HMAC, or missing, is rejected without asking the issuer', async () => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = part({ iss: issuer })
    const secret = JSON.stringify(key.jwk)
    const input = `${part({ alg: 'HS256', kid: key.jwk.kid })}.${claims}`
    const hmac = createHmac('sha256', secret).update(input).digest('base64url')
    const cannot = (alg: string) => ({
      code: 'not-verified',
      message: `is signed with ${alg}, which cannot be verified`,
    })
    expect(await verify(`${input}.${hmac}`)).toEqual(cannot('HS256'))
    expect(await verify(`${part({ alg: 'none' })}.${claims}.`)).toEqual(cannot('none'))
    expect(await verify(`${part({ alg: 'toString' })}.${claims}.AA`)).toEqual(cannot('toString'))
    expect(await verify(`${part({ alg: '\u001b[2J' })}.${claims}.AA`)).toEqual(cannot('?[2J'))
    expect(await verify(`${part({ typ: 'JWT' })}.${claims}.AA`)).toEqual(cannot('no algorithm'))
    expect(asked).toEqual([])
  })
})

describe('the issuer', () => {
  it.each([
    ['http', () => origin.replace('https', 'http')],
    ['undefined', () => undefined],
    ['no URL', () => 'igwn'],
    ['a file', () => 'file:///etc/passwd'],
  ])('that is %s is not asked', async (_, iss) => {
    expect(await verify(mint({ iss: iss() }))).toEqual({
      code: 'not-verified',
      message: 'has no https issuer to get keys from',
    })
    expect(asked).toEqual([])
  })

  it('that is not a valid URL is not asked', async () => {
    expect(await verify(mint({ iss: 'https://' }))).toEqual(unverified('Invalid URL'))
  })

  it('with a path has its metadata below it, or where RFC 8414 says', async () => {
    issuer = `${origin}/igwn`
    metadata = { issuer, jwks_uri: `${origin}/jwks` }
    expect(await verify(mint())).toBeUndefined()
    expect(asked).toEqual([`/igwn${OIDC}`, '/jwks'])

    asked = []
    answers[`/igwn${OIDC}`] = (_, response) => response.writeHead(404).end()
    answers['/.well-known/oauth-authorization-server/igwn'] = (_, response) =>
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(metadata))
    expect(await verify(mint())).toBeUndefined()
    expect(asked).toEqual([`/igwn${OIDC}`, '/.well-known/oauth-authorization-server/igwn', '/jwks'])
  })

  it('whose metadata names another issuer is rejected', async () => {
    metadata = { issuer: 'https://other.example.org', jwks_uri: `${origin}/jwks` }
    expect(await verify(mint())).toEqual(unverified(`${origin}${OIDC} is the metadata of another issuer`))
    metadata = { issuer: `${origin}/`, jwks_uri: `${origin}/jwks` }
    expect(await verify(mint())).toMatchObject({ code: 'not-verified' })
    expect(asked).not.toContain('/jwks')
  })

  it.each([
    ['nothing', undefined],
    ['plain HTTP', 'http://127.0.0.1/jwks'],
    ['a list', ['https://127.0.0.1/jwks']],
  ])('whose jwks_uri is %s is rejected', async (_, uri) => {
    metadata = { issuer, jwks_uri: uri }
    expect(await verify(mint())).toEqual(unverified(`${issuer} has no https jwks_uri in its metadata`))
  })

  it('that publishes no usable keys is reported', async () => {
    const none = unverified(`${issuer} publishes no ES256 key ${key.jwk.kid}`)
    keys = [null, 7, 'a', {}, { kid: key.jwk.kid }, { kty: 'oct', k: 'AA', kid: key.jwk.kid }]
    expect(await verify(mint())).toEqual(none)
    keys = []
    expect(await verify(mint())).toEqual(none)
    answers['/jwks'] = (_, response) =>
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"keys":{"length":1}}')
    expect(await verify(mint())).toEqual(unverified(`${origin}/jwks is not a JWK set`))
    answers['/jwks'] = (_, response) => response.writeHead(200).end('<html>')
    expect(await verify(mint())).toEqual(unverified(`${origin}/jwks is not JSON`))
    answers['/jwks'] = (_, response) => response.writeHead(500).end('{"keys":[]}')
    expect(await verify(mint())).toEqual(unverified(`${origin}/jwks cannot be fetched (status 500)`))
  })

  it('may publish 100 keys: each of them may be tried for each token', async () => {
    keys = [...Array.from({ length: 99 }, () => createSigningKey().jwk), key.jwk]
    expect(await verify(key.sign({ iss: issuer }, { kid: undefined }))).toBeUndefined()
    keys = [...keys, key.jwk]
    expect(await verify(mint())).toEqual(unverified(`${origin}/jwks has more than 100 keys`))
  })

  it('is not followed to plain HTTP', async () => {
    answers['/jwks'] = (_, response) => response.writeHead(302, { Location: 'http://127.0.0.1:9/jwks' }).end()
    expect(await verify(mint())).toMatchObject({
      code: 'not-verified',
      message: expect.stringMatching(/^could not be verified: .*\/jwks cannot be fetched \(/) as string,
    })
  })

  it('may send 1 MiB in total, metadata and keys together', async () => {
    const json = (body: object) => (_: unknown, response: ServerResponse) => {
      response.writeHead(200).end(JSON.stringify(body))
    }
    answers['/jwks'] = json({ keys: ['x'.repeat(2 ** 20)] })
    const tooMuch = unverified(`${origin}/jwks cannot be fetched (ERR_BAD_RESPONSE)`)
    expect(await verify(mint())).toEqual(tooMuch)
    const half = 'x'.repeat(2 ** 19)
    answers['/jwks'] = json({ keys, half })
    expect(await verify(mint())).toBeUndefined()
    answers[OIDC] = json({ ...metadata, half })
    expect(await verify(mint())).toEqual(tooMuch)
  })

  it.each([
    ['never responds', () => undefined],
    [
      'sends a byte now and then',
      (_: IncomingMessage, response: ServerResponse) => {
        const timer = setInterval(() => response.write(' '), 5)
        response.on('close', () => {
          clearInterval(timer)
        })
      },
    ],
  ])('that %s is given up after the deadline', async (_, answer) => {
    const check = verifier(http, { deadline: 500 })
    answers['/jwks'] = answer
    expect(await verify(mint(), check)).toEqual(
      unverified(`${issuer} did not send its keys within 0.5 seconds`),
    )
    answers = {}
    // On a busy host the right response is late too.
    let again: unknown = 'not asked'
    for (let attempts = 0; again !== undefined && attempts < 20; attempts++)
      again = await verify(mint(), check)
    expect(again).toBeUndefined()
  })

  it('is given up after the deadline also by an adapter that ignores the signal', async () => {
    const adapter = () => new Promise<never>(() => undefined)
    expect(await verify(mint(), verifier(axios.create({ adapter }), { deadline: 20 }))).toEqual(
      unverified(`${issuer} did not send its keys within 0.02 seconds`),
    )
  })

  it('is trusted with the CAs that the environment names', async () => {
    const bundle = put(room('ca.pem'), ca)
    const env = { ...process.env, SSL_CERT_FILE: bundle }
    const environment = { ...processEnvironment, env }
    const plain = axios.create()
    expect(await verify(mint(), verifier(plain, { environment }))).toBeUndefined()
    expect(await verify(mint(), verifier(plain))).toMatchObject({
      code: 'not-verified',
      message: expect.stringMatching(
        /^could not be verified: the certificate of localhost:\d+ is not .*trusted .*[^.]$/,
      ) as string,
    })
  })

  it('that cannot be reached or does not respond makes the token not verified', async () => {
    const closedPort = 'https://127.0.0.1:1'
    const wellKnown = `${closedPort}${OIDC}`
    expect(await verify(mint({ iss: closedPort }))).toEqual(
      unverified(`${wellKnown} cannot be fetched (ECONNREFUSED)`),
    )

    answers[OIDC] = () => undefined
    const hurried = verifier(axios.create({ httpsAgent: new https.Agent({ ca }), timeout: 50 }))
    expect(await verify(mint(), hurried)).toEqual(
      unverified(`${origin}${OIDC} cannot be fetched (ECONNABORTED)`),
    )
  })

  it('is asked through an instance with any responseType and validateStatus', async () => {
    const odd = newHttp()
    Object.assign(odd.defaults, { validateStatus: () => true, responseType: 'text' })
    expect(await verify(mint(), verifier(odd))).toBeUndefined()
    answers['/jwks'] = (_, response) => response.writeHead(404).end(JSON.stringify({ keys }))
    expect(await verify(mint(), verifier(odd))).toEqual(
      unverified(`${origin}/jwks cannot be fetched (status 404)`),
    )
  })

  it('gets no token, also from an instance that attaches them', async () => {
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
    const check = verifier(http)
    const verdicts = await Promise.all(
      Array.from({ length: 20 }, (_, at) => verify(mint({ jti: String(at) }), check)),
    )
    expect(verdicts).toEqual(Array(20).fill(undefined))
    expect(await verify(mint(), check)).toBeUndefined()
    expect(asked).toEqual([OIDC, '/jwks'])
  })

  it('that cannot be fetched fail all waiting calls, and are fetched again by the next', async () => {
    const check = verifier(http)
    answers['/jwks'] = (_, response) => response.writeHead(503).end()
    const verdicts = await Promise.all([verify(mint(), check), verify(mint(), check)])
    const message = `${origin}/jwks cannot be fetched (status 503)`
    expect(verdicts).toEqual([unverified(message), unverified(message)])
    expect(asked).toEqual([OIDC, '/jwks'])
    answers = {}
    expect(await verify(mint(), check)).toBeUndefined()
  })

  it('of one issuer are not used for another', async () => {
    const check = verifier(http)
    expect(await verify(mint(), check)).toBeUndefined()
    const other = `${origin}/other`
    metadata = { issuer: other, jwks_uri: `${origin}/other-jwks` }
    answers['/other-jwks'] = (_, response) =>
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"keys":[]}')
    expect(await verify(mint({ iss: other }), check)).toEqual(
      unverified(`${other} publishes no ES256 key ${key.jwk.kid}`),
    )
  })

  describe('over time', () => {
    beforeEach(stopClock)

    it('are fetched again for an unknown kid, once a minute', async () => {
      const check = verifier(http)
      expect(await verify(mint(), check)).toBeUndefined()
      const next = createSigningKey()
      const unknown = unverified(
        `${issuer} publishes no ES256 key ${next.jwk.kid}. If the issuer has just changed its keys, try again in a minute`,
      )
      passTime(59)
      keys = [next.jwk]
      expect(await verify(mint({}, next), check)).toEqual(unknown)
      expect(asked).toHaveLength(2)
      passTime(1)
      expect(await verify(mint({}, next), check)).toBeUndefined()
      expect(asked).toHaveLength(4)
    })

    it.each<[string, (next: SigningKey) => string]>([
      ['without kid', (next) => next.sign({ iss: issuer }, { kid: undefined })],
      ['with the kid of a replaced key', (next) => next.sign({ iss: issuer }, { kid: key.jwk.kid })],
    ])('are fetched again for a token %s that none of them signed, once a minute', async (_, tokenOf) => {
      const check = verifier(http)
      expect(await verify(mint(), check)).toBeUndefined()
      const next = createSigningKey()
      keys = [{ ...next.jwk, kid: key.jwk.kid }]
      passTime(59)
      expect(await verify(tokenOf(next), check)).toEqual({
        code: 'signature',
        message: `has an invalid signature: no key of ${issuer} made it. If the issuer has just changed its keys, try again in a minute`,
      })
      expect(asked).toHaveLength(2)
      passTime(1)
      expect(await verify(tokenOf(next), check)).toBeUndefined()
      expect(asked).toHaveLength(4)
      expect(await verify(tokenOf(createSigningKey()), check)).toMatchObject({ code: 'signature' })
      expect(asked).toHaveLength(4)
    })

    it('are fetched again after six hours, and used for two days while the issuer is unreachable', async () => {
      const check = verifier(http)
      expect(await verify(mint(), check)).toBeUndefined()
      passTime(6 * 3600 - 1)
      expect(await verify(mint(), check)).toBeUndefined()
      expect(asked).toHaveLength(2)
      passTime(1)
      expect(await verify(mint(), check)).toBeUndefined()
      expect(asked).toHaveLength(4)

      answers['/jwks'] = (_, response) => response.writeHead(503).end()
      passTime(48 * 3600 - 1)
      expect(await verify(mint(), check)).toBeUndefined()
      expect(await verify(mint({}, createSigningKey(key.jwk.kid)), check)).toMatchObject({
        code: 'signature',
      })
      passTime(1)
      expect(await verify(mint(), check)).toEqual(unverified(`${origin}/jwks cannot be fetched (status 503)`))
    })

    it('are fetched again when the clock was set back by six hours, and for an unknown kid by a minute', async () => {
      const check = verifier(http)
      const token = SciToken.deserialize(mint({ exp: now() + 3600 }))
      expect(await check(token)).toBeUndefined()
      const next = createSigningKey()
      keys = [next.jwk]
      passTime(-59)
      expect(await verify(mint({}, next), check)).toMatchObject({ code: 'not-verified' })
      expect(asked).toHaveLength(2)
      passTime(-1)
      expect(await verify(mint({}, next), check)).toBeUndefined()
      expect(await check(token)).toBeUndefined()
      expect(asked).toHaveLength(4)
      passTime(60 - 6 * 3600)
      expect(await check(token)).toEqual(unverified(`${issuer} publishes no ES256 key ${key.jwk.kid}`))
    })

    it('that were withdrawn are not used for more than six hours', async () => {
      const check = verifier(http)
      const token = SciToken.deserialize(mint())
      expect(await check(token)).toBeUndefined()
      keys = [createSigningKey().jwk]
      passTime(6 * 3600 - 1)
      expect(await check(token)).toBeUndefined()
      passTime(1)
      expect(await check(token)).toEqual(unverified(`${issuer} publishes no ES256 key ${key.jwk.kid}`))
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

  it('finds a token with a valid signature', async () => {
    const token = (process.env.BEARER_TOKEN = mint())
    expect((await find()).serialize()).toBe(token)
  })

  it('keeps nothing between calls; one search keeps the keys', async () => {
    process.env.BEARER_TOKEN = mint()
    await find()
    await find()
    expect(asked).toEqual([OIDC, '/jwks', OIDC, '/jwks'])
    const search = discovery()
    await findVerified(search, requirementsOf({}), { verify: http })
    process.env.BEARER_TOKEN = mint()
    await findVerified(search, requirementsOf({}), { verify: http })
    expect(asked).toHaveLength(6)
  })

  it('false asks no issuer', async () => {
    process.env.BEARER_TOKEN = mint({}, createSigningKey())
    expect((await findSciToken()).source).toBe('BEARER_TOKEN')
    expect((await findSciToken({}, { verify: false })).source).toBe('BEARER_TOKEN')
    expect(asked).toEqual([])
  })

  it('skips candidates with invalid signatures, with reasons', async () => {
    process.env.SCITOKEN = mint({}, createSigningKey(key.jwk.kid))
    process.env.BEARER_TOKEN = mint({}, createSigningKey('unknown'))
    // Written just now, so that each search reads it again.
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
        message: `SCITOKEN has an invalid signature: no key of ${issuer} made it`,
      },
      {
        code: 'not-verified',
        source: 'BEARER_TOKEN',
        message: `BEARER_TOKEN could not be verified: ${issuer} publishes no ES256 key unknown. If the issuer has just changed its keys, try again in a minute`,
      },
      {
        code: 'not-verified',
        source: runtimeFile(),
        message: `${runtimeFile()} has no https issuer to get keys from`,
      },
      expect.objectContaining({ code: 'expired', source: temporaryFile() }),
    ])
  })

  it('gives a reason for each location of the same token', async () => {
    process.env.SCITOKEN = process.env.BEARER_TOKEN = mint({}, createSigningKey(key.jwk.kid))
    const { reasons } = await failure()
    expect(reasons.filter(({ code }) => code === 'signature').map(({ source }) => source)).toEqual([
      'SCITOKEN',
      'BEARER_TOKEN',
    ])
  })

  it('reports a token that could not be verified', async () => {
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

  it('finds a renewed token', async () => {
    put(runtimeFile(), mint({}, createSigningKey(key.jwk.kid)))
    expect((await failure()).code).toBe('ERR_IGWN_TOKEN_NOT_FOUND')
    const token = mint()
    put(runtimeFile(), token)
    expect((await find()).serialize()).toBe(token)
  })

  it('true uses a separate axios instance, whose requests no interceptor sees', async () => {
    process.env.BEARER_TOKEN = mint()
    const seen: unknown[] = []
    const id = axios.interceptors.request.use((config) => {
      seen.push(config.url)
      return config
    })
    // It does not trust our CA.
    await expect(findSciToken({}, { verify: true })).rejects.toMatchObject({
      reasons: expect.arrayContaining([expect.objectContaining({ code: 'not-verified' })]) as unknown,
    })
    axios.interceptors.request.eject(id)
    expect(seen).toEqual([])
  })
})

it('the fetch adapter does not follow redirects, which may lead to plain HTTP', async () => {
  const others = await serve(() => ({
    body: JSON.stringify({ issuer: 'https://issuer.test', keys: [key.jwk] }),
  }))
  const leading = await serve(() => ({ status: 302, headers: { location: others.origin } }))
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
