import { execFile } from 'node:child_process'
import diagnostics from 'node:diagnostics_channel'
import path from 'node:path'
import { inspect, promisify } from 'node:util'
import axios, { type AxiosInstance } from 'axios'
import {
  applyIgwnAuth,
  EVENT_CHANNEL,
  type IgwnAuthEvent,
  type IgwnAuthOptions,
  type IgwnAxiosError,
} from '../lib/index'
import { OAuth2Auth } from '../lib/oauth2'
import { expectNoSecret } from './support/expect-no-secret'
import { challenge, serve } from './support/server'
import { emptyPlaces, mint, put, room, runtimeFile, signatureOf } from './support/tokens'

let events: IgwnAuthEvent[]
beforeEach(() => {
  emptyPlaces()
  events = []
})

const listening = (options: IgwnAuthOptions = {}): AxiosInstance =>
  applyIgwnAuth(axios.create(), { onEvent: (event) => events.push(event), ...options })

/** The events without absent candidates. */
const relevant = () => events.filter((event) => event.type !== 'skipped' || event.reason.code !== 'absent')

it('of a request that succeeds are skipped, selected and attached', async () => {
  process.env.BEARER_TOKEN = 'garbage'
  put(runtimeFile(), mint({ aud: 'ANY', exp: 4e9 }))
  const { origin } = await serve(() => ({}))
  await listening().get(`${origin}/a/b?secret=1`)
  const url = `${origin}/a/b`
  expect(relevant()).toEqual([
    {
      type: 'skipped',
      url,
      reason: expect.objectContaining({ code: 'malformed', source: 'BEARER_TOKEN' }),
    },
    { type: 'selected', url, kind: 'token', source: runtimeFile(), expiresAt: 4e9 },
    { type: 'attached', url, kinds: ['token'] },
  ])
})

it('of a 401 that is retried are challenged and retrying', async () => {
  let count = 0
  const { origin } = await serve((_, index) => (index === 0 ? challenge('scope="a"') : {}))
  await listening({ token: () => `token-${(count += 1)}` }).get(origin)
  const url = `${origin}/`
  const selected = { type: 'selected', url, kind: 'token', source: 'the token source', expiresAt: undefined }
  expect(relevant()).toEqual([
    selected,
    { type: 'attached', url, kinds: ['token'] },
    { type: 'challenged', url, challenges: [{ scheme: 'bearer', params: { scope: 'a' } }] },
    { type: 'retrying', url },
    selected,
    { type: 'attached', url, kinds: ['token'] },
  ])
})

it('and explanations have no token or password that a server repeats', async () => {
  const token = mint({ aud: 'ANY' })
  const netrc = put(room('.netrc'), 'machine 127.0.0.1 login albert password sosecretpassword')
  const basic = Buffer.from('albert:sosecretpassword').toString('base64')
  const { origin } = await serve(({ headers: { authorization = '' } }) => {
    const shown = authorization.slice(authorization.indexOf(' ') + 1)
    return challenge(`scope="a ${shown}", error="invalid_token", error_description="no ${authorization}"`)
  })
  const scheme = new OAuth2Auth(token)
  for (const options of [{ token }, { token: () => token }, { token: false, netrc }, { scheme }]) {
    const error: unknown = await listening(options)
      .get(origin)
      .catch((failure: unknown) => failure)
    expect(relevant().filter(({ type }) => type === 'challenged')).toHaveLength(1)
    expect(error).toMatchObject({ igwnAuth: { summary: expect.stringContaining('a [hidden]') as string } })
    const { igwnAuth } = error as IgwnAxiosError
    const all = [events, igwnAuth, igwnAuth?.explanation, String(igwnAuth?.explanation)]
    expectNoSecret(all, [token, signatureOf(token), basic, 'sosecretpassword'])
    events = []
  }
})

it('of a refusal that is returned is refused, once, also when validateStatus accepts it', async () => {
  const { origin } = await serve(() => challenge())
  const summary = expect.stringContaining('the server requires a token') as string
  for (const validateStatus of [null, undefined]) {
    let count = 0
    events = []
    const instance = listening({ token: () => `token-${(count += 1)}` })
    await instance.get(origin, { ...(validateStatus === null && { validateStatus }) }).catch(() => undefined)
    expect(relevant().filter(({ type }) => type === 'refused')).toEqual([
      { type: 'refused', url: `${origin}/`, status: 401, summary },
    ])
  }
})

it('of a redirect to another origin is redirected, and whether the credentials are kept', async () => {
  const target = await serve(() => ({}))
  const { origin } = await serve(() => ({
    status: 302,
    headers: { Location: `${target.origin}/x?y=1` },
  }))
  await listening({ token: 'abc' }).get(origin)
  await listening({ token: 'abc', trustedOrigins: [origin, target.origin] }).get(origin)
  expect(relevant().filter(({ type }) => type === 'redirected')).toEqual([
    { type: 'redirected', url: `${origin}/`, to: `${target.origin}/x`, trusted: false },
    { type: 'redirected', url: `${origin}/`, to: `${target.origin}/x`, trusted: true },
  ])
})

