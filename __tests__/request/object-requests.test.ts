/** Requests to objects of a federation: which server gets them, which token they carry, and what happens when a server fails. */
import fs from 'node:fs'
import https from 'node:https'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import axios, { type AxiosError, type AxiosInstance } from 'axios'
import { applyIgwnAuth, explain, igwnAxios, type IgwnAuthEvent, type IgwnAuthOptions } from '../../lib/index'
import { expectNoSecret } from '../support/expect-no-secret'
import { trustedFederation, type TestFederation } from '../support/federation'
import { mint } from '../support/tokens'

const FRAME = '/igwn/frames/f.txt'
const good = mint({ aud: 'ANY', scope: 'read:/frames write:/frames' })

let federation: TestFederation

beforeAll(async () => {
  federation = await trustedFederation()
})
beforeEach(async () => {
  await federation.reset()
  process.env.BEARER_TOKEN = good
})
afterEach(() => {
  jest.restoreAllMocks()
  delete process.env.BEARER_TOKEN
  delete process.env._CONDOR_CREDS
})

const withAuth = (options: IgwnAuthOptions = {}): AxiosInstance => applyIgwnAuth(axios.create(), options)
const failureOf = (request: Promise<unknown>) =>
  request.then(
    () => {
      throw new Error('nothing was thrown')
    },
    (error: unknown) => error as AxiosError & { igwnAuth?: { summary: string } },
  )
/** The requests that each server got. */
const seen = () => {
  const { director, caches, source } = federation
  return [director, ...caches, source].map((host) => host.seen.map(({ method }) => method).join(' '))
}
const authorizations = () =>
  [federation.director, ...federation.caches, federation.source].flatMap((host) =>
    host.seen.map(({ headers }) => headers.authorization),
  )

/** Lets the clock and the timers of more than a second run so many times as fast. */
function accelerate(factor: number): void {
  const { setTimeout: real } = globalThis
  const now = performance.now.bind(performance)
  const begin = now()
  jest.spyOn(performance, 'now').mockImplementation(() => begin + (now() - begin) * factor)
  jest
    .spyOn(globalThis, 'setTimeout')
    .mockImplementation((act: () => void, delay = 0, ...rest: []) =>
      real(act, delay > 1000 ? delay / factor : delay, ...rest),
    )
}

