/** How the tokens of every grant are cached and renewed. */
import {
  clientCredentials,
  password,
  refreshToken,
  type FlowOptions,
  type OAuthClient,
  type RefreshTokenOptions,
  type StoredToken,
  type TokenStore,
} from '../../../lib/oauth2'
import type { IgwnAuthEvent } from '../../../lib/events'
import { EVENT_CHANNEL } from '../../../lib/events'
import diagnostics from 'node:diagnostics_channel'
import { renewing } from '../../../lib/oauth2/grants/renewing-grant'
import { OAuthError } from '../../../lib/oauth2/errors'
import {
  authorizationServer,
  type AuthorizationServer,
} from '../../../lib/oauth2/server/authorization-server'
import { serve, type Answer } from '../../support/server'
import { thrownBy } from '../../support/thrown-by'
import { mint, now, ours, passTime, stopClock } from '../../support/tokens'

const unhandled = jest.fn()
beforeAll(() => {
  process.on('unhandledRejection', unhandled)
})
afterAll(() => {
  process.off('unhandledRejection', unhandled)
})
afterEach(() => {
  jest.useRealTimers()
  expect(unhandled).not.toHaveBeenCalled()
})

type Answers = (parameters: URLSearchParams, count: number) => Answer | object | Promise<Answer | object>

/** A token endpoint that records requests. By default each token is a new one with a lifetime of an hour. */
async function endpoint(answers: Answers = () => ({})) {
  const asked: Record<string, string>[] = []
  const server = await serve(async ({ body }) => {
    const parameters = new URLSearchParams(body)
    const count = asked.push(Object.fromEntries(parameters))
    const answer = await answers(parameters, count)
    if ('status' in answer || 'body' in answer) return answer
    const token = { access_token: `token-${count}`, token_type: 'Bearer', expires_in: 3600, ...answer }
    return { body: JSON.stringify(token) }
  })
  const client: OAuthClient = {
    metadata: { token_endpoint: `${server.origin}/token` },
    clientId: 'me',
    clientSecret: 'secret of me',
  }
  const source = (options: FlowOptions = {}, more: Partial<OAuthClient> = {}) =>
    clientCredentials({ ...client, ...more }, options)
  const byRefresh = (options: RefreshTokenOptions = { refreshToken: 'refresh-0' }) =>
    refreshToken(client, options)
  return { server, asked, client, source, byRefresh }
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 20))

/** Waits until a renewal in the background has this token. */
async function until(kept: { getToken(query: object): unknown }, token: string): Promise<void> {
  while ((await kept.getToken({})) !== token) await turn()
  // For one that is not expected.
  await turn()
}

