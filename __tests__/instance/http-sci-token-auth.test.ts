import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import axios, { type AxiosResponse } from 'axios'
import { applyIgwnAuth, HTTPSciTokenAuth, SciToken } from '../support/all'
import { mint } from '../support/tokens'
import { challenge, serve } from '../support/server'

beforeEach(() => {
  for (const name of ['BEARER_TOKEN', 'SCITOKEN']) delete process.env[name]
})

const whatever = { validateStatus: () => true }
const needsToken = (accepted: string) => (seen: { headers: { authorization?: string | undefined } }) =>
  seen.headers.authorization === `Bearer ${accepted}` ? {} : challenge('realm="a, b", scope="read:/frames"')

describe('apply', () => {
  it('without a token sends none before the challenge, and then the one that is found', async () => {
    const token = (process.env.BEARER_TOKEN = mint({ aud: 'ANY' }))
    const server = await serve(needsToken(token))
    const instance = axios.create()
    expect(new HTTPSciTokenAuth().apply(instance)).toBe(instance)
    expect((await instance.get(server.origin)).status).toBe(200)
    expect(server.authorizations).toEqual([undefined, `Bearer ${token}`])
  })

  it('returns the 401 when there is no token, where the Python class raises', async () => {
    const server = await serve(needsToken('none'))
    const { status, data } = await new HTTPSciTokenAuth()
      .apply(axios.create(whatever))
      .get<unknown>(server.origin)
    expect([status, data]).toEqual([401, { error: 'refused' }])
    expect(server.seen).toHaveLength(1)
  })

  it('sends a given token at once, and after a refusal the one that is found', async () => {
    const found = (process.env.BEARER_TOKEN = mint({ aud: 'ANY' }))
    const server = await serve(needsToken(found))
    await new HTTPSciTokenAuth({ token: 'given' }).apply(axios.create()).get(server.origin)
    expect(server.authorizations).toEqual(['Bearer given', `Bearer ${found}`])
  })

  it.each([[{ force: true }], [{ token: true as const }]])(
    'with %j finds one before each request',
    async (options) => {
      const token = (process.env.BEARER_TOKEN = mint({ aud: 'ANY' }))
      const server = await serve(() => ({}))
      const instance = new HTTPSciTokenAuth(options).apply(axios.create())
      await instance.get(server.origin)
      expect(server.authorizations).toEqual([`Bearer ${token}`])
      delete process.env.BEARER_TOKEN
      await expect(instance.get(server.origin)).rejects.toMatchObject({ code: 'ERR_IGWN_TOKEN_NOT_FOUND' })
      expect(server.seen).toHaveLength(1)
    },
  )

  it('requires the given audience', async () => {
    process.env.SCITOKEN = mint({ aud: 'https://one' })
    const second = (process.env.BEARER_TOKEN = mint({ aud: 'https://two' }))
    const server = await serve(needsToken(second))
    await new HTTPSciTokenAuth({ audience: 'https://two' }).apply(axios.create()).get(server.origin)
    expect(server.authorizations.at(-1)).toBe(`Bearer ${second}`)
  })

  it('rejects a token that cannot be sent', () => {
    expect(() => new HTTPSciTokenAuth({ token: 'a\nb' })).toThrow(
      /^the token option is not a bearer token: character 2 of 3/,
    )
  })
})

describe('findToken', () => {
  it('finds one for a URL', async () => {
    process.env.SCITOKEN = mint({ aud: 'https://one.example.org' })
    process.env.BEARER_TOKEN = mint({ aud: 'https://two.example.org' })
    const token = await new HTTPSciTokenAuth().findToken('https://two.example.org/path')
    expect(token?.source).toBe('BEARER_TOKEN')
  })

  it('throws without one, or returns undefined with error: false', async () => {
    const auth = new HTTPSciTokenAuth()
    await expect(auth.findToken('https://a.example.org')).rejects.toMatchObject({
      code: 'ERR_IGWN_TOKEN_NOT_FOUND',
    })
    expect(await auth.findToken('https://a.example.org', { error: false })).toBeUndefined()
  })
})

describe('generateBearerHeader', () => {
  it('is that of the token given, or of one found', async () => {
    expect(await new HTTPSciTokenAuth({ token: 'abc' }).generateBearerHeader()).toBe('Bearer abc')
    const token = SciToken.deserialize(mint({ aud: 'ANY' }))
    expect(await new HTTPSciTokenAuth({ token }).generateBearerHeader()).toBe(`Bearer ${token.serialize()}`)
    expect(await new HTTPSciTokenAuth().generateBearerHeader()).toBeUndefined()
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    expect(await new HTTPSciTokenAuth().generateBearerHeader()).toBe(`Bearer ${process.env.BEARER_TOKEN}`)
  })
})