describe('a request to an object', () => {
  it('goes to the first server of the director, with the token of its issuer and scope, which the director does not get', async () => {
    const { data, config, status } = await withAuth().get<string>(federation.url(FRAME))
    expect([status, data, config.url]).toEqual([200, 'a secret frame\n', federation.url(FRAME)])
    expect(seen()).toEqual(['GET GET', 'GET', '', ''])
    expect(authorizations()).toEqual([undefined, undefined, `Bearer ${good}`])
  })

  it('asks the director once for requests of one instance, and again for another instance', async () => {
    const instance = withAuth()
    await Promise.all([instance.get(federation.url(FRAME)), instance.head(federation.url(FRAME))])
    await instance.get(FRAME, { baseURL: federation.url('') })
    expect(federation.director.seen).toHaveLength(2)
    await igwnAxios.create().get(federation.url(FRAME))
    expect(federation.director.seen).toHaveLength(4)
  })

  it('that is known carries what variables and options name now', async () => {
    const instance = withAuth()
    const url = federation.url(FRAME)
    await instance.get(url)
    process.env.BEARER_TOKEN = mint({ aud: 'ANY', scope: 'read:/' })
    await instance.get(url)
    await failureOf(instance.get(url, { igwnAuth: { token: 'given-by-caller' } }))
    await failureOf(instance.get(url, { headers: { Authorization: 'Bearer mine' } }))
    const sent = federation.caches[0].seen.map(({ headers }) => headers.authorization)
    const current = process.env.BEARER_TOKEN
    expect(sent).toEqual([`Bearer ${good}`, `Bearer ${current}`, 'Bearer given-by-caller', 'Bearer mine'])
    process.env.BEARER_TOKEN = mint({ aud: 'ANY', iss: 'https://other.test' })
    expect(await failureOf(instance.get(url))).toMatchObject({ code: 'ERR_IGWN_TOKEN_NOT_FOUND' })
    expect(federation.director.seen).toHaveLength(2)
  })

  it('uses the agent of each request, whose pool the requests share', async () => {
    const instance = withAuth()
    const agents = [1, 2].map(
      () => new https.Agent({ ca: fs.readFileSync(process.env.REQUESTS_CA_BUNDLE ?? ''), keepAlive: true }),
    )
    for (const httpsAgent of [...agents, ...agents]) await instance.get(federation.url(FRAME), { httpsAgent })
    const name = `localhost:${new URL(federation.caches[0].origin).port}:`
    for (const agent of agents) {
      const pools = Object.entries(agent.freeSockets).filter(([key]) => key.startsWith(name))
      expect(pools.map(([, sockets]) => sockets?.length)).toEqual([1])
      agent.destroy()
    }
  })

  it('carries no token where the object is public, unless the caller gives one', async () => {
    const open = federation.url('/public/p.txt')
    expect((await withAuth().get(open)).data).toBe('all may read\n')
    await withAuth({ token: 'given-by-caller' }).get(open)
    expect(authorizations().filter(Boolean)).toEqual(['Bearer given-by-caller'])
  })

  it('writes, deletes and lists at the origin', async () => {
    const instance = withAuth()
    await instance.put(federation.url('/igwn/frames/new.txt'), 'new')
    expect(federation.objects.get('/igwn/frames/new.txt')?.toString()).toBe('new')
    await instance.delete(federation.url('/igwn/frames/new.txt'))
    expect(federation.objects.has('/igwn/frames/new.txt')).toBe(false)
    process.env.BEARER_TOKEN = mint({ aud: 'ANY', scope: 'read:/' })
    const { status, data } = await instance.request<string>({
      method: 'propfind',
      url: federation.url('/igwn/frames'),
      headers: { Depth: '1' },
    })
    expect([status, data]).toEqual([
      207,
      '<D:multistatus><D:href>/igwn/frames/f.txt</D:href></D:multistatus>',
    ])
    expect(seen()).toEqual(['GET PUT DELETE PROPFIND', '', '', 'PUT DELETE PROPFIND'])
  })

  it('reads from the origin with directread', async () => {
    await withAuth().get(`${federation.url(FRAME)}?directread`)
    expect(seen()).toEqual(['GET GET', '', '', 'GET'])
  })

  it('is not sent with igwnAuth: false', async () => {
    const error = await failureOf(withAuth().get(federation.url(FRAME), { igwnAuth: false }))
    expect(error.message).toBe('Unsupported protocol pelican:')
    expect(seen()).toEqual(['', '', '', ''])
  })
})