describe('a token', () => {
  it.each([
    [121, 1, 'returned, not renewed'],
    [120, 1, 'returned, not renewed'],
    [119, 2, 'returned while one renewal runs'],
    [60, 2, 'returned while one renewal runs'],
    [59, 2, 'renewed first'],
    [-10, 2, 'renewed first'],
  ])('with %d s left has made %d token requests: it is %s', async (left, count, _what) => {
    stopClock()
    const { source, asked } = await endpoint()
    const kept = source()
    expect(await kept.getToken({})).toBe('token-1')
    passTime(3600 - left)
    expect(await kept.getToken({})).toBe(left >= 60 ? 'token-1' : 'token-2')
    await until(kept, `token-${count}`)
    expect(asked).toHaveLength(count)
  })

  it('is returned without a promise while it is valid', async () => {
    const { source } = await endpoint()
    const kept = source()
    await kept.getToken({})
    expect(kept.getToken({})).toBe('token-1')
  })

  it('has the required time left', async () => {
    stopClock()
    const { source } = await endpoint()
    const kept = source({ minTimeLeft: 600, renewBefore: 0 })
    await kept.getToken({})
    passTime(3600 - 600)
    expect(await kept.getToken({})).toBe('token-1')
    expect(await kept.getToken({ minTimeLeft: 601 })).toBe('token-2')
  })

  it('with a short lifetime is renewed late, not with every request', async () => {
    stopClock()
    const { source, asked } = await endpoint(() => ({ expires_in: 100 }))
    const kept = source()
    await kept.getToken({})
    passTime(29)
    await kept.getToken({})
    await turn()
    expect(asked).toHaveLength(1)
    passTime(2)
    await until(kept, 'token-2')
    expect(asked).toHaveLength(2)
  })

  it('without an expiry is kept until it is refused', async () => {
    stopClock()
    const { source } = await endpoint(() => ({ expires_in: undefined }))
    const kept = source()
    await kept.getToken({})
    passTime(1e9)
    expect(await kept.getToken({})).toBe('token-1')
    kept.invalidate('token-1')
    expect(await kept.getToken({})).toBe('token-2')
  })

  it('that is a JWT has its expiry from exp when the response has none', async () => {
    const exp = now() + 1234
    const { source } = await endpoint(() => ({ access_token: mint({ exp }), expires_in: undefined }))
    expect(await source().getTokenResponse()).toMatchObject({ expires_at: exp })
  })

  it('has its lifetime counted from the request, not from the response', async () => {
    stopClock()
    const begin = now()
    const { source } = await endpoint(() => {
      passTime(100)
      return {}
    })
    expect(await source().getTokenResponse()).toMatchObject({ expires_at: begin + 3600 })
  })

  it('that was refused is the only one that is dropped', async () => {
    const { source, asked } = await endpoint()
    const kept = source()
    const a = await kept.getToken({ audience: 'https://a.test' })
    const b = await kept.getToken({ audience: 'https://b.test' })
    kept.invalidate(String(a))
    kept.invalidate('another token')
    expect(await kept.getToken({ audience: 'https://a.test' })).not.toBe(a)
    expect(await kept.getToken({ audience: 'https://b.test' })).toBe(b)
    kept.invalidate(String(a))
    expect(asked).toHaveLength(3)
    await kept.getToken({ audience: 'https://a.test' })
    expect(asked).toHaveLength(3)
  })

  it('that was refused and is returned again is used again', async () => {
    const { source, asked } = await endpoint(() => ({ access_token: 'always' }))
    const kept = source()
    await kept.getToken({})
    kept.invalidate('always')
    await kept.getToken({})
    await kept.getToken({})
    expect(asked).toHaveLength(2)
  })
})

describe('concurrent requests', () => {
  it('wait for one renewal', async () => {
    const { source, asked } = await endpoint(async () => {
      await turn()
      return {}
    })
    const kept = source()
    const tokens = await Promise.all(Array.from({ length: 50 }, async () => kept.getToken({})))
    expect(new Set(tokens)).toEqual(new Set(['token-1']))
    expect(asked).toHaveLength(1)
  })

  it('share its failure, which is not remembered', async () => {
    const { source } = await endpoint((_parameters, count) =>
      count === 1 ? { status: 503, body: 'down' } : {},
    )
    const kept = source()
    const both = await Promise.allSettled([kept.getToken({}), kept.getToken({})])
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await kept.getToken({})).toBe('token-2')
  })

  it('get the old token when a renewal in the background fails, and the next one tries again', async () => {
    stopClock()
    const { source, asked } = await endpoint((_parameters, count) =>
      count === 2 ? { status: 503, body: 'down' } : {},
    )
    const kept = source()
    await kept.getToken({})
    passTime(3600 - 100)
    for (; asked.length < 3; await turn()) expect(await kept.getToken({})).toBe('token-1')
    await until(kept, 'token-3')
    expect(asked).toHaveLength(3)
  })
})

