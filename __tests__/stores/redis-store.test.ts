/** redisStore and redisLock with clients of both kinds. The commands go to a Redis in memory; interop/redis-fleet.test.ts has a real one. */
import { IgwnAuthError, redisLock, redisStore, reuse } from '../support/all'
import { redisCommands, type RedisLike } from '../../lib/stores/redis-client'
import { expectNoSecret } from '../support/expect-no-secret'
import { thrownBy } from '../support/thrown-by'
import { ours } from '../support/tokens'

/** The commands that the store uses, on one map; a script is known by what it ends with. */
function redisInMemory() {
  const values = new Map<string, string>()
  const sent: string[][] = []
  /** Called before each command; an error that it throws is that of the connection. */
  const state = { before: (_command: string[]): void => undefined }
  const run = async (command: string[]): Promise<unknown> => {
    sent.push(command)
    await Promise.resolve()
    state.before(command)
    const [name, ...rest] = command
    const [key = '', value = ''] = rest
    if (name === 'GET') return values.get(key) ?? null
    if (name === 'DEL') return Number(values.delete(key))
    if (name === 'SET') {
      values.set(key, value)
      return 'OK'
    }
    const [script = '', , lock = '', owner = ''] = rest
    const holder = values.get(lock)
    if (/'SET'/.test(script))
      return holder === undefined || holder === owner ? (values.set(lock, owner), 1) : 0
    if (holder !== owner) return 0
    if (/'DEL'/.test(script)) values.delete(lock)
    return 1
  }
  const clients: Record<string, RedisLike> = {
    ioredis: {
      call: (...command) => run(command),
      // Its method of this name takes something else.
      sendCommand: () => Promise.reject(new Error('not a command')),
    },
    'node-redis': { sendCommand: (command: never) => run(command) },
  }
  return { values, sent, state, clients }
}

const TOKEN = { access_token: 'secret-token', expires_at: 4_000_000_000, refresh_token: 'secret-refresh' }