describe('the token', () => {
  it.each([
    ['SciTokens', { scope: 'read:/frames' }, 200],
    [
      'the WLCG profile',
      { scope: 'storage.read:/', 'wlcg.ver': '1.0', ver: undefined, aud: 'https://wlcg.cern.ch/jwt/v1/any' },
      200,
    ],
    // This server compares every character.
    ['an issuer with a slash at its end', { iss: 'https://issuer.example.org/' }, 403],
  ])('may be of %s', async (_, claims, expected) => {
    const token = mint({ aud: 'ANY', ...claims })
    process.env.BEARER_TOKEN = token
    const { status } = await withAuth().get(federation.url(FRAME), { validateStatus: () => true })
    expect(status).toBe(expected)
    expect(authorizations().at(-1)).toBe(`Bearer ${token}`)
  })

  it.each([
    [
      'another issuer',
      { iss: 'https://other.test' },
      'is from issuer https://other.test, not https://issuer.example.org',
    ],
    [
      'another folder with the same beginning',
      { scope: 'read:/frames/f' },
      'has scope read:/frames/f, not storage.read:/frames/f.txt or read:/frames/f.txt',
    ],
    [
      'another right',
      { scope: 'write:/' },
      'has scope write:/, not storage.read:/frames/f.txt or read:/frames/f.txt',
    ],
    [
      'another service',
      { aud: 'https://gracedb.ligo.org' },
      'is for audience https://gracedb.ligo.org, not https://localhost:',
    ],
  ])(
    'is not one of %s: nothing is sent, and the error names the command that gets one',
    async (_, claims, problem) => {
      process.env.BEARER_TOKEN = mint({ aud: 'ANY', ...claims })
      const error = await failureOf(withAuth().get(federation.url(FRAME)))
      expect(error).toMatchObject({
        code: 'ERR_IGWN_TOKEN_NOT_FOUND',
        message: expect.stringContaining(
          'No suitable token found with scope storage.read:/frames/f.txt or read:/frames/f.txt of issuer https://issuer.example.org.',
        ),
      })
      expect(error.message).toContain(`BEARER_TOKEN ${problem}`)
      expect(error.message).toContain(
        'Get one with igwn-auth login --vault VAULT --issuer ISSUER --scope=storage.read:/frames,',
      )
      expect(seen()).toEqual(['GET GET', '', '', ''])
    },
  )

  it('is requested of IGWN with the scopes of its tokens', async () => {
    federation.issuer = 'https://cilogon.org/igwn'
    const error = await failureOf(withAuth().get(federation.url(FRAME)))
    expect(error.message).toContain(
      'Get one with igwn-auth login --vault vault.ligo.org --issuer igwn --scope=read:/frames,',
    )
  })

  it('may be for one server of the object, and for the federation', async () => {
    const { caches, host } = federation
    for (const aud of [caches[0].origin, `https://${host}`]) {
      process.env.BEARER_TOKEN = mint({ aud })
      expect((await withAuth().get(federation.url(FRAME))).status).toBe(200)
    }
  })

  it('is the one that the caller names, whatever the director says', async () => {
    const named = mint({ aud: 'ANY', iss: 'https://other.test' })
    const error = await failureOf(withAuth({ token: named }).get(federation.url(FRAME)))
    expect(error.response?.status).toBe(403)
    expect(authorizations().filter(Boolean)).toEqual([`Bearer ${named}`])
    await failureOf(withAuth().get(federation.url(FRAME), { headers: { Authorization: 'Bearer mine' } }))
    expect(authorizations().at(-1)).not.toBe(`Bearer ${named}`)
    expect(authorizations()).toContain('Bearer mine')
  })

  it('is that of the options where these name an issuer, an audience or a scope', async () => {
    const token = mint({ iss: 'https://other.test', aud: 'https://x.test', scope: 'else' })
    process.env.BEARER_TOKEN = token
    const options = { tokenIssuer: 'https://other.test', tokenAudience: 'https://x.test', tokenScope: 'else' }
    await failureOf(withAuth(options).get(federation.url(FRAME)))
    expect(authorizations().at(-1)).toBe(`Bearer ${token}`)
  })

  it.each<[string, IgwnAuthOptions, Record<string, unknown>]>([
    ['issuer', { tokenIssuer: 'https://other.test' }, { iss: 'https://other.test', scope: 'read:/frames' }],
    ['audience', { tokenAudience: 'https://x.test' }, { aud: 'https://x.test', scope: 'read:/frames' }],
    ['scope', { tokenScope: 'else' }, { scope: 'else' }],
    ['time left', { tokenMinTimeLeft: 1 }, { scope: 'read:/frames' }],
  ])('is that of the director in all but the %s that the options name', async (_, options, claims) => {
    const token = mint({ aud: 'ANY', ...claims })
    process.env.BEARER_TOKEN = token
    await withAuth(options)
      .get(federation.url(FRAME))
      .catch(() => undefined)
    expect(authorizations().at(-1)).toBe(`Bearer ${token}`)
    const sent = federation.caches[0].seen.length
    for (const wrong of [{ iss: 'https://wrong.test' }, { aud: 'https://wrong.test' }, { scope: 'wrong' }]) {
      const [name] = Object.keys(wrong)
      process.env.BEARER_TOKEN = mint({ aud: 'ANY', ...claims, ...wrong })
      const error = await failureOf(withAuth(options).get(federation.url(FRAME)))
      expect([name, error.code]).toEqual([name, 'ERR_IGWN_TOKEN_NOT_FOUND'])
    }
    expect(federation.caches[0].seen).toHaveLength(sent)
  })

  it('of a source is requested without what the director says', async () => {
    const queries: unknown[] = []
    const getToken = (query: object) => {
      queries.push(query)
      return good
    }
    await withAuth({ token: getToken }).get(federation.url(FRAME))
    expect(queries).toEqual([
      {
        audience: [],
        scope: [],
        issuer: [],
        minTimeLeft: 60,
        object: expect.objectContaining({ issuer: ['https://issuer.example.org'] }),
      },
    ])
  })

  it('is the HTCondor token that the URL names', async () => {
    const folder = path.join(process.env.HOME ?? '', 'creds')
    fs.mkdirSync(folder, { recursive: true })
    const second = mint({ aud: 'ANY', scope: 'read:/' })
    fs.writeFileSync(path.join(folder, 'a.use'), good, { mode: 0o600 })
    fs.writeFileSync(path.join(folder, 'igwn_prod.use'), second, { mode: 0o600 })
    process.env._CONDOR_CREDS = folder
    await withAuth().get(federation.url(FRAME).replace('pelican', 'igwn.prod+pelican'))
    expect(authorizations().at(-1)).toBe(`Bearer ${second}`)
    const error = await failureOf(withAuth().get(federation.url(FRAME).replace('pelican', 'none+pelican')))
    expect(error.message).toContain('is not the token none that the URL names')
  })

  it('is not decided by a cache: its hints are not read', async () => {
    federation.caches[0].faults = {
      status: 503,
      headers: {
        'X-Pelican-Token-Generation': 'issuer=https://evil.test',
        Link: `<https://evil.test/x>; rel="duplicate"; pri=1`,
      },
    }
    expect((await withAuth().get(federation.url(FRAME))).status).toBe(200)
    expect(authorizations().filter(Boolean)).toEqual([`Bearer ${good}`, `Bearer ${good}`])
  })

  it('is shown to a director that needs it to name servers, and never appears in a URL', async () => {
    federation.director.closed.add('/igwn')
    const { data } = await withAuth().get<string>(federation.url(FRAME))
    expect(data).toBe('a secret frame\n')
    expect(authorizations()).toEqual([undefined, undefined, `Bearer ${good}`, `Bearer ${good}`])
    expect(federation.caches[0].seen.map(({ url }) => url)).toEqual([FRAME])
  })

  it('is shown once to such a director: what it named is remembered, without the token, and a server that fails is tried last', async () => {
    federation.director.closed.add('/igwn')
    const [first, second] = federation.caches
    await first.stop()
    const instance = withAuth()
    for (let count = 0; count < 3; count += 1) await instance.get(federation.url(FRAME))
    expect(federation.director.seen).toHaveLength(3)
    await first.start()
    await instance.get(federation.url(FRAME))
    expect([first.seen.length, second.seen.length]).toEqual([0, 4])
    process.env.BEARER_TOKEN = mint({ aud: 'ANY', iss: 'https://other.test' })
    expect(await failureOf(instance.get(federation.url(FRAME)))).toMatchObject({
      code: 'ERR_IGWN_TOKEN_NOT_FOUND',
    })
  })

  it('is not in the URL of the response after a redirect that repeats it, nor in that of an error', async () => {
    const [first, second] = federation.caches
    first.faults = { redirectTo: second.origin }
    const { request } = await withAuth().get(federation.url(FRAME))
    second.faults = { status: 400 }
    const failure = await failureOf(withAuth().get(federation.url(FRAME)))
    for (const native of [request, failure.request, failure.response?.request])
      expect((native as { res: { responseUrl: string } }).res.responseUrl).toBe(
        `${second.origin}${FRAME}?authz=Bearer%20[hidden]`,
      )
  })

  it('does not follow a redirect of a cache to another server, nor is shown where the redirect repeats it', async () => {
    const [first, second] = federation.caches
    first.faults = { redirectTo: second.origin }
    const events: IgwnAuthEvent[] = []
    const response = await withAuth({ onEvent: (event) => events.push(event) }).get(federation.url(FRAME))
    expect(second.seen.map(({ headers }) => headers.authorization)).toEqual([undefined])
    expectNoSecret([response, response.request, events], [good])
  })
})

