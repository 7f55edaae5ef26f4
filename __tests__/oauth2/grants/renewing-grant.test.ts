/** How tokens are kept and renewed, whatever grant they come by. */
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
import { serverGroup, type Answer } from '../../support/server'
import { thrownBy } from '../../support/thrown-by'
import { mint, now, ours, passTime, stopClock } from '../../support/tokens'

const servers = serverGroup()
const unhandled = jest.fn()
beforeAll(() => {
  process.on('unhandledRejection', unhandled)
})
afterAll(() => {
  process.off('unhandledRejection', unhandled)
})
afterEach(async () => {
  jest.useRealTimers()
  await servers.close()
  expect(unhandled).not.toHaveBeenCalled()
})

type Answers = (parameters: URLSearchParams, count: number) => Answer | object | Promise<Answer | object>

/** A token endpoint, and what it was asked. By default each token is another one with an hour to live. */
async function endpoint(answers: Answers = () => ({})) {
  const asked: Record<string, string>[] = []
  const server = await servers.serve(async ({ body }) => {
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

describe('a token', () => {
  it.each([
    [121, 1, 'is served, nothing renewed'],
    [120, 1, 'is served, nothing renewed'],
    [119, 2, 'is served while one renewal runs'],
    [60, 2, 'is served while one renewal runs'],
    [59, 2, 'is waited for a new one'],
    [-10, 2, 'is waited for a new one'],
  ])('with %d s left was asked for %d times: it %s', async (left, count, _what) => {
    stopClock()
    const { source, asked } = await endpoint()
    const kept = source()
    expect(await kept.getToken({})).toBe('token-1')
    passTime(3600 - left)
    expect(await kept.getToken({})).toBe(left >= 60 ? 'token-1' : 'token-2')
    await turn()
    expect(asked).toHaveLength(count)
    expect(await kept.getToken({})).toBe(`token-${count}`)
  })

  it('is given at once while it is good, without a promise', async () => {
    const { source } = await endpoint()
    const kept = source()
    await kept.getToken({})
    expect(kept.getToken({})).toBe('token-1')
  })

  it('has the margin that is asked for', async () => {
    stopClock()
    const { source } = await endpoint()
    const kept = source({ minTimeLeft: 600, renewBefore: 0 })
    await kept.getToken({})
    passTime(3600 - 600)
    expect(await kept.getToken({})).toBe('token-1')
    expect(await kept.getToken({ minTimeLeft: 601 })).toBe('token-2')
  })

  it('of a short life is renewed late in it, not with every request', async () => {
    stopClock()
    const { source, asked } = await endpoint(() => ({ expires_in: 100 }))
    const kept = source()
    await kept.getToken({})
    passTime(29)
    await kept.getToken({})
    await turn()
    expect(asked).toHaveLength(1)
    passTime(2)
    await kept.getToken({})
    await turn()
    expect(asked).toHaveLength(2)
  })

  it('of which nobody says when it ends is kept until it is refused', async () => {
    stopClock()
    const { source } = await endpoint(() => ({ expires_in: undefined }))
    const kept = source()
    await kept.getToken({})
    passTime(1e9)
    expect(await kept.getToken({})).toBe('token-1')
    kept.invalidate('token-1')
    expect(await kept.getToken({})).toBe('token-2')
  })

  it('that is a JWT says itself when it ends, where the answer does not', async () => {
    const exp = now() + 1234
    const { source } = await endpoint(() => ({ access_token: mint({ exp }), expires_in: undefined }))
    expect(await source().getTokenResponse()).toMatchObject({ expires_at: exp })
  })

  it('ends by the time that it was asked for, not that it came', async () => {
    stopClock()
    const begin = now()
    const { source } = await endpoint(() => {
      passTime(100)
      return {}
    })
    expect(await source().getTokenResponse()).toMatchObject({ expires_at: begin + 3600 })
  })

  it('that was refused is the only one that is forgotten', async () => {
    const { source, asked } = await endpoint()
    const kept = source()
    const a = await kept.getToken({ audience: 'https://a.test' })
    const b = await kept.getToken({ audience: 'https://b.test' })
    kept.invalidate(String(a))
    kept.invalidate('of somebody else')
    expect(await kept.getToken({ audience: 'https://a.test' })).not.toBe(a)
    expect(await kept.getToken({ audience: 'https://b.test' })).toBe(b)
    kept.invalidate(String(a))
    expect(asked).toHaveLength(3)
    await kept.getToken({ audience: 'https://a.test' })
    expect(asked).toHaveLength(3)
  })

  it('that was refused and comes again is what the server stands by', async () => {
    const { source, asked } = await endpoint(() => ({ access_token: 'always' }))
    const kept = source()
    await kept.getToken({})
    kept.invalidate('always')
    await kept.getToken({})
    await kept.getToken({})
    expect(asked).toHaveLength(2)
  })
})

describe('whoever comes meanwhile', () => {
  it('waits for one flight', async () => {
    const { source, asked } = await endpoint(async () => {
      await turn()
      return {}
    })
    const kept = source()
    const tokens = await Promise.all(Array.from({ length: 50 }, async () => kept.getToken({})))
    expect(new Set(tokens)).toEqual(new Set(['token-1']))
    expect(asked).toHaveLength(1)
  })

  it('shares its failure, which is not remembered', async () => {
    const { source } = await endpoint((_parameters, count) =>
      count === 1 ? { status: 503, body: 'down' } : {},
    )
    const kept = source()
    const both = await Promise.allSettled([kept.getToken({}), kept.getToken({})])
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await kept.getToken({})).toBe('token-2')
  })

  it('is served the old token when a renewal ahead fails, and the next tries again', async () => {
    stopClock()
    const { source } = await endpoint((_parameters, count) =>
      count === 2 ? { status: 503, body: 'down' } : {},
    )
    const kept = source()
    await kept.getToken({})
    passTime(3600 - 100)
    expect(await kept.getToken({})).toBe('token-1')
    await turn()
    expect(await kept.getToken({})).toBe('token-1')
    await turn()
    expect(await kept.getToken({})).toBe('token-3')
  })
})

describe('what is wanted', () => {
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
      'the first audience of the request, as resource (RFC 8707), and its scopes',
      {},
      {},
      { scope: 'read:/x read:/y', resource: 'https://a.test:8443' },
    ],
    [
      'the scopes of the source beside those',
      { scope: 'read:/y read:/z' },
      {},
      { scope: 'read:/y read:/z read:/x', resource: 'https://a.test:8443' },
    ],
    [
      'audience where the server reads that',
      {},
      { audienceParameter: 'audience' },
      { audience: 'https://a.test' },
    ],
    [
      'no audience where the server should not be told',
      {},
      { audienceParameter: false },
      { audience: undefined, resource: undefined },
    ],
    [
      'the audience of the source in place of that of the request',
      { audience: 'https://all.test' },
      {},
      { resource: 'https://all.test' },
    ],
    [
      'that of the request, where the source has several',
      { audience: ['https://b.test', 'https://a.test'] },
      {},
      { resource: 'https://a.test' },
    ],
    [
      'more parameters',
      { params: { tenant: 'igwn', resource: undefined } },
      {},
      { tenant: 'igwn', resource: undefined },
    ],
  ])('is %s', async (_name, options, more, expected) => {
    expect(await wants(options, more, query)).toMatchObject(expected)
  })

  it('has a token of its own; the same in other words has the same', async () => {
    const { source, asked } = await endpoint()
    const kept = source()
    const one = await kept.getToken({ audience: 'https://a.test', scope: 'x y' })
    expect(await kept.getToken({ audience: ['https://a.test'], scope: ['y', 'x'] })).toBe(one)
    expect(await kept.getToken({ audience: 'https://b.test', scope: 'x y' })).not.toBe(one)
    expect(await kept.getToken({ audience: 'https://a.test', scope: 'x' })).not.toBe(one)
    expect(asked).toHaveLength(3)
  })

  it('has one token for all audiences where the server is not told of them', async () => {
    const { source, asked } = await endpoint()
    const kept = source({}, { audienceParameter: false })
    await kept.getToken({ audience: 'https://a.test' })
    await kept.getToken({ audience: 'https://b.test' })
    expect(asked).toHaveLength(1)
  })

  it('is left to other sources when it is of another issuer', async () => {
    const { source, asked, server } = await endpoint()
    const metadata = { issuer: 'https://issuer.test', token_endpoint: `${server.origin}/token` }
    const kept = source({}, { metadata })
    expect(kept.getToken({ issuer: ['https://other.test'] })).toBeUndefined()
    expect(asked).toHaveLength(0)
    expect(await kept.getToken({ issuer: ['https://other.test', 'https://issuer.test'] })).toBe('token-1')
  })
})

