import axios from 'axios'
import fs from 'node:fs'
import { applyIgwnAuth } from '../support/all'
import { vaultToken, type VaultTokenOptions } from '../../lib/vault'
import { expectNoSecret } from '../support/expect-no-secret'
import { challenge, serve, type Answer, type Seen } from '../support/server'
import { pauses } from '../support/short-pauses'
import { emptyPlaces, mint, now, ours, passTime, put, room, runtimeFile, stopClock } from '../support/tokens'

jest.mock('node:timers/promises', () => jest.requireActual<object>('../support/short-pauses'))

beforeEach(emptyPlaces)
afterEach(() => {
  jest.useRealTimers()
})

const VAULT_TOKEN = 'hvs.vault-token-0123456789'

/** A Vault server with a refresh token; `respond` may respond in its place. */
async function vault(respond: (seen: Seen) => Answer | undefined = () => undefined, claims: object = {}) {
  let issued = 0
  const server = await serve(
    (one) =>
      respond(one) ?? {
        body: JSON.stringify({
          data: {
            access_token: mint({
              aud: 'ANY',
              jti: `${(issued += 1)}`,
              scope:
                new URL(one.url, 'http://v').searchParams.get('scopes')?.replaceAll(',', ' ') ?? 'read:/',
              ...claims,
            }),
          },
        }),
      },
  )
  const options: VaultTokenOptions = {
    vaultserver: server.origin,
    issuer: 'igwn',
    credkey: 'albert',
    vaulttokenfile: put(room('vt'), VAULT_TOKEN),
    nokerberos: true,
    nossh: true,
  }
  return { options, seen: server.seen, urls: () => server.seen.map(({ url }) => url) }
}

const CREDS = '/v1/secret/oauth/creds/igwn/albert:default?minimum_seconds=60'
const STS = '/v1/secret/oauth/sts/igwn/albert:default?minimum_seconds=60'

/** A login in a browser that ends with a poll. */
const BROWSER =
  (poll: Answer, interval: unknown = '1') =>
  (seen: Seen) => {
    if (seen.url.endsWith('/auth_url')) {
      const data = { auth_url: 'https://idp.example.org', state: 's', poll_interval: interval }
      return { body: JSON.stringify({ data }) }
    }
    if (seen.url.endsWith('/poll')) return poll
    return seen.method === 'GET' ? { status: 403, body: '{"errors":["permission denied"]}' } : undefined
  }
const DENIED = { status: 400, body: '{"errors":["authorization failed: access_denied"]}' }

it('one token is used for all requests, is written to its file, and is replaced when it was refused', async () => {
  const { options, urls } = await vault()
  const service = await serve(({ headers }) =>
    headers.authorization?.includes(first) ? challenge('error="invalid_token"') : {},
  )
  const source = vaultToken(options)
  const texts = await Promise.all([
    source.getToken({ audience: 'https://a.example.org' }),
    source.getToken({ audience: 'https://b.example.org', scope: 'read:/x' }),
  ])
  const first = String(texts[0])
  expect(texts).toEqual([first, first])
  expect(fs.readFileSync(runtimeFile(), 'utf8')).toBe(`${first}\n`)
  const { status } = await applyIgwnAuth(axios.create(), { token: source }).get(service.origin)
  expect(status).toBe(200)
  expect(urls()).toEqual([CREDS, CREDS])
})

it('a token is renewed when it has fewer than minsecs left, or than the query requires', async () => {
  const { options, urls } = await vault(undefined, { exp: now() + 600 })
  const source = vaultToken({ ...options, minsecs: 120 })
  await source.getToken({})
  await source.getToken({ minTimeLeft: 300 })
  expect(urls()).toHaveLength(1)
  await source.getToken({ minTimeLeft: 900 })
  expect(urls()).toEqual([CREDS.replace('60', '120'), CREDS.replace('60', '900')])
})

it('with exchange, each audience and scope has a token, which is not written', async () => {
  const { options, urls } = await vault()
  const source = vaultToken({ ...options, exchange: true, scopes: 'read:/own' })
  for (let round = 0; round < 2; round++) {
    await source.getToken({ audience: ['https://a.example.org'], scope: 'read:/x' })
    await source.getToken({ audience: 'https://b.example.org' })
  }
  expect(urls()).toEqual([
    `${STS}&scopes=read%3A%2Fown%2Cread%3A%2Fx&audiences=https%3A%2F%2Fa.example.org`,
    `${STS}&scopes=read%3A%2Fown&audiences=https%3A%2F%2Fb.example.org`,
  ])
  expect(fs.existsSync(runtimeFile())).toBe(false)
})

describe('the scopes of a challenge', () => {
  const query = { challengeScope: ['write:/data/x', 'admin'], isRetry: true }

  it('are requested as far as challengeScopes allows', async () => {
    const { options, urls } = await vault()
    await vaultToken(options).getToken(query)
    await vaultToken({ ...options, challengeScopes: ['write:/data'] }).getToken(query)
    expect(urls()).toEqual([CREDS, `${STS}&scopes=write%3A%2Fdata%2Fx`])
  })

  it('that the role cannot have leave the 401 as it is', async () => {
    const body = '{"errors":["exchange failed: server rejected request: invalid_scope"]}'
    const { options } = await vault(() => ({ status: 400, body }))
    const source = vaultToken({ ...options, challengeScopes: true })
    expect(await source.getToken(query)).toBeUndefined()
  })
})