describe('handleResponse', () => {
  const refusal = async (origin: string, config = {}) =>
    axios.request({ url: origin, ...whatever, ...config })

  it('retries a 401 with a Bearer challenge with a token', async () => {
    const token = (process.env.BEARER_TOKEN = mint({ aud: 'ANY' }))
    const server = await serve(needsToken(token))
    const first = await refusal(`${server.origin}/a?b=c`, {
      method: 'post',
      data: { x: 1 },
      headers: { 'X-Own': '1' },
    })
    const response = await new HTTPSciTokenAuth().handleResponse(first)
    expect(response.status).toBe(200)
    expect(response.data).toEqual({ ok: true })
    expect(server.seen[1]).toMatchObject({
      method: 'POST',
      url: '/a?b=c',
      body: '{"x":1}',
      headers: { 'x-own': '1' },
    })
    expect(inspect(response, { depth: null })).not.toContain(token)
  })

  it.each<[string, (origin: string) => Promise<AxiosResponse>]>([
    ['that is no 401', async (origin) => refusal(`${origin}/ok`)],
    ['without a Bearer challenge', async (origin) => refusal(`${origin}/basic`)],
    [
      'to a stream, which cannot be sent again',
      async (origin) => refusal(origin, { method: 'post', data: Readable.from(['x']) }),
    ],
    ['that a redirect led to', async (origin) => refusal(`${origin}/redirect`)],
  ])('gives a response %s back as it is', async (_, request) => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    const server = await serve(({ url }) => {
      if (url === '/ok') return {}
      if (url === '/basic') return { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="Bearer"' } }
      if (url === '/redirect') return { status: 302, headers: { location: '/there' } }
      return challenge()
    })
    const response = await request(server.origin)
    const sent = server.seen.length
    expect(await new HTTPSciTokenAuth().handleResponse(response)).toBe(response)
    expect(server.seen).toHaveLength(sent)
  })

  it('sends a request again whose own URL has authz, also on an instance with IGWN auth', async () => {
    const server = await serve(({ headers }) => (headers.authorization ? {} : challenge()))
    const instance = applyIgwnAuth(axios.create({ validateStatus: () => true }), { forceNoAuth: true })
    const response = await instance.get(`${server.origin}/f?a=b%20c&authz=of-the-caller`)
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    expect((await new HTTPSciTokenAuth().handle401(response)).status).toBe(200)
    expect(server.seen.map(({ url }) => url)).toEqual(Array(2).fill('/f?a=b%20c&authz=of-the-caller'))
  })

  it('returns the 401 without a token, and with the refused one', async () => {
    const server = await serve(() => challenge())
    const first = await refusal(server.origin)
    expect(await new HTTPSciTokenAuth().handle401(first)).toBe(first)
    const token = (process.env.BEARER_TOKEN = mint({ aud: 'ANY' }))
    const second = await refusal(server.origin, { headers: { Authorization: `Bearer ${token}` } })
    expect(await new HTTPSciTokenAuth().authenticateBearer(second)).toBe(second)
    expect(server.seen).toHaveLength(2)
  })

  it('returns a second refusal as the response', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    const server = await serve(() => challenge())
    const response = await new HTTPSciTokenAuth().handleResponse(await refusal(server.origin))
    expect(response.status).toBe(401)
    expect(server.seen).toHaveLength(2)
  })
})

describe('equals', () => {
  it.each([
    [{}, {}, true],
    [{ token: 'a' }, { token: 'a' }, true],
    [{ token: 'a' }, { token: Buffer.from('a') }, true],
    [{ token: true as const }, { force: true }, true],
    [{ audience: ['a', 'b'] }, { audience: ['a', 'b'] }, true],
    [{ token: 'a' }, { token: 'b' }, false],
    [{ audience: 'a' }, { audience: 'b' }, false],
    [{ force: true }, {}, false],
  ])('%j and %j: %s', (one, two, expected) => {
    expect(new HTTPSciTokenAuth(one).equals(new HTTPSciTokenAuth(two))).toBe(expected)
  })

  it('is false for anything else', () => {
    expect(new HTTPSciTokenAuth().equals({ token: undefined, audience: undefined, force: false })).toBe(false)
  })
})

it('shows no token when it is printed', () => {
  const auth = new HTTPSciTokenAuth({ token: 'sosecret' })
  expect(inspect(auth, { depth: null, showHidden: true }) + JSON.stringify(auth)).not.toContain('sosecret')
  expect(auth.token).toBe('sosecret')
})