describe('a server that fails', () => {
  it.each([
    ['is down', async () => federation.caches[0].stop()],
    ['responds with 503', async () => void (federation.caches[0].faults = { status: 503 })],
    ['does not have the object', async () => void (federation.caches[0].faults = { status: 404 })],
    ['is overloaded', async () => void (federation.caches[0].faults = { status: 429 })],
    ['closes the connection in the body', async () => void (federation.caches[0].faults = { cutAfter: 5 })],
  ])('and %s is followed by the next, and tried last from then on', async (_, fail) => {
    await fail()
    const events: IgwnAuthEvent[] = []
    const instance = withAuth({ onEvent: (event) => events.push(event) })
    const [first, second] = federation.caches
    expect((await instance.get(federation.url(FRAME))).data).toBe('a secret frame\n')
    const [warning] = events.filter(({ type }) => type === 'warning')
    expect(warning).toMatchObject({
      source: new URL(first.origin).host,
      message: expect.stringMatching(
        new RegExp(`^localhost:\\d+ failed \\(.+\\); trying ${new URL(second.origin).host}$`),
      ),
    })
    const count = first.seen.length
    expect((await instance.get(federation.url(FRAME))).data).toBe('a secret frame\n')
    expect([first.seen.length, second.seen.length]).toEqual([count, 2])
    expect(federation.director.seen).toHaveLength(2)
  })

  // The rule itself, for several requests at once, is tested in `first-byte-timeout.test.ts`.
  it.each([
    ['the http adapter', 'http', 'ETIMEDOUT'],
    ['an adapter without native requests', axios.getAdapter('http'), 'ERR_CANCELED'],
  ])('sends nothing for 10 seconds: the next is asked, with %s', async (_, adapter, code) => {
    const events: IgwnAuthEvent[] = []
    const instance = withAuth({ onEvent: (event) => events.push(event) })
    // Without a timer that is still set when the time is accelerated.
    await instance.get(federation.url(FRAME), { adapter: axios.getAdapter('http') })
    accelerate(20)
    federation.caches[0].faults = { isSilent: true }
    const httpsAgent = new https.Agent({ ca: fs.readFileSync(process.env.REQUESTS_CA_BUNDLE ?? '') })
    const begin = performance.now()
    const { data, config } = await instance.get<string>(federation.url(FRAME), { adapter, httpsAgent })
    expect([data, config.signal]).toEqual(['a secret frame\n', undefined])
    expect(performance.now() - begin).toBeGreaterThan(9900)
    expect(federation.caches[1].seen).toHaveLength(1)
    expect(events.filter(({ type }) => type === 'warning')).toMatchObject([
      { message: expect.stringContaining(`failed (${code})`) },
    ])
  })

  it('is not replaced when the caller aborts, or sets a limit', async () => {
    federation.caches[0].faults = { isSilent: true }
    const controller = new AbortController()
    const request = failureOf(withAuth().get(federation.url(FRAME), { signal: controller.signal }))
    while (federation.caches[0].seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    controller.abort()
    expect((await request).code).toBe('ERR_CANCELED')
    federation.caches[0].faults = {}
    const limited = await failureOf(withAuth().get(federation.url(FRAME), { maxContentLength: 3 }))
    expect(limited.message).toContain('maxContentLength')
    expect(federation.caches[1].seen).toEqual([])
  })

  it('and refuses the token is not replaced: the summary compares its scopes with the path below the base path', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY', iss: 'https://other.test', scope: 'read:/other' })
    const error = await failureOf(withAuth({ token: process.env.BEARER_TOKEN }).get(federation.url(FRAME)))
    expect(error.response?.status).toBe(403)
    expect(error.igwnAuth?.summary).toContain('none of its scopes covers /frames/f.txt')
    expect(seen()).toEqual(['GET GET', 'GET', '', ''])
  })

  it('and ends a line of a ranged response with a bare LF is read all the same', async () => {
    for (const cache of federation.caches) cache.faults = { hasBareLf: true }
    const headers = { Range: 'bytes=2-7' }
    const { status, data } = await withAuth().get<string>(federation.url(FRAME), { headers })
    expect([status, data]).toEqual([206, 'secret'])
    expect(seen()).toEqual(['GET GET', 'GET GET', '', ''])
  })

  it('during a download as a stream is tried last when the download is resumed', async () => {
    const [first, second] = federation.caches
    const instance = withAuth()
    const url = federation.url(FRAME)
    first.faults = { cutAfter: 5, cuts: 1 }
    const { data } = await instance.get<Readable>(url, { responseType: 'stream' })
    const part: Buffer[] = []
    await failureOf(
      (async () => {
        for await (const chunk of data) part.push(chunk as Buffer)
      })(),
    )
    const got = Buffer.concat(part)
    const rest = await instance.get<Readable>(url, {
      responseType: 'stream',
      headers: { Range: `bytes=${got.length}-` },
    })
    expect(rest.status).toBe(206)
    expect(`${got.toString()}${await text(rest.data)}`).toBe('a secret frame\n')
    expect([first.seen.length, second.seen.length]).toEqual([1, 1])
  })

  it('is the last one: its failure is the result', async () => {
    for (const cache of federation.caches) cache.faults = { status: 500 }
    const error = await failureOf(withAuth().get(federation.url(FRAME)))
    expect([error.response?.status, error.config?.url]).toEqual([500, federation.url(FRAME)])
    const events: IgwnAuthEvent[] = []
    const { status } = await withAuth({ onEvent: (event) => events.push(event) }).get(federation.url(FRAME), {
      validateStatus: () => true,
    })
    expect(status).toBe(500)
    const hosts = federation.caches.map(({ origin }) => new URL(origin).host)
    expect(events.flatMap((event) => (event.type === 'warning' ? [event.message] : []))).toEqual([
      `${hosts[0]} failed (status 500); trying ${hosts[1]}`,
    ])
  })

  it('is not replaced for a change, and the change is sent once', async () => {
    federation.source.faults = { status: 503 }
    const error = await failureOf(withAuth().put(federation.url('/igwn/frames/n'), 'x'))
    expect(error.response?.status).toBe(503)
    expect(seen()).toEqual(['GET PUT', '', '', 'PUT'])
  })
})