describe('a refresh token', () => {
  it('stays good where none comes in its place', async () => {
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

  it('serves all wants, one after the other where each is good once', async () => {
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

  it('names scopes only where more are wanted than at every login', async () => {
    const { byRefresh, asked } = await endpoint()
    const kept = byRefresh({ refreshToken: 'refresh-0', scope: 'openid read:/x' })
    await kept.getToken({})
    await kept.getToken({ scope: 'read:/y' })
    expect(asked.map(({ scope }) => scope)).toEqual([undefined, 'openid read:/x read:/y'])
  })
})

describe('onToken', () => {
  it('hears of each new token and the one before it, once it is kept', async () => {
    const heard: unknown[] = []
    const { source } = await endpoint()
    const kept = source({
      onToken: async (token, before) => {
        await turn()
        heard.push([token.access_token, before?.access_token])
      },
    })
    await kept.getToken({})
    kept.invalidate('token-1')
    await kept.getToken({})
    expect(heard).toEqual([
      ['token-1', undefined],
      ['token-2', 'token-1'],
    ])
  })

  it('that fails is heard of, and loses no token', async () => {
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

  it('is not needed: events tell of renewals, without the token', async () => {
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

/** A store that several sources share, as processes would. */
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
  it('keeps tokens for the next process, under names that tell them apart', async () => {
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

  it('never takes the login of one for that of another whose name reads like it', async () => {
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

  it('has the login under a name of its own, and its refresh token nowhere else', async () => {
    const { store, kept } = sharedStore()
    const { byRefresh } = await endpoint((_parameters, count) => ({ refresh_token: `refresh-${count}` }))
    await byRefresh({ refreshToken: 'refresh-0', store, storeKey: 'albert' }).getToken({})
    expect(Object.fromEntries(kept)).toMatchObject({
      albert: { refresh_token: 'refresh-1' },
      'albert [[],[]]': expect.not.objectContaining({ refresh_token: expect.anything() as string }) as object,
    })
  })

  it('that has another refresh token than the first one given has the one that is good', async () => {
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

  it('that fails to keep a refresh token is heard of; the token is not lost over it', async () => {
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

  it('that cannot be read is an error, since an old refresh token would be used twice', async () => {
    const { store } = sharedStore()
    const { byRefresh, asked } = await endpoint()
    const failing: TokenStore = { ...store, get: () => Promise.reject(new Error('the store is down')) }
    const kept = byRefresh({ refreshToken: 'refresh-0', store: failing })
    await expect(kept.getTokenResponse()).rejects.toThrow('the store is down')
    expect(asked).toEqual([])
  })

  it('without a lock serves all the same', async () => {
    const { store } = sharedStore()
    const { source } = await endpoint()
    expect(await source({ store: { ...store, lock: undefined } as unknown as TokenStore }).getToken({})).toBe(
      'token-1',
    )
  })
})

describe('options that cannot be used are refused at once', () => {
  it.each<[object, string]>([
    [
      { scopes: 'x' },
      expect.stringContaining('options has no option "scopes"; there are scope, audience, params,') as string,
    ],
    [{ scope: 1 }, 'options.scope must be a string or a list of strings, none empty, not a number.'],
    [{ params: 'x' }, 'options.params must be an object, not a string.'],
    [{ minTimeLeft: -1 }, 'options.minTimeLeft must be a number of seconds, 0 or more, not -1.'],
    [{ store: {} }, 'options.store must be a token store, not an object.'],
    [{ storeKey: '' }, 'options.storeKey must not be empty.'],
    [{ onToken: 1 }, 'options.onToken must be a function, not a number.'],
    [{ signal: {} }, 'options.signal must be an AbortSignal, not an object.'],
  ])('%p', (options, message) => {
    const make = () => clientCredentials({ issuer: 'https://issuer.test' }, options)
    expect(thrownBy(make)).toEqual(ours('ERR_IGWN_INVALID_OPTION', message))
  })
})