describe('the token request', () => {
  const wants = async (options: FlowOptions, more: Partial<OAuthClient>, query: object) => {
    const { source, asked } = await endpoint()
    await source(options, more).getToken(query)
    return { resource: undefined, audience: undefined, ...asked[0] }
  }
  const query = {
    audience: ['https://a.test', 'https://a.test:8443'],
    scope: ['read:/x', 'read:/y'],
    minTimeLeft: 60,
  }

  it.each<[string, FlowOptions, Partial<OAuthClient>, object]>([
    [
      'with the first audience of the query, as resource (RFC 8707), and its scopes',
      {},
      {},
      { scope: 'read:/x read:/y', resource: 'https://a.test:8443' },
    ],
    [
      'with the scopes of the source and those of the query',
      { scope: 'read:/y read:/z' },
      {},
      { scope: 'read:/y read:/z read:/x', resource: 'https://a.test:8443' },
    ],
    [
      'with audience when the server reads that',
      {},
      { audienceParameter: 'audience' },
      { audience: 'https://a.test' },
    ],
    ['without an audience', {}, { audienceParameter: false }, { audience: undefined, resource: undefined }],
    [
      'with the audience of the source instead of that of the query',
      { audience: 'https://all.test' },
      {},
      { resource: 'https://all.test' },
    ],
    [
      'with the audience of the query when the source has several',
      { audience: ['https://b.test', 'https://a.test'] },
      {},
      { resource: 'https://a.test' },
    ],
    [
      'with more parameters',
      { params: { tenant: 'igwn', resource: undefined } },
      {},
      { tenant: 'igwn', resource: undefined },
    ],
  ])('is %s', async (_name, options, more, expected) => {
    expect(await wants(options, more, query)).toMatchObject(expected)
  })

  it('is one for each query; equal queries share a token', async () => {
    const { source, asked } = await endpoint()
    const kept = source()
    const one = await kept.getToken({ audience: 'https://a.test', scope: 'x y' })
    expect(await kept.getToken({ audience: ['https://a.test'], scope: ['y', 'x'] })).toBe(one)
    expect(await kept.getToken({ audience: 'https://b.test', scope: 'x y' })).not.toBe(one)
    expect(await kept.getToken({ audience: 'https://a.test', scope: 'x' })).not.toBe(one)
    expect(asked).toHaveLength(3)
  })

  it('is one for all audiences when none is requested', async () => {
    const { source, asked } = await endpoint()
    const kept = source({}, { audienceParameter: false })
    await kept.getToken({ audience: 'https://a.test' })
    await kept.getToken({ audience: 'https://b.test' })
    expect(asked).toHaveLength(1)
  })

  it('is not made for another issuer', async () => {
    const { source, asked, server } = await endpoint()
    const metadata = { issuer: 'https://issuer.test', token_endpoint: `${server.origin}/token` }
    const kept = source({}, { metadata })
    expect(kept.getToken({ issuer: ['https://other.test'] })).toBeUndefined()
    expect(asked).toHaveLength(0)
    expect(await kept.getToken({ issuer: ['https://other.test', 'https://issuer.test'] })).toBe('token-1')
  })
})

describe('a refresh token', () => {
  it('is used again when the response has no new one', async () => {
    const { byRefresh, asked } = await endpoint()
    const kept = byRefresh()
    expect(await kept.getTokenResponse()).toMatchObject({
      access_token: 'token-1',
      refresh_token: 'refresh-0',
    })
    kept.invalidate('token-1')
    await kept.getToken({})
    expect(asked).toMatchObject([
      { grant_type: 'refresh_token', refresh_token: 'refresh-0' },
      { grant_type: 'refresh_token', refresh_token: 'refresh-0' },
    ])
  })

  it('serves all queries, one after the other when each can be used once', async () => {
    const { byRefresh, asked } = await endpoint((parameters, count) => {
      if (parameters.get('refresh_token') !== `refresh-${count - 1}`)
        return { status: 400, body: '{"error":"invalid_grant"}' }
      return { refresh_token: `refresh-${count}` }
    })
    const kept = byRefresh()
    const audiences = Array.from({ length: 8 }, (_, index) => `https://${index}.test`)
    const tokens = await Promise.all(audiences.map(async (audience) => kept.getToken({ audience })))
    expect(new Set(tokens).size).toBe(8)
    expect(new Set(asked.map(({ resource }) => resource))).toEqual(new Set(audiences))
  })

  it('names scopes only if more are required than at every login', async () => {
    const { byRefresh, asked } = await endpoint()
    const kept = byRefresh({ refreshToken: 'refresh-0', scope: 'openid read:/x' })
    await kept.getToken({})
    await kept.getToken({ scope: 'read:/y' })
    expect(asked.map(({ scope }) => scope)).toEqual([undefined, 'openid read:/x read:/y'])
  })
})