it('of a request that is not sent is skipped', async () => {
  process.env.BEARER_TOKEN = 'garbage'
  await listening({ token: true })
    .get('https://127.0.0.1:1/')
    .catch(() => undefined)
  expect(relevant().map(({ type }) => type)).toEqual(['skipped'])
})

it('of every instance are published on the diagnostics channel', async () => {
  const published: unknown[] = []
  const listener = (message: unknown) => published.push(message)
  diagnostics.subscribe(EVENT_CHANNEL, listener)
  const { origin } = await serve(() => ({}))
  await applyIgwnAuth(axios.create(), { token: 'abc' }).get(origin)
  diagnostics.unsubscribe(EVENT_CHANNEL, listener)
  await applyIgwnAuth(axios.create(), { token: 'abc' }).get(origin)
  expect(published).toMatchObject([{ type: 'selected' }, { type: 'attached', kinds: ['token'] }])
})

it('continue after a listener throws, with a warning', async () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  const { origin } = await serve(() => ({}))
  const onEvent = () => {
    throw new Error('the log is full')
  }
  const { status } = await applyIgwnAuth(axios.create(), { token: 'abc', onEvent }).get(origin)
  expect(status).toBe(200)
  expect(warn).toHaveBeenCalledWith('onEvent failed: the log is full', { type: 'IgwnAuthWarning' })
  warn.mockRestore()
})

it('continue after an async listener rejects, with a warning', async () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  const { origin } = await serve(() => ({}))
  const onEvent = () => Promise.reject(new Error('the log is full'))
  const options = { token: 'abc', onEvent } as unknown as IgwnAuthOptions
  await applyIgwnAuth(axios.create(), options).get(origin)
  expect(warn).toHaveBeenCalledWith('onEvent failed: the log is full', { type: 'IgwnAuthWarning' })
  warn.mockRestore()
})

it('do not show a token that a redirect repeats in the path', async () => {
  const events: unknown[] = []
  const last = await serve(() => ({ status: 403 }))
  const first = await serve(({ url }) => ({
    status: 302,
    headers: { Location: url === '/' ? '/f/sosecret' : `${last.origin}/f/sosecret` },
  }))
  const options = { token: 'sosecret', onEvent: (event: unknown) => events.push(event) }
  const error: unknown = await applyIgwnAuth(axios.create(), options)
    .get(first.origin)
    .catch((failure: unknown) => failure)
  expect(last.seen).toHaveLength(1)
  const { explanation } = (error as IgwnAxiosError).igwnAuth!
  expect(inspect([events, error, explanation], { depth: 20 })).not.toContain('sosecret')
})

it('are printed with NODE_DEBUG=igwn-auth, a line each, without a secret', async () => {
  const { origin } = await serve(() => ({}))
  const program = `
    const axios = require('axios')
    const { applyIgwnAuth } = require('axios-igwn-auth')
    applyIgwnAuth(axios.create(), { token: 'sosecret' }).get(process.argv[1])`
  const { stderr } = await promisify(execFile)(process.execPath, ['--eval', program, `${origin}/a`], {
    cwd: path.join(__dirname, '..'),
    env: { ...process.env, NODE_DEBUG: 'igwn-auth' },
  })
  expect(stderr.trim().split('\n')).toEqual([
    expect.stringMatching(/^IGWN-AUTH \d+: selected \{ url: .*, kind: 'token', source: 'the token option'/),
    expect.stringMatching(/^IGWN-AUTH \d+: attached \{ url: /),
  ])
  expect(stderr).toContain("kinds: [ 'token' ]")
  expectNoSecret(stderr, ['sosecret'])
})

it('of any outcome have no secret', async () => {
  const token = mint({ aud: 'ANY' })
  put(runtimeFile(), token)
  put(room('.netrc'), 'machine localhost login albert password sosecretword')
  const target = await serve(() => challenge(), { host: 'localhost' })
  const { origin } = await serve(({ url }) =>
    url.startsWith('/hop')
      ? { status: 302, headers: { Location: target.origin } }
      : { status: Number(url.slice(1, 4)) },
  )
  const own = { auth: { username: 'me', password: 'sosecretpw' } }
  const urls = [
    `${origin}/200?token=sosecretq`,
    `${origin}/401`,
    `${origin}/403`,
    `${origin}/hop`,
    target.origin,
  ]
  for (const url of urls)
    for (const options of [{}, { token }, { token: () => token }, { token: false }] as IgwnAuthOptions[])
      for (const config of [{}, own])
        await listening(options)
          .get(url, config)
          .catch(() => undefined)
  expect(new Set(events.map(({ type }) => type))).toEqual(
    new Set(['skipped', 'selected', 'attached', 'challenged', 'refused', 'redirected']),
  )
  expectNoSecret(events, [token, 'sosecretword', 'sosecretpw', 'sosecretq'])
})