describe.each(['ioredis', 'node-redis'])('with a client of %s', (kind) => {
  let redis: ReturnType<typeof redisInMemory>
  let client: RedisLike
  beforeEach(() => {
    redis = redisInMemory()
    client = redis.clients[kind]!
  })

  it('the store keeps a token under its prefix until it is deleted', async () => {
    const store = redisStore(client, { prefix: 'igwn:' })
    expect(await store.get('a')).toBeUndefined()
    await store.set('a', TOKEN)
    expect(await store.get('a')).toEqual(TOKEN)
    expect([...redis.values.keys()]).toEqual(['igwn:a'])
    await store.delete('a')
    expect(await store.get('a')).toBeUndefined()
  })

  it('an access token expires in Redis, and a login does not', async () => {
    const store = redisStore(client)
    await store.set('login', TOKEN)
    await store.set('token', { access_token: 'x', expires_at: Date.now() / 1000 + 10 })
    const [login, token] = redis.sent
    expect(login).toHaveLength(3)
    expect(token?.slice(3)).toEqual(['PX', expect.stringMatching(/^(?:9\d{3}|10000)$/)])
  })

  it('a value that is not a token is an error that does not repeat it', async () => {
    redis.values.set('a', 'secret-token')
    await expect(redisStore(client).get('a')).rejects.toThrow(
      ours(
        'ERR_IGWN_STORE_UNUSABLE',
        'The store has a value under this key that is not a token. Set a prefix that nothing else uses.',
      ),
    )
  })

  it('the lock lets one at a time work, and is gone afterwards', async () => {
    const store = redisStore(client, { prefix: 'igwn:' })
    let working = 0
    let most = 0
    const work = async () => {
      most = Math.max(most, (working += 1))
      expect([...redis.values.keys()]).toEqual(['igwn:a:lock'])
      await new Promise((resolve) => setTimeout(resolve, 5))
      working -= 1
    }
    await Promise.all([store.lock!('a', work), store.lock!('a', work), store.lock!('a', work)])
    expect(most).toBe(1)
    expect(redis.values.size).toBe(0)
  })

  it('work that fails rejects with its error, once, and releases the lock', async () => {
    const work = jest.fn(() => Promise.reject(new Error('the server refused')))
    await expect(redisLock(client)('a', work)).rejects.toThrow('the server refused')
    expect(work).toHaveBeenCalledTimes(1)
    expect(redis.values.size).toBe(0)
  })

  it('work whose lock went to another process stops where it asks, and starts over with the next lock', async () => {
    let attempts = 0
    const result = await redisLock(client)('a', async (held) => {
      attempts += 1
      if (attempts === 1) {
        // As after a pause: it expired, and another process has it for a moment.
        redis.values.set('a:lock', 'another process')
        setTimeout(() => redis.values.delete('a:lock'), 30)
      }
      await (held as { assertHeld(): Promise<void> }).assertHeld()
      return `attempt ${attempts}`
    })
    expect(result).toBe('attempt 2')
  })

  it('the lock of another process is not released', async () => {
    await redisLock(client)('a', async () => {
      redis.values.set('a:lock', 'another process')
    })
    expect(redis.values.get('a:lock')).toBe('another process')
  })

  it('a command whose connection was lost is sent again', async () => {
    let failures = 2
    redis.state.before = () => {
      if ((failures -= 1) >= 0)
        throw Object.assign(new Error('Socket closed unexpectedly'), { name: 'SocketClosed' })
    }
    const store = redisStore(client)
    await store.set('a', TOKEN)
    expect(redis.sent).toHaveLength(3)
    expect(await store.get('a')).toEqual(TOKEN)
  })

  it('a Redis that starts is waited for', async () => {
    let replies = 2
    redis.state.before = () => {
      if ((replies -= 1) >= 0)
        throw Object.assign(new Error('LOADING Redis is loading the dataset in memory'), {
          name: 'ReplyError',
        })
    }
    expect(await redisStore(client).get('a')).toBeUndefined()
  })

  it('a Redis that does not respond does not stop a source that is not a login', async () => {
    redis.state.before = () => {
      throw Object.assign(new Error('Connection is closed.'), { name: 'Error' })
    }
    const store = redisStore(client)
    const unreachable = () => Promise.reject(new IgwnAuthError('ERR_IGWN_STORE_UNREACHABLE', 'no'))
    const kept = reuse(
      { getToken: () => 'token' },
      { store: { ...store, get: unreachable, set: unreachable, lock: unreachable }, storeKey: 'k' },
    )
    expect(await kept.getToken({})).toBe('token')
  })

  it('a command that Redis refuses is an error without what was stored', async () => {
    redis.state.before = ([, , value]) => {
      throw Object.assign(new Error(`NOPERM no right to SET ${value}`), {
        command: { args: [value] },
        name: kind === 'ioredis' ? 'ReplyError' : 'SimpleError',
      })
    }
    const failure: unknown = await redisStore(client)
      .set('a', { access_token: 'secret-token-of-albert' })
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'ERR_IGWN_STORE_UNUSABLE' })
    expect((failure as Error).message).toMatch(
      /^Redis refuses SET: NOPERM no right to SET .*Check the rights of its user\.$/,
    )
    expectNoSecret(failure, ['secret-token-of-albert'])
    expect(redis.sent).toHaveLength(1)
  })
})

it('a Redis that does not respond is an error after a time', async () => {
  const silent: RedisLike = { call: () => new Promise(() => undefined) }
  const send = redisCommands(silent, 'redisStore', 100)
  await expect(send('GET', 'a')).rejects.toThrow(
    ours(
      'ERR_IGWN_STORE_UNREACHABLE',
      'Redis did not respond within 0.1 seconds (no response). Check its address, and that it runs.',
    ),
  )
})

it.each([[undefined], [{}], ['redis://127.0.0.1']])('%p is not a client', (client) => {
  for (const make of [redisLock, redisStore])
    expect(thrownBy(() => make(client as never))).toMatchObject({
      code: 'ERR_IGWN_INVALID_OPTION',
      message: expect.stringMatching(
        `^${make.name} needs a connected client of ioredis or node-redis, not .+ without call and sendCommand\\.$`,
      ) as string,
    })
})

it('a lifetime in seconds is an error that names the unit', () => {
  const { clients } = redisInMemory()
  expect(() => redisLock(clients.ioredis!, { lifetime: 30 })).toThrow(
    ours(
      'ERR_IGWN_INVALID_OPTION',
      'options.lifetime is in milliseconds; 30 is too short. Did you mean 30000?',
    ),
  )
})