describe('onToken', () => {
  it('is called with each new token and the previous one, after it is stored', async () => {
    const calls: unknown[] = []
    const { source } = await endpoint()
    const kept = source({
      onToken: async (token, before) => {
        await turn()
        calls.push([token.access_token, before?.access_token])
      },
    })
    await kept.getToken({})
    kept.invalidate('token-1')
    await kept.getToken({})
    expect(calls).toEqual([
      ['token-1', undefined],
      ['token-2', 'token-1'],
    ])
  })

  it('that fails rejects, and loses no token', async () => {
    const { source, asked } = await endpoint()
    const kept = source({
      onToken: () => {
        throw new Error('disk full')
      },
    })
    await expect(kept.getTokenResponse()).rejects.toThrow('disk full')
    expect(await kept.getToken({})).toBe('token-1')
    expect(asked).toHaveLength(1)
  })

  it('is not needed: events report renewals, without the token', async () => {
    const events: IgwnAuthEvent[] = []
    const listen = (event: unknown) => void events.push(event as IgwnAuthEvent)
    diagnostics.subscribe(EVENT_CHANNEL, listen)
    try {
      const { source } = await endpoint()
      await source().getToken({})
    } finally {
      diagnostics.unsubscribe(EVENT_CHANNEL, listen)
    }
    expect(events.filter(({ type }) => type === 'renewed')).toEqual([
      { type: 'renewed', source: 'clientCredentials', expiresAt: expect.any(Number) as number },
    ])
  })
})

/** A store that several sources share, like processes. */
function sharedStore() {
  const kept = new Map<string, StoredToken>()
  const store: TokenStore = {
    get: async (key) => kept.get(key),
    set: async (key, token) => void kept.set(key, token),
    delete: async (key) => void kept.delete(key),
  }
  let last: Promise<unknown> = Promise.resolve()
  const lock: TokenStore['lock'] = (_key, work) => {
    const done = last.then(work)
    last = done.catch(() => undefined)
    return done
  }
  return { kept, store: { ...store, lock } }
}