describe('a federation without the object', () => {
  it('is a 404 with the words of the director, as of any server', async () => {
    const error = await failureOf(withAuth().get(federation.url('/igwn/none.txt')))
    expect(error).toMatchObject({
      name: 'AxiosError',
      code: 'ERR_BAD_REQUEST',
      message: expect.stringContaining('No sources reported possession'),
      response: { status: 404, data: { status: 'error' } },
      config: { url: federation.url('/igwn/none.txt') },
    })
    const stream = await withAuth().get<Readable>(federation.url('/igwn/none.txt'), {
      responseType: 'stream',
      validateStatus: () => true,
    })
    expect(JSON.parse(await text(stream.data))).toMatchObject({ status: 'error' })
    const { data } = await withAuth().get<Buffer>(federation.url('/igwn/none.txt'), {
      responseType: 'arraybuffer',
      validateStatus: () => true,
    })
    expect(data).toBeInstanceOf(Buffer)
    expect(JSON.parse(data.toString())).toMatchObject({ status: 'error' })
  })

  it('has it as soon as the same instance has written it', async () => {
    const instance = withAuth()
    const url = federation.url('/igwn/frames/new.txt')
    expect((await failureOf(instance.get(url))).response?.status).toBe(404)
    await instance.put(url, 'new')
    expect((await instance.get(url)).data).toBe('new')
  })

  it('that cannot be reached is the error of axios, with the config of the caller', async () => {
    const error = await failureOf(withAuth().get('pelican://localhost:1/x'))
    expect(error).toMatchObject({
      isAxiosError: true,
      code: 'ECONNREFUSED',
      config: { url: 'pelican://localhost:1/x' },
    })
  })

  it.each(['osdf:///x?pack=tar', 'pelican:///x'])('refuses the URL %s', async (url) => {
    expect(await failureOf(withAuth().get(url))).toMatchObject({ code: 'ERR_IGWN_INVALID_URL' })
  })
})

