/** Tokens in a real Redis, through Keyv: in one program, and shared by several processes. */
import diagnostics from 'node:diagnostics_channel'
import { randomUUID } from 'node:crypto'
import KeyvRedis from '@keyv/redis'
import Keyv from 'keyv'
import { EVENT_CHANNEL, type IgwnAuthEvent } from '../../lib/events'
import { keyvStore, reuse, type TokenStore } from '../support/all'
import { expectNoSecret } from '../support/expect-no-secret'
import { runProgram } from '../support/program'
import { serverGroup } from '../support/server'
import { mint, now, signatureOf } from '../support/tokens'
import { redisVersion, startRedis, type Redis } from './redis'

const servers = serverGroup()
const withRedis = redisVersion === undefined ? describe.skip : describe

withRedis(`with Redis ${redisVersion ?? '(redis-server is not installed)'}`, () => {
  let redis: Redis
  const clients: KeyvRedis<unknown>[] = []
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterEach(servers.close)
  afterAll(async () => {
    await Promise.allSettled(clients.map((client) => client.disconnect(true)))
    await redis.stop()
  })

  /** A store as a program would create it, and its client. */
  function connect(url = redis.url) {
    const client = new KeyvRedis<unknown>(
      { url, disableOfflineQueue: true, socket: { reconnectStrategy: false } },
      { throwOnErrors: true, throwOnConnectError: true, connectionTimeout: 500 },
    )
    client.on('error', () => undefined)
    clients.push(client)
    const keyv = new Keyv({ store: client, throwOnErrors: true })
    keyv.on('error', () => undefined)
    return { client, store: keyvStore(keyv, { prefix: `igwn:${randomUUID()}:`, lock: lockOf(client) }) }
  }

  it('keeps a token until it is deleted', async () => {
    const { store } = connect()
    const token = { access_token: mint(), expires_at: now() + 600, token_type: 'Bearer', custom: { a: [1] } }
    expect(await store.get('a')).toBeUndefined()
    await store.set('a', token)
    expect(await store.get('a')).toEqual(token)
    await store.delete('a')
    expect(await store.get('a')).toBeUndefined()
  })

  it('lets Redis delete an expired token, but not one that can be renewed', async () => {
    const { store, client } = connect()
    await store.set('short', { access_token: 'a', expires_at: Date.now() / 1000 + 0.3 })
    await store.set('long', { access_token: 'a', expires_at: now() + 600 })
    await store.set('renewable', { access_token: 'a', expires_at: now() + 600, refresh_token: 'r' })
    const redisClient = (await client.getClient()) as unknown as {
      keys(pattern: string): Promise<string[]>
      pTTL(key: string): Promise<number>
    }
    const lifeOf = async (name: string) => {
      const [key] = await redisClient.keys(`*${name}`)
      return key === undefined ? undefined : redisClient.pTTL(key)
    }
    expect(await lifeOf('long')).toBeGreaterThan(590_000)
    expect(await lifeOf('long')).toBeLessThanOrEqual(601_000)
    expect(await lifeOf('renewable')).toBe(-1)
    while ((await lifeOf('short')) !== undefined) await new Promise((resolve) => setTimeout(resolve, 20))
    expect(await store.get('short')).toBeUndefined()
  })

  it('shares tokens between two programs, and removes for both a token that a server refused', async () => {
    const { store } = connect()
    let made = 0
    const source = { getToken: () => mint({ jti: String((made += 1)) }) }
    const [one, other] = [1, 2].map(() => reuse(source, { store, storeKey: 'k' }))
    const token = String(await one!.getToken({}))
    expect(await other!.getToken({})).toBe(token)
    one!.invalidate?.(token)
    const fresh = await one!.getToken({})
    expect(fresh).not.toBe(token)
    other!.invalidate?.(token)
    expect(await other!.getToken({})).toBe(fresh)
    expect(made).toBe(2)
  })

  it('with a lock, eight processes that find an expired token make one renewal, and none fails', async () => {
    let renewals = 0
    const fresh = mint({ jti: 'fresh' })
    const issuer = await servers.serve(async () => {
      renewals += 1
      await new Promise((resolve) => setTimeout(resolve, 100))
      return { body: fresh }
    })
    const prefix = `fleet:${randomUUID()}:`
    const program = `
      import KeyvRedis from '@keyv/redis'
      import Keyv from 'keyv'
      const client = new KeyvRedis('${redis.url}')
      const lock = (${lockOf.toString()})(client)
      const store = keyvStore(new Keyv({ store: client }), { prefix: '${prefix}', lock })
      const source = { getToken: async () => (await fetch('${issuer.origin}')).text() }
      console.log(await reuse(source, { store, storeKey: 'k' }).getToken({}))
      await client.disconnect()`
    const printed = await Promise.all(Array.from({ length: 8 }, () => runProgram(program)))
    expect(printed.map((one) => one.trim())).toEqual(Array(8).fill(fresh))
    expect(renewals).toBe(1)
  }, 60_000)

  it('that cannot be reached loses no token: a warning is emitted, and the source is called', async () => {
    const mine = await startRedis()
    const { store } = connect(mine.url)
    await store.set('warm', { access_token: 'a' })
    await mine.stop()
    const events: IgwnAuthEvent[] = []
    const record = (event: unknown) => void events.push(event as IgwnAuthEvent)
    diagnostics.subscribe(EVENT_CHANNEL, record)
    const token = mint()
    const kept = reuse({ getToken: () => token }, { store: withoutLock(store), storeKey: 'k' })
    try {
      expect(await kept.getToken({})).toBe(token)
      expect(await kept.getToken({})).toBe(token)
    } finally {
      diagnostics.unsubscribe(EVENT_CHANNEL, record)
    }
    const warnings = events.filter(({ type }) => type === 'warning')
    expect(warnings.length).toBeGreaterThan(0)
    for (const warning of warnings)
      expect(warning).toMatchObject({
        source: 'reuse',
        message: expect.stringMatching(/^The token store failed: /),
      })
    expectNoSecret(events, [signatureOf(token)])
  }, 60_000)
})

/** The lock that Redis documents for one server: a key that only one client can create, and that expires. */
function lockOf(client: { getClient(): Promise<unknown> }): NonNullable<TokenStore['lock']> {
  return async (key, work) => {
    const redis = (await client.getClient()) as {
      set(key: string, value: string, options: object): Promise<string | null>
      eval(script: string, options: object): Promise<unknown>
    }
    const [name, mine] = [`${key}:lock`, globalThis.crypto.randomUUID()]
    while ((await redis.set(name, mine, { NX: true, PX: 30_000 })) === null)
      await new Promise((resolve) => setTimeout(resolve, 25))
    try {
      return await work()
    } finally {
      const script = 'if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) end'
      await redis.eval(script, { keys: [name], arguments: [mine] })
    }
  }
}

function withoutLock(store: TokenStore): TokenStore {
  return Object.assign(Object.create(store) as TokenStore, { lock: undefined })
}