describe('a store', () => {
  it('keeps tokens for the next process, under distinct keys', async () => {
    const { store, kept } = sharedStore()
    const { source, asked, server } = await endpoint()
    await source({ store, scope: 'x' }).getToken({ audience: 'https://a.test' })
    expect(await source({ store, scope: 'x' }).getToken({ audience: 'https://a.test' })).toBe('token-1')
    expect(await source({ store, scope: 'y' }).getToken({ audience: 'https://a.test' })).toBe('token-2')
    expect(await source({ store, scope: 'x', storeKey: 'mine' }).getToken({})).toBe('token-3')
    expect(asked).toHaveLength(3)
    expect([...kept.keys()]).toEqual([
      `clientCredentials ${server.origin} me x [["https://a.test"],["x"]]`,
      `clientCredentials ${server.origin} me y [["https://a.test"],["y"]]`,
      'mine [[],["x"]]',
    ])
  })

  it('never confuses the logins of two users with similar names', async () => {
    const { store, kept } = sharedStore()
    const { client } = await endpoint((parameters) => {
      const who = parameters.get('username') ?? parameters.get('refresh_token') ?? ''
      return { access_token: `token-of-${who.replace(' ', '-')}`, refresh_token: who }
    })
    const tokenOf = (username: string, options: FlowOptions) =>
      // eslint-disable-next-line @typescript-eslint/no-deprecated
      password(client, { username, password: 'secret', store, ...options }).getToken({})
    expect(await tokenOf('alice', { scope: 'read' })).toBe('token-of-alice')
    expect(await tokenOf('alice read', {})).toBe('token-of-alice-read')
    expect(await tokenOf('alice%20read', {})).toBe('token-of-alice%20read')
    expect(kept.size).toBe(6)
  })

  it('has the login under its own key, and the refresh token nowhere else', async () => {
    const { store, kept } = sharedStore()
    const { byRefresh } = await endpoint((_parameters, count) => ({ refresh_token: `refresh-${count}` }))
    await byRefresh({ refreshToken: 'refresh-0', store, storeKey: 'albert' }).getToken({})
    expect(Object.fromEntries(kept)).toMatchObject({
      albert: { refresh_token: 'refresh-1' },
      'albert [[],[]]': expect.not.objectContaining({ refresh_token: expect.anything() as string }) as object,
    })
  })

  it('that has another refresh token than the given one has the current one', async () => {
    const { store } = sharedStore()
    const { byRefresh, asked } = await endpoint((_parameters, count) => ({
      refresh_token: `refresh-${count}`,
    }))
    const first = byRefresh({ refreshToken: 'refresh-0', store })
    await first.getToken({})
    const second = byRefresh({ refreshToken: 'refresh-0', store })
    await second.getToken({ audience: 'https://a.test' })
    expect(asked.map(({ refresh_token: text }) => text)).toEqual(['refresh-0', 'refresh-1'])
  })

  it('never has the tokens of another refresh token', async () => {
    const { store } = sharedStore()
    const { byRefresh, asked } = await endpoint()
    await byRefresh({ refreshToken: 'of-alice', store }).getToken({})
    expect(await byRefresh({ refreshToken: 'of-bob', store }).getToken({})).toBe('token-2')
    expect(asked.map(({ refresh_token: text }) => text)).toEqual(['of-alice', 'of-bob'])
  })

  it('makes one renewal of many, with rotated refresh tokens', async () => {
    const { store } = sharedStore()
    const { byRefresh, asked } = await endpoint(async (parameters, count) => {
      await turn()
      if (parameters.get('refresh_token') !== `refresh-${count - 1}`)
        return { status: 400, body: '{"error":"invalid_grant"}' }
      return { refresh_token: `refresh-${count}` }
    })
    const sources = Array.from({ length: 8 }, () => byRefresh({ refreshToken: 'refresh-0', store }))
    const tokens = await Promise.all(sources.map(async (source) => source.getToken({})))
    expect(new Set(tokens)).toEqual(new Set(['token-1']))
    for (const source of sources) source.invalidate('token-1')
    const next = await Promise.all(sources.map(async (source) => source.getToken({})))
    expect(new Set(next)).toEqual(new Set(['token-2']))
    expect(asked).toHaveLength(2)
  })

  it('that fails to keep a refresh token rejects, and loses no token', async () => {
    const { store } = sharedStore()
    let broken = false
    const failing: TokenStore = {
      ...store,
      set: async (key, token) => {
        if (broken) throw new Error('read-only')
        await store.set(key, token)
      },
    }
    const { byRefresh, asked } = await endpoint((_parameters, count) => ({
      refresh_token: `refresh-${count}`,
    }))
    const kept = byRefresh({ refreshToken: 'refresh-0', store: failing })
    await kept.getToken({})
    broken = true
    kept.invalidate('token-1')
    await kept.getTokenResponse().catch(() => undefined)
    expect(await kept.getToken({})).toBe('token-2')
    kept.invalidate('token-2')
    await kept.getTokenResponse().catch(() => undefined)
    broken = false
    kept.invalidate('token-3')
    await kept.getToken({})
    expect(asked.map(({ refresh_token: text }) => text)).toEqual([
      'refresh-0',
      'refresh-1',
      'refresh-2',
      'refresh-3',
    ])
  })

  it('that cannot be read rejects, since an old refresh token would be used twice', async () => {
    const { store } = sharedStore()
    const { byRefresh, asked } = await endpoint()
    const failing: TokenStore = { ...store, get: () => Promise.reject(new Error('the store is down')) }
    const kept = byRefresh({ refreshToken: 'refresh-0', store: failing })
    await expect(kept.getTokenResponse()).rejects.toThrow('the store is down')
    expect(asked).toEqual([])
  })

  it('without a lock works too', async () => {
    const { store } = sharedStore()
    const { source } = await endpoint()
    expect(await source({ store: { ...store, lock: undefined } as unknown as TokenStore }).getToken({})).toBe(
      'token-1',
    )
  })
})