describe('explain', () => {
  it('says where the object is, which token it needs, and which of those on this host fits', async () => {
    const explanation = await explain(federation.url(FRAME))
    expect(explanation).toMatchObject({
      url: federation.url(FRAME),
      object: { namespace: '/igwn', requiresToken: true, servers: [{ priority: 1 }, { priority: 2 }] },
      attached: [{ kind: 'token', source: 'BEARER_TOKEN' }],
      problem: undefined,
    })
    const hosts = federation.caches.map(({ origin }) => new URL(origin).host).join(', ')
    expect(explanation.toString()).toContain(
      [
        `${federation.url(FRAME)}: the token from BEARER_TOKEN would be sent`,
        `  namespace /igwn of ${federation.host}: a token is required`,
        `  servers: ${hosts}`,
        '  required of a token: scope storage.read:/frames/f.txt or read:/frames/f.txt, issuer https://issuer.example.org',
      ].join('\n'),
    )
    expect(federation.caches[0].seen).toEqual([])
  })

  it('names the problem where no token fits, and where no server has the object', async () => {
    process.env.BEARER_TOKEN = mint({ aud: 'ANY', scope: 'read:/other' })
    const { problem, fixes } = await explain(federation.url(FRAME), withAuth())
    expect(problem?.code).toBe('ERR_IGWN_TOKEN_NOT_FOUND')
    expect(fixes).toEqual(['igwn-auth login --vault VAULT --issuer ISSUER --scope=storage.read:/frames'])
    const none = await explain(federation.url('/igwn/none.txt'))
    expect(none.problem?.code).toBe('ERR_IGWN_FEDERATION')
    expect(none.object?.servers).toEqual([])
  })
})