describe('a login with a browser', () => {
  it('is not started for the retry after a 401', async () => {
    const { options, urls } = await vault(BROWSER(DENIED))
    const onPrompt = jest.fn()
    expect(await vaultToken({ ...options, onPrompt }).getToken({ isRetry: true })).toBeUndefined()
    expect(onPrompt).not.toHaveBeenCalled()
    expect(urls()).toEqual([CREDS])
  })

  it('that the user denied is not started again for 60 seconds', async () => {
    stopClock()
    const { options } = await vault(BROWSER(DENIED))
    const onPrompt = jest.fn()
    const source = vaultToken({ ...options, onPrompt })
    const denied = { code: 'ERR_IGWN_OAUTH_REFUSED', error: 'access_denied' }
    await expect(source.getToken({})).rejects.toMatchObject(denied)
    passTime(59)
    await expect(source.getToken({})).rejects.toMatchObject(denied)
    expect(onPrompt).toHaveBeenCalledTimes(1)
    passTime(2)
    await expect(source.getToken({})).rejects.toMatchObject(denied)
    expect(onPrompt).toHaveBeenCalledTimes(2)
  })

  it.each([
    ['a number in a text', '3', 3000],
    ['less than a second', '0.001', 1000],
    ['0', 0, 5000],
    ['nothing', null, 5000],
    ['more than a minute', 3600, 60_000],
  ])('is asked for at the interval of the server: %s', async (_, interval, pause) => {
    stopClock()
    const { options } = await vault(BROWSER(DENIED, interval))
    pauses.splice(0)
    await expect(vaultToken({ ...options, onPrompt: () => undefined }).getToken({})).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_REFUSED',
      error: 'access_denied',
    })
    expect(pauses).toEqual([pause])
  })

  it('ends with the signal, and when the page cannot be shown', async () => {
    const { options } = await vault(BROWSER({ status: 400, body: '{"errors":["authorization_pending"]}' }))
    const stop = new AbortController()
    const waiting = vaultToken({ ...options, signal: stop.signal, onPrompt: () => stop.abort() }).getToken({})
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_CANCELED' })
    const unshown = vaultToken({ ...options, onPrompt: () => Promise.reject(new Error('no screen')) })
    await expect(unshown.getToken({})).rejects.toThrow('no screen')
  })

  it('does not open a page that is not one of the web', async () => {
    const { options } = await vault((seen) =>
      seen.url.endsWith('/auth_url')
        ? { body: '{"data":{"auth_url":"file:///etc/passwd"}}' }
        : BROWSER({})(seen),
    )
    const onPrompt = jest.fn()
    await expect(vaultToken({ ...options, onPrompt }).getToken({})).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_RESPONSE',
      message: expect.stringContaining('is not an http(s) URL, its scheme is file:') as string,
    })
    expect(onPrompt).not.toHaveBeenCalled()
  })
})

it('has no token for a query of another issuer', async () => {
  const { options } = await vault()
  const source = vaultToken(options)
  expect(await source.getToken({ issuer: 'https://other.example.org' })).toBeUndefined()
  expect(await source.getToken({ issuer: 'https://issuer.example.org' })).toBeDefined()
})

it('explains itself without a request', async () => {
  const { options, urls } = await vault()
  const source = vaultToken(options)
  expect(source.explain?.({})).toMatchObject([
    {
      verdict: 'deferred',
      message: `vaultToken at ${options.vaultserver} is asked when a request needs its token`,
    },
  ])
  await source.getToken({})
  expect(source.explain?.({})).toMatchObject([{ verdict: 'usable', source: 'the token of vaultToken' }])
  expect(urls()).toHaveLength(1)
})

it('a response that repeats what was sent shows none of it in the error', async () => {
  const { options } = await vault(({ headers }) => ({
    status: 403,
    body: JSON.stringify({ errors: [`no ${String(headers['x-vault-token'])}`] }),
  }))
  const source = vaultToken({ ...options, nooidc: true })
  const error: unknown = await Promise.resolve(source.getToken({})).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'ERR_IGWN_TOKEN_NOT_FOUND' })
  expectNoSecret(error, [VAULT_TOKEN])
})

it.each([
  [
    { vaulttokenttl: '7 days' },
    'options.vaulttokenttl must be a number of seconds, or digits followed by s, m, h or d.',
  ],
  [{ issuer: '../x' }, 'options.issuer is not a name in Vault.'],
  [{ credkey: 'a/../b' }, 'options.credkey is not a path in Vault.'],
  [{ kerberos: {} }, 'options.kerberos must be the package kerberos, not an object.'],
  [{ timeout: 10 }, 'options.timeout is in milliseconds; 10 is too short. Did you mean 10000?'],
])('rejects %j', (options, message) => {
  expect(() => vaultToken(options as object)).toThrow(ours('ERR_IGWN_INVALID_OPTION', message))
})