describe('the scopes of a challenge', () => {
  const audience = 'https://a.test'

  it('are not requested by default', async () => {
    const { source, asked } = await endpoint()
    const kept = source({ scope: 'read' })
    kept.invalidate(String(await kept.getToken({ audience })))
    expect(await kept.getToken({ audience, challengeScope: ['admin.delete'] })).toBe('token-2')
    expect(asked.map(({ scope }) => scope)).toEqual(['read', 'read'])
    expect(await kept.getToken({ audience })).toBe('token-2')
  })

  it.each<[string, true | readonly string[], string]>([
    ['a list, by path', ['storage.read:/data', 'write'], 'read storage.read:/data/a write'],
    ['true', true, 'read storage.read:/data/a storage.modify:/ write'],
  ])('are requested as far as %s allows', async (_, challengeScopes, expected) => {
    const { source, asked } = await endpoint()
    const challengeScope = [
      'storage.read:/data/a',
      'storage.modify:/',
      'write',
      'storage.read:/data/../x',
      'a b"c',
    ]
    await source({ scope: 'read', challengeScopes }).getToken({ audience, challengeScope })
    expect(asked.at(-1)?.scope).toBe(`${expected}${challengeScopes === true ? ' a' : ''}`)
  })

  it('are bounded in number and length', async () => {
    const { source, asked } = await endpoint()
    const challengeScope = ['x'.repeat(257), ...Array.from({ length: 500 }, (_, n) => `s${n}`)]
    await source({ challengeScopes: true }).getToken({ audience, challengeScope })
    expect(asked[0]?.scope?.split(' ')).toHaveLength(19)
  })

  it('are for that retry only: nothing is cached or stored for them', async () => {
    const { store, kept } = sharedStore()
    const { source, asked } = await endpoint()
    const options = { store, challengeScopes: true } as const
    const tokens = source(options)
    expect(await tokens.getToken({ audience })).toBe('token-1')
    const before = JSON.stringify([...kept])
    const query = { audience, challengeScope: ['admin'] }
    expect(await Promise.all([tokens.getToken(query), tokens.getToken(query)])).toEqual([
      'token-2',
      'token-2',
    ])
    expect(JSON.stringify([...kept])).toBe(before)
    expect(await tokens.getToken({ audience })).toBe('token-1')
    expect(asked).toHaveLength(2)
  })

  it('keep a rotated refresh token, and not the access token', async () => {
    const { store, kept } = sharedStore()
    const { byRefresh, asked } = await endpoint((_parameters, count) => ({
      refresh_token: `refresh-${count}`,
    }))
    const tokens = byRefresh({ refreshToken: 'refresh-0', store, storeKey: 'albert', challengeScopes: true })
    await tokens.getToken({ audience })
    expect(await tokens.getToken({ audience, challengeScope: ['admin'] })).toBe('token-2')
    expect(kept.get('albert')).toMatchObject({ access_token: 'token-1', refresh_token: 'refresh-2' })
    expect(JSON.stringify([...kept])).not.toContain('token-2')
    tokens.invalidate('token-1')
    await tokens.getToken({ audience })
    expect(asked.map(({ refresh_token: text }) => text)).toEqual(['refresh-0', 'refresh-1', 'refresh-2'])
  })
})

describe('the response', () => {
  it.each([
    ['a date text', { expires_in: undefined, expires_at: '2100-01-01T00:00:00Z' }, 4_102_444_800],
    ['digits', { expires_in: undefined, expires_at: '4102444800' }, 4_102_444_800],
    ['milliseconds', { expires_in: undefined, expires_at: 4_102_444_800_000 }, 4_102_444_800],
    ['nonsense', { expires_in: undefined, expires_at: 'soon' }, undefined],
    ['an object', { expires_in: undefined, expires_at: { soon: true } }, undefined],
  ])('may have expires_at as %s; what is stored can be read again', async (_, answer, expected) => {
    const { store, kept } = sharedStore()
    const { source, asked } = await endpoint(() => answer)
    expect((await source({ store }).getTokenResponse()).expires_at).toBe(expected)
    expect([...kept.values()].map(({ expires_at: at }) => at)).toEqual([expected])
    expect(await source({ store }).getToken({})).toBe('token-1')
    expect(asked).toHaveLength(1)
  })

  it('may have expires_in as text', async () => {
    stopClock()
    const { source } = await endpoint(() => ({ expires_in: '900' }))
    expect((await source().getTokenResponse()).expires_at).toBe(now() + 900)
  })
})

/** A grant whose `obtain` is a login of the user. */
function interactive(
  server: AuthorizationServer,
  obtain: () => Promise<StoredToken>,
  options: FlowOptions = {},
) {
  return renewing(server, { name: 'login', isInteractive: true, obtain }, options)
}

describe('a refresh that is refused', () => {
  const login = { access_token: 'from-login', refresh_token: 'refresh-0', expires_at: 1 }

  /** A grant with a login in its store, and a server that refuses its refresh token. */
  async function withLogin(answer: Answer) {
    const { store, kept } = sharedStore()
    kept.set('albert', login)
    const { client, asked } = await endpoint(() => answer)
    const obtain = jest.fn(async () =>
      Promise.resolve({ access_token: 'new-login', refresh_token: 'refresh-9', expires_at: now() + 3600 }),
    )
    const options = { store, storeKey: 'albert' }
    return {
      asked,
      kept,
      obtain,
      interactive: interactive(authorizationServer(client), obtain, options),
      refreshToken: refreshToken(client, options),
    }
  }

  it.each([
    [400, '{"error":"invalid_grant"}'],
    [401, '{"error":"invalid_token"}'],
    [400, ''],
    [403, ''],
    [401, '{}'],
    [403, '{"message":"session not found"}'],
    [400, '{"error":"token_revoked"}'],
  ])('with %d %s ends the login', async (status, body) => {
    const { interactive: source, obtain, kept, refreshToken: other } = await withLogin({ status, body })
    await expect(other.getToken({})).rejects.toMatchObject({ code: 'ERR_IGWN_OAUTH_REFUSED', status })
    expect(await source.getToken({})).toBe('new-login')
    expect(obtain).toHaveBeenCalledTimes(1)
    expect(kept.get('albert')).toMatchObject({ refresh_token: 'refresh-9' })
  })

  it.each([
    [401, '{"error":"invalid_client"}'],
    [400, '{"error":"unauthorized_client"}'],
    [400, '{"error":"invalid_scope"}'],
    [400, '{"error":"unsupported_grant_type"}'],
    [500, ''],
    [503, '{"error":"invalid_grant"}'],
  ])('with %d %s does not end it, and is reported', async (status, body) => {
    const { interactive: source, obtain, kept } = await withLogin({ status, body })
    await expect(source.getTokenResponse()).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_IGWN_OAUTH_/) as string,
      status,
    })
    expect(obtain).not.toHaveBeenCalled()
    expect(kept.get('albert')).toEqual(login)
  })

  it('is tried again with the refresh token that is given, when the store has another one', async () => {
    const { store, kept } = sharedStore()
    kept.set('albert', login)
    const { client, asked } = await endpoint((parameters) =>
      parameters.get('refresh_token') === 'refresh-0' ? { status: 400, body: '' } : {},
    )
    const source = refreshToken(client, { store, storeKey: 'albert', refreshToken: 'refresh-new' })
    expect(await source.getToken({})).toBe('token-2')
    expect(asked.map(({ refresh_token: text }) => text)).toEqual(['refresh-0', 'refresh-new'])
    expect(kept.get('albert')).toMatchObject({ refresh_token: 'refresh-new' })
  })

  it('does not start a login for the retry after a 401; the next request does', async () => {
    const { interactive: source, obtain } = await withLogin({
      status: 400,
      body: '{"error":"invalid_grant"}',
    })
    expect(await source.getToken({ isRetry: true })).toBeUndefined()
    expect(await source.getToken({ challengeScope: ['admin'] })).toBeUndefined()
    await expect(source.getTokenResponse({ isRetry: true })).rejects.toMatchObject({
      code: 'ERR_IGWN_TOKEN_NOT_FOUND',
      message: expect.stringContaining('the retry after a 401 does not start one') as string,
    })
    expect(obtain).not.toHaveBeenCalled()
    expect(await source.getToken({})).toBe('new-login')
  })
})

describe('an interactive login', () => {
  it('is shared while it is pending', async () => {
    const { client } = await endpoint()
    const obtain = jest.fn(async () => {
      await turn()
      return { access_token: 'abc' }
    })
    const source = interactive(authorizationServer(client), obtain)
    const tokens = [source.getToken({}), source.getToken({}), source.getToken({ isRetry: true })]
    expect(await Promise.all(tokens.map(async (token) => token))).toEqual(['abc', 'abc', 'abc'])
    expect(obtain).toHaveBeenCalledTimes(1)
  })

  it('that the user denied is not started again for a minute', async () => {
    stopClock()
    const { client } = await endpoint()
    const denied = new OAuthError('ERR_IGWN_OAUTH_REFUSED', 'The user denied the request.', {
      error: 'access_denied',
    })
    const obtain = jest.fn<Promise<StoredToken>, []>(() => Promise.reject(denied))
    const source = interactive(authorizationServer(client), obtain)
    for (const seconds of [0, 30, 29]) {
      passTime(seconds)
      await expect(source.getTokenResponse()).rejects.toBe(denied)
    }
    expect(obtain).toHaveBeenCalledTimes(1)
    passTime(2)
    obtain.mockResolvedValue({ access_token: 'abc' })
    expect(await source.getToken({})).toBe('abc')
  })

  it('that fails otherwise is started again by the next request', async () => {
    const { client } = await endpoint()
    const obtain = jest.fn<Promise<StoredToken>, []>().mockRejectedValueOnce(new Error('no browser'))
    obtain.mockResolvedValue({ access_token: 'abc' })
    const source = interactive(authorizationServer(client), obtain)
    await expect(source.getTokenResponse()).rejects.toThrow('no browser')
    expect(await source.getToken({})).toBe('abc')
  })
})

describe('invalid options throw at once', () => {
  it.each<[object, string]>([
    [
      { scopes: 'x' },
      expect.stringContaining('options has no option "scopes"; there are scope, audience, params,') as string,
    ],
    [{ scope: 1 }, 'options.scope must be a string or a list of strings, none empty, not a number.'],
    [{ params: 'x' }, 'options.params must be an object, not a string.'],
    [{ challengeScopes: 'x' }, 'options.challengeScopes must be true or a list of strings, not a string.'],
    [{ minTimeLeft: -1 }, 'options.minTimeLeft must be a number of seconds, 0 or more, not -1.'],
    [
      { store: {} },
      'options.store must be a token store, such as fileStore() or keyvStore(), not an object.',
    ],
    [{ storeKey: '' }, 'options.storeKey must not be empty.'],
    [{ onToken: 1 }, 'options.onToken must be a function, not a number.'],
    [{ signal: {} }, 'options.signal must be an AbortSignal, not an object.'],
  ])('%p', (options, message) => {
    const make = () => clientCredentials({ issuer: 'https://issuer.test' }, options)
    expect(thrownBy(make)).toEqual(ours('ERR_IGWN_INVALID_OPTION', message))
  })
})
