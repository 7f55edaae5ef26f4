/**
 * Every public name of every entry point, called with valid and with invalid arguments that contain secrets, which are new in
 * each run. No result, error, event, output or warning contains a secret (trap 14).
 */
import { randomBytes } from 'node:crypto'
import diagnostics from 'node:diagnostics_channel'
import fs from 'node:fs'
import path from 'node:path'
import axios, { type AxiosInstance, type AxiosRequestConfig, type AxiosResponse } from 'axios'
import * as main from '../../lib/index'
import * as fetching from '../../lib/fetch/index'
import * as pelican from '../../lib/pelican/index'
import * as vault from '../../lib/vault/index'
import * as oauth1 from '../../lib/oauth1/index'
import * as oauth2 from '../../lib/oauth2/index'
import { everyCombination, someCombinations } from '../support/combinations'
import { expectNoSecret } from '../support/expect-no-secret'
import { serveAgent, type AgentStandIn } from '../support/oidc-agent'
import { createAuthority } from '../support/pki'
import { challenge, serve, type TestServer } from '../support/server'
import { storeInMemory } from '../support/store-in-memory'
import { emptyPlaces, mint, now, put, room, runtimeFile, signatureOf } from '../support/tokens'

const random = (what: string) => `${what}${randomBytes(12).toString('hex')}`

const SECRETS = {
  opaque: random('opaque'),
  password: random('password'),
  passphrase: random('passphrase'),
  clientSecret: random('clientsecret'),
  tokenSecret: random('tokensecret'),
  verifier: random('verifier'),
  bad: random('bad'),
}
const jwt = mint({ aud: 'ANY' })
const expired = mint({ aud: 'ANY', exp: now() - 60 })
/** For a server that refuses the first. */
const second = mint({ aud: 'ANY' })
const secrets: string[] = [...Object.values(SECRETS), ...[jwt, expired, second].map(signatureOf)]

let server: TestServer
let away: TestServer
let agent: AgentStandIn | undefined
let certificate: string
let encryptedKey: string
let plainKey: string
let bundle: string

/** The events and warnings of the current action. */
const emitted: unknown[] = []
const record = (event: unknown) => void emitted.push(event)

beforeAll(async () => {
  const authority = await createAuthority()
  const alice = await authority.issueUser()
  const of = await authority.issueServer()
  const { key } = alice
  secrets.push(...key.split('\n').filter((line) => line.length > 40))
  away = await serve(() => challenge(), { tls: { cert: of.certificate, key: of.key } })
  server = await serve(
    async ({ url, body, headers }) => {
      const [place] = url.split('?')
      if (place === '/oauth2')
        return { body: JSON.stringify({ access_token: SECRETS.opaque, refresh_token: SECRETS.tokenSecret }) }
      if (place === '/oauth2/register')
        return {
          body: JSON.stringify({
            client_id: 'me',
            client_secret: SECRETS.clientSecret,
            registration_access_token: SECRETS.verifier,
            registration_client_uri: `${server.origin}/oauth2/register`,
          }),
        }
      if (place === '/echo') {
        const said = `${decodeURIComponent(body)} ${headers.authorization ?? ''}`
        return { status: 400, body: JSON.stringify({ error: 'invalid_grant', error_description: said }) }
      }
      if (place?.startsWith('/vault/')) return { body: JSON.stringify({ data: { access_token: jwt } }) }
      if (place?.startsWith('/echo/')) {
        const said = `${String(headers['x-vault-token'])} ${body} ${headers.authorization ?? ''}`
        return { status: 403, body: JSON.stringify({ errors: [said], warnings: [said] }) }
      }
      if (place === '/401') return challenge('error="invalid_token"')
      if (place === '/oauth1')
        return { status: 401, headers: { 'WWW-Authenticate': 'OAuth oauth_problem=token_rejected' } }
      if (place === '/token')
        return { body: `oauth_token=${SECRETS.opaque}&oauth_token_secret=${SECRETS.tokenSecret}` }
      if (place === '/403') return { status: 403 }
      if (place === '/identity') return { body: JSON.stringify({ value: jwt }) }
      if (place === '/junk') return { body: '<' }
      if (place === '/around') return { status: 307, headers: { Location: '/' } }
      if (place === '/away') return { status: 307, headers: { Location: `${away.origin}/` } }
      if (place === '/slow') await new Promise((resolve) => setTimeout(resolve, 100))
      return {}
    },
    { tls: { cert: of.certificate, key: of.key } },
  )
  emptyPlaces()
  agent = await serveAgent(room('agent/s'), ({ account, scope }) =>
    account === 'igwn'
      ? {
          status: 'success',
          access_token: scope === undefined ? SECRETS.opaque : `${SECRETS.opaque} ${SECRETS.bad}`,
        }
      : { status: 'failure', error: `refused ${jwt}`, info: `Authorization: Bearer ${SECRETS.bad}` },
  )
  process.env.REQUESTS_CA_BUNDLE = put(room('ca.pem'), authority.certificate)
  certificate = put(room('cert.pem'), alice.certificate)
  encryptedKey = put(room('encrypted.pem'), alice.encryptedKey(SECRETS.passphrase))
  plainKey = put(room('key.pem'), key)
  bundle = put(room('bundle.pem'), alice.bundle)
  process.env.SCITOKEN = expired
  process.env.BEARER_TOKEN = jwt
  put(runtimeFile(), second)
  process.env.NETRC = put(room('netrc'), `machine 127.0.0.1 login albert password ${SECRETS.password}\n`)
  process.env.X509_USER_PROXY = bundle
  diagnostics.subscribe(main.EVENT_CHANNEL, record)
  process.on('warning', record)
})
afterAll(async () => {
  diagnostics.unsubscribe(main.EVENT_CHANNEL, record)
  process.off('warning', record)
  await agent?.close()
  for (const name of ['REQUESTS_CA_BUNDLE', 'SCITOKEN', 'BEARER_TOKEN', 'NETRC', 'X509_USER_PROXY'])
    delete process.env[name]
})

/** An action whose result must contain no secret. */
type Action = () => unknown

/** A result that must contain a secret, such as a header: only errors, events and output of the action are checked. */
class WithSecret {
  constructor(readonly secret: unknown) {}
}
const withSecret = async (secret: unknown): Promise<WithSecret> => new WithSecret(await secret)

/** Requests with every kind of outcome, through one instance. */
function requestsBy(
  make: () => AxiosInstance,
  config: AxiosRequestConfig = {},
  extra: readonly string[] = [],
): Action[] {
  const ends: [string, AxiosRequestConfig?][] = [
    ['/'],
    ['/401'],
    ['/403'],
    ['/around'],
    ['/away'],
    ['/junk', { responseType: 'json', transitional: { silentJSONParsing: false } }],
    ['/slow', { timeout: 20 }],
    ['/', { maxContentLength: 1 }],
    ['/', { responseType: 'stream' }],
    ['https://127.0.0.1:1/'],
    ['http://127.0.0.1:1/'],
    ['http://example.org/'],
    ...extra.map((place): [string] => [place]),
  ]
  return someCombinations(ends, 6).map(([url, more]) => async () => {
    const instance = make()
    try {
      const response = await instance.request({ baseURL: server.origin, ...config, ...more, url })
      ;(response.data as { destroy?: () => void } | undefined)?.destroy?.()
      return response
    } finally {
      if (instance !== main.igwnAxios) main.removeIgwnAuth(instance)
    }
  })
}

/** A Redis that repeats what it got in its errors, and a client that is none. */
function redisFailures(
  make: (client: main.RedisLike) => { set(key: string, token: main.StoredToken): Promise<unknown> },
): Action[] {
  const failure = (args: string[]) =>
    Object.assign(new Error(`NOPERM ${args.join(' ')}`), { name: 'ReplyError', command: { args } })
  return [
    () =>
      make({ call: (...args) => Promise.reject(failure(args)) }).set('k', {
        access_token: SECRETS.opaque,
        refresh_token: SECRETS.tokenSecret,
      }),
    () => make({ sendCommand: SECRETS.bad } as never),
  ]
}

/** The same by `igwnFetch`. */
function fetchesBy(make: () => fetching.IgwnFetch, init: fetching.IgwnRequestInit = {}): Action[] {
  const ends = [
    '/',
    '/401',
    '/403',
    '/around',
    '/away',
    '/junk',
    'https://127.0.0.1:1/',
    'http://example.org/',
  ]
  return someCombinations(ends).map((url) => async () => {
    const get = make()
    try {
      const response = await get(new URL(url, server.origin), init)
      await response.text()
      return [response, fetching.explanationOf(response)]
    } finally {
      get.close()
    }
  })
}

/** Without every combination, those of other credentials search for no certificate: loading one is most of their time. */
const withAuth = (options: main.IgwnAuthOptions) => () =>
  main.applyIgwnAuth(axios.create({ proxy: false }), {
    ...(!everyCombination && { cert: false }),
    ...options,
  })
/** Options of the wrong form, with a secret in each. */
const wrongOptions: object[] = [
  { token: [SECRETS.bad] },
  { token: `${SECRETS.bad} ${SECRETS.bad}` },
  { nonsense: SECRETS.bad },
  { url: `https://albert:${SECRETS.bad}@host.example.org` },
  { url: SECRETS.bad },
  { cert: [SECRETS.bad] },
  { passphrase: [SECRETS.bad] },
  { netrc: [SECRETS.bad] },
  { trustedOrigins: [SECRETS.bad] },
  { tokenScope: { [SECRETS.bad]: SECRETS.bad } },
  { scheme: SECRETS.bad },
]
const source = { getToken: () => SECRETS.opaque }
/** Commands that print this, and that fail with it. */
const printing = (text: string) => ['/bin/sh', '-c', 'echo "$0"', text] as const
const failing = (text: string) => ['/bin/sh', '-c', 'echo "$0" >&2; exit 1', text] as const
const broken = { getToken: () => Promise.reject(new main.IgwnAuthError('ERR_IGWN_TOKEN_NOT_FOUND', 'no')) }
const verbs = (name: 'get' | 'delete' | 'head' | 'post' | 'put' | 'patch' | 'request'): Action[] => {
  const verb = (main as Record<string, unknown>)[name] as (...parameters: unknown[]) => Promise<AxiosResponse>
  const call = (url: string) => {
    const target = `${server.origin}${url}`
    if (name === 'request') return verb({ url: target })
    return ['post', 'put', 'patch'].includes(name) ? verb(target, { a: 1 }) : verb(target)
  }
  return ['/', '/401', '/403', '/away'].map((url) => () => call(url))
}
const oauthOptions = {
  clientId: 'me',
  clientSecret: SECRETS.clientSecret,
  token: SECRETS.opaque,
  tokenSecret: SECRETS.tokenSecret,
}
const flow = (options: object = {}) =>
  oauth1.oauth1Flow({ clientId: 'me', clientSecret: SECRETS.clientSecret, ...options })

/** The Vault token is a secret too. */
const atVault = (place: string): vault.LogInOptions => ({
  vaultserver: `${server.origin}${place}`,
  vaulttokenfile: put(room('vt'), SECRETS.opaque),
  outfile: room('bt'),
  credkey: 'albert',
  kerberos: { initializeClient: async () => ({ step: async () => SECRETS.password }) },
  onPrompt: () => undefined,
})
/** A client of the server, whose every endpoint is at one place. */
const clientAt = (place: string, more: Partial<oauth2.OAuthClient> = {}): oauth2.OAuthClient => {
  const endpoint = place.startsWith('/') ? server.origin + place : place
  const names = ['authorization', 'token', 'device_authorization', 'revocation', 'introspection', 'userinfo']
  const metadata = Object.fromEntries(names.map((name) => [`${name}_endpoint`, endpoint]))
  return {
    metadata: { issuer: server.origin, jwks_uri: endpoint, end_session_endpoint: endpoint, ...metadata },
    clientId: 'me',
    clientSecret: SECRETS.clientSecret,
    ...more,
  }
}
/** Sources of one flow, and a request with each, whatever the server does. */
const sourcesOf = (
  make: (client: oauth2.OAuthClient) => oauth2.OAuthTokenSource,
  more: Partial<oauth2.OAuthClient> = {},
): Action[] =>
  someCombinations(
    ['/oauth2', '/echo', '/401', '/403', '/junk', '/away', 'https://127.0.0.1:1/', 'http://example.org/'],
    4,
  ).flatMap((place): Action[] => [
    () => make(clientAt(place, more)),
    () => withSecret(make(clientAt(place, more)).getTokenResponse()),
    () => withAuth({ token: make(clientAt(place, more)) })().get(`${server.origin}/401`),
  ])
const registrationAt = (place: string) =>
  place === '/oauth2' ? `${server.origin}/oauth2/register` : clientAt(place).metadata?.token_endpoint
/** A client that will be registered. */
const registeringAt = (place: string, store = storeInMemory()): oauth2.OAuthClient => {
  const { metadata } = clientAt(place)
  const registration_endpoint = registrationAt(place)
  return {
    metadata: { ...metadata, registration_endpoint },
    registration: { store, storeKey: 'k', initialAccessToken: SECRETS.opaque },
  }
}
/** A client that is registered, with secrets. */
const registeredAt = (place: string) => () => {
  const entry = {
    access_token: SECRETS.verifier,
    client_id: 'me',
    client_secret: SECRETS.clientSecret,
    registration_client_uri: registrationAt(place),
  }
  return registeringAt(place, storeInMemory([['k', entry]]))
}
const wrongClients: object[] = [
  { clientSecret: [SECRETS.bad] },
  { clientSecret: () => [SECRETS.bad] },
  { issuer: `https://me:${SECRETS.bad}@issuer.example.org` },
  { issuer: SECRETS.bad },
  { metadata: SECRETS.bad },
  { privateKey: SECRETS.bad },
  { privateKey: { kty: SECRETS.bad, d: SECRETS.bad } },
  { clientAuthentication: SECRETS.bad },
  { clientAuthentication: 'client_secret_jwt', alg: SECRETS.bad },
  { audienceParameter: SECRETS.bad },
  { preset: SECRETS.bad },
  { clientId: undefined, registration: { store: SECRETS.bad } },
  { clientId: undefined, registration: { store: storeInMemory(), initialAccessToken: [SECRETS.bad] } },
  { dpop: SECRETS.bad },
  { nonsense: SECRETS.bad },
]
const ofWrongClients = (make: (client: oauth2.OAuthClient) => unknown): Action[] =>
  someCombinations(wrongClients).map((wrong) => async () => {
    const made = make(clientAt('/echo', wrong))
    return (made as oauth2.OAuthTokenSource).getTokenResponse()
  })
const login: oauth2.PendingLogin = {
  state: 's',
  redirectUri: 'https://portal.example.org/callback',
  codeVerifier: SECRETS.verifier,
}
const steps = (place: string) => oauth2.webLogin(clientAt(place))
const encryptedPem = () => fs.readFileSync(encryptedKey, 'utf8')
const plainPem = () => fs.readFileSync(plainKey, 'utf8')

const ACTS: Record<string, Record<string, Action[]>> = {
  'axios-igwn-auth': {
    findSciToken: [
      () => main.findSciToken(),
      () => main.findSciToken({ scope: 'write:/' }),
      () => main.findSciToken({}, { strict: true }),
      () => main.findSciToken({}, { verify: true }),
      () => main.findSciToken({ audience: [SECRETS.bad] as never, issuer: 7 as never }),
    ],
    SciToken: [
      () => main.SciToken.deserialize(jwt),
      () => main.SciToken.deserialize(jwt).toString(),
      () => main.SciToken.deserialize(jwt).toJSON(),
      () => main.SciToken.deserialize(`${jwt}.${SECRETS.bad}`),
      () => main.SciToken.read(SECRETS.bad),
      () => Object.assign({}, main.SciToken.deserialize(jwt)),
    ],
    isIgwnAuthError: [() => main.isIgwnAuthError(jwt), () => main.isIgwnAuthError({ token: SECRETS.bad })],
    noHostCredentials: [() => main.noHostCredentials],
    isValidToken: [
      () => main.isValidToken(jwt),
      () => main.isValidToken(SECRETS.bad),
      () => main.isValidToken(jwt, { minTimeLeft: SECRETS.bad as never }),
    ],
    targetAudience: [
      () => main.targetAudience(`https://albert:${SECRETS.password}@host.example.org/?key=${SECRETS.bad}`),
      () => main.targetAudience(`//[${SECRETS.bad}`),
      () => main.targetAudience(`/${SECRETS.bad}`),
      () => main.targetAudience([SECRETS.bad] as never),
    ],
    tokenAuthorizationHeader: [
      () => withSecret(main.tokenAuthorizationHeader(jwt)),
      () => main.tokenAuthorizationHeader(`${SECRETS.bad}\n.`),
      () => main.tokenAuthorizationHeader({ token: SECRETS.bad } as never),
    ],
    parseChallenges: [
      () => main.parseChallenges('Bearer realm="x"'),
      () => main.parseChallenges([SECRETS.bad] as never).length,
    ],
    findX509Credentials: [
      () => main.findX509Credentials(),
      () => main.findX509Credentials({ cert: [certificate, encryptedKey], passphrase: SECRETS.passphrase }),
      () => main.findX509Credentials({ cert: [certificate, encryptedKey], passphrase: SECRETS.bad }),
      () => main.findX509Credentials({ cert: [certificate, encryptedKey] }),
      () =>
        main.findX509Credentials({
          cert: [certificate, encryptedKey],
          passphrase: () => {
            throw new Error(SECRETS.passphrase)
          },
        }),
      () => main.findX509Credentials({ cert: fs.readFileSync(plainKey, 'utf8') }),
      () => main.findX509Credentials({ cert: certificate }),
      () => main.findX509Credentials({ cert: plainKey }),
    ],
    X509Credential: [
      async () => Object.assign({}, await main.findX509Credentials()),
      async () => withSecret((await main.findX509Credentials()).pem()),
    ],
    createX509Agent: [
      () => main.createX509Agent([certificate, encryptedKey], { passphrase: SECRETS.passphrase }),
      () => main.createX509Agent([certificate, encryptedKey], { passphrase: SECRETS.bad }),
      () => main.createX509Agent(bundle, { ciphers: SECRETS.bad }),
      async () => main.createX509Agent(await main.findX509Credentials()),
      ...requestsBy(() => axios.create({ httpsAgent: main.createX509Agent(bundle) })),
    ],
    findNetrcCredentials: [
      () => withSecret(main.findNetrcCredentials(server.origin)),
      () =>
        main.findNetrcCredentials(server.origin, {
          netrc: put(room('open'), `machine a password ${SECRETS.password}`, 0o644),
        }),
      () => main.findNetrcCredentials(`https://albert:${SECRETS.bad}@[`),
      () => main.findNetrcCredentials(server.origin, { netrc: `machine a login b password ${SECRETS.bad}` }),
    ],
    staticToken: [
      () => main.staticToken(SECRETS.opaque),
      () => main.staticToken(`${SECRETS.bad} `),
      () => withSecret(main.staticToken(SECRETS.opaque).getToken({})),
    ],
    discoveredTokens: [
      () => main.discoveredTokens(),
      () => main.discoveredTokens().getToken({}),
      () => main.discoveredTokens().getToken({ scope: 'write:/' }),
      () => main.discoveredTokens().explain?.({ scope: 'write:/' }),
      () => {
        const refused = main.discoveredTokens()
        for (const token of [jwt, second]) refused.invalidate?.(token)
        return refused.getToken({})
      },
    ],
    chain: [
      () => main.chain(main.staticToken(SECRETS.opaque)),
      () => main.chain(broken, broken).getToken({}),
      () => main.chain(main.staticToken(SECRETS.opaque), main.discoveredTokens()).explain?.({}),
    ],
    reuse: [
      async () => {
        const kept = main.reuse(source)
        await kept.getToken({})
        kept.invalidate?.(SECRETS.bad)
        return kept
      },
      () => main.reuse({ getToken: () => expired }).getToken({}),
      () => main.reuse({ getToken: () => `${SECRETS.bad}\n.` }).getToken({}),
      () => main.reuse({ getToken: () => [SECRETS.bad] as never }).getToken({}),
      async () => {
        const kept = main.reuse(source)
        await kept.getToken({})
        return kept.explain?.({})
      },
    ],
    externallyManagedJwt: [
      () => main.externallyManagedJwt({ getToken: () => jwt, jwt: second, expires: now() + 600 }),
      () => main.externallyManagedJwt({ getToken: () => jwt, jwt: second }),
      () => main.externallyManagedJwt({ getToken: () => jwt, expires: SECRETS.bad as never }),
      () => main.externallyManagedJwt({ getToken: () => expired, retryDelays: [] }).getValidToken(),
      () =>
        main.externallyManagedJwt({ getToken: () => [SECRETS.opaque, SECRETS.bad] as never }).authenticate(),
      () => main.externallyManagedJwt({ getToken: () => SECRETS.opaque }).authenticate(),
      () => main.externallyManagedJwt({ getToken: () => jwt }).requestHeaders,
      async () => {
        const managed = main.externallyManagedJwt({ getToken: () => jwt })
        await managed.authenticate()
        await withSecret(managed.getValidToken())
        return managed
      },
    ],
    tokenCommand: [
      () => main.tokenCommand({ command: [process.execPath, '-e', `/*${SECRETS.bad}*/`] }),
      () => main.tokenCommand({ command: [`no-such-program`, SECRETS.bad] }).getToken({}),
      () => main.tokenCommand({ command: [process.execPath, '-e', `\0${SECRETS.bad}`] }).getToken({}),
      () => withSecret(main.tokenCommand({ command: printing(SECRETS.opaque) }).getToken({})),
      () => main.tokenCommand({ command: printing(`${SECRETS.bad} ${SECRETS.bad}`) }).getToken({}),
      () => main.tokenCommand({ command: failing(`refused ${jwt} ${SECRETS.opaque}`) }).getToken({}),
      () =>
        main
          .tokenCommand({ command: failing(`said ${SECRETS.password}`), env: { LOGIN: SECRETS.password } })
          .getToken({}),
    ],
    oidcAgent: [
      () => main.oidcAgent({ account: 'igwn', socket: agent?.socket }),
      async () => {
        const token = main.oidcAgent({ account: 'igwn', socket: agent?.socket })
        await withSecret(token.getToken({}))
        return [token, token.explain?.({}), await token.explainAsync?.({})]
      },
      () => main.oidcAgent({ account: 'igwn', socket: agent?.socket, scope: 'a' }).getToken({}),
      () => main.oidcAgent({ account: 'other', socket: agent?.socket }).getToken({}),
      () => main.oidcAgent({ account: SECRETS.bad, issuer: SECRETS.bad }),
      () =>
        main.explain(server.origin, { token: main.oidcAgent({ account: 'igwn', socket: agent?.socket }) }),
    ],
    workloadIdentity: [
      ...['/identity', '/401', '/403', '/junk', '/away'].map((place) => async () => {
        process.env.ACTIONS_ID_TOKEN_REQUEST_URL = server.origin + place
        process.env.ACTIONS_ID_TOKEN_REQUEST_TOKEN = SECRETS.opaque
        const token = main.workloadIdentity({ audience: 'https://x.example.org' })
        try {
          await withSecret(token.getToken({}))
          return [token, token.explain?.({})]
        } finally {
          delete process.env.ACTIONS_ID_TOKEN_REQUEST_URL
          delete process.env.ACTIONS_ID_TOKEN_REQUEST_TOKEN
        }
      }),
      () => main.workloadIdentity({ audience: 'x', file: put(room('identity'), SECRETS.bad) }).getToken({}),
      () => main.workloadIdentity({ audience: 'x', variable: 'SCITOKEN' }).getToken({}),
      () =>
        main.explain(server.origin, {
          token: main.workloadIdentity({ audience: 'x', variable: 'SCITOKEN' }),
        }),
    ],
    getSciToken: [
      async () =>
        main.getSciToken({
          command: [...printing(jwt), '--'],
          outfile: put(room('sci'), jwt),
          credkey: SECRETS.bad,
        }),
      () => main.getSciToken({ command: [...printing(jwt), '--'], outfile: put(room('sci'), SECRETS.bad) }),
      () => main.getSciToken({ command: [...failing(SECRETS.opaque), '--'], credkey: SECRETS.bad }),
      () => main.getSciToken({ issuer: { secret: SECRETS.bad } as never }),
    ],
    autoRenew: [
      async () => {
        const fresh = main.autoRenew(source)
        await fresh.getToken({})
        fresh.stop()
        return fresh
      },
      async () => {
        const fresh = main.autoRenew({ getToken: () => Promise.reject(new Error(`refused ${jwt}`)) })
        await Promise.resolve(fresh.getToken({})).catch(() => undefined)
        fresh.stop()
      },
    ],
    fileStore: [
      async () => {
        const store = main.fileStore(room('tokens.json'))
        await store.set('a', { access_token: SECRETS.opaque, refresh_token: jwt })
        await withSecret(store.get('a'))
        return store
      },
      () => main.fileStore(put(room('broken.json'), `{"a": "${SECRETS.bad}`)).get('a'),
      () => main.fileStore(put(room('open.json'), `{"a": "${SECRETS.bad}"}`, 0o644)).get('a'),
      () => main.fileStore(room('tokens.json')).set('b', { access_token: SECRETS.bad, big: 1n }),
    ],
    keyvStore: [
      () => main.keyvStore(new Map([['a', SECRETS.bad]])),
      () => main.keyvStore(new Map([['a', SECRETS.bad]])).get('a'),
      () => main.keyvStore({ get: SECRETS.bad } as never),
      async () => {
        const fail = () => Promise.reject(new Error(`redis://me:${SECRETS.password}@127.0.0.1 is down`))
        const store = main.keyvStore({ get: fail, set: fail, delete: fail })
        const kept = main.reuse(source, { store, storeKey: 'k' })
        await kept.getToken({})
        kept.invalidate?.(SECRETS.opaque)
        await withSecret(kept.getToken({}))
        return kept
      },
    ],
    redisStore: redisFailures((client) => main.redisStore(client)),
    redisLock: redisFailures((client) => {
      const lock = main.redisLock(client)
      return { set: (key) => lock(key, () => Promise.reject(new Error('no'))) }
    }),
    applyAutoRetry: [
      ...requestsBy(() =>
        main.applyAutoRetry(withAuth({ token: SECRETS.opaque })(), {
          retries: 1,
          backoff: 0.001,
          timeout: 500,
        }),
      ),
      () => main.applyAutoRetry(axios.create(), { retries: SECRETS.bad as never }),
    ],
    removeAutoRetry: [() => main.removeAutoRetry(main.applyAutoRetry(withAuth({ token: SECRETS.opaque })()))],
    igwnAxios: [
      ...requestsBy(() => main.igwnAxios),
      ...requestsBy(() => main.igwnAxios.create({ igwnAuth: { token: SECRETS.opaque, onEvent: record } })),
      () => main.igwnAxios.create({ igwnAuth: { nonsense: SECRETS.bad } as never }),
      () => main.igwnAxios.create({ igwnAuth: { token: SECRETS.opaque, passphrase: SECRETS.passphrase } }),
    ],
    get: verbs('get'),
    delete: verbs('delete'),
    head: verbs('head'),
    post: verbs('post'),
    put: verbs('put'),
    patch: verbs('patch'),
    request: verbs('request'),
    applyIgwnAuth: [
      ...requestsBy(withAuth({ token: SECRETS.opaque, onEvent: record })),
      ...requestsBy(withAuth({ token: Buffer.from(SECRETS.opaque) })),
      ...requestsBy(withAuth({ token: source })),
      ...requestsBy(withAuth({ token: async () => Promise.resolve(SECRETS.opaque) })),
      ...requestsBy(withAuth({ token: false })),
      ...requestsBy(() => withAuth({ cert: [certificate, '/nowhere'], passphrase: SECRETS.passphrase })()),
      ...requestsBy(() =>
        withAuth({ cert: [certificate, encryptedKey], passphrase: SECRETS.passphrase, onEvent: record })(),
      ),
      ...requestsBy(() => withAuth({ cert: [certificate, encryptedKey], passphrase: SECRETS.bad })()),
      ...requestsBy(withAuth({ token: true, tokenScope: 'write:/', failIfNoAuth: true })),
      ...requestsBy(withAuth({}), { igwnAuth: { token: SECRETS.opaque, trustedOrigins: [] } }),
      ...wrongOptions.map((options): Action => withAuth(options)),
      ...wrongOptions.map(
        (options): Action =>
          () =>
            withAuth({})().get(server.origin, { igwnAuth: options }),
      ),
    ],
    removeIgwnAuth: [
      () => main.removeIgwnAuth(withAuth({ token: SECRETS.opaque })()),
      () => main.removeIgwnAuth(withAuth({ token: SECRETS.opaque })()).get(`${server.origin}/401`),
    ],
    explain: [
      () => main.explain(server.origin),
      async () => String(await main.explain(server.origin, { token: SECRETS.opaque })),
      () =>
        main.explain(server.origin, {
          token: source,
          cert: [certificate, encryptedKey],
          passphrase: SECRETS.bad,
        }),
      () => main.explain(server.origin, { token: main.chain(main.staticToken(SECRETS.opaque)) }),
      () => main.explain(server.origin, { scheme: oauth1.oauth1(oauthOptions) }),
      () => main.explain(`https://albert:${SECRETS.password}@host.example.org/?key=${SECRETS.bad}`),
      () => main.explain(SECRETS.bad),
      () => main.explain('http://example.org', { token: SECRETS.opaque }),
      ...wrongOptions.map(
        (options): Action =>
          () =>
            main.explain(server.origin, options),
      ),
    ],
    HTTPSciTokenAuth: [
      () => new main.HTTPSciTokenAuth({ token: SECRETS.opaque }),
      () => new main.HTTPSciTokenAuth({ token: `${SECRETS.bad} ` }),
      () => new main.HTTPSciTokenAuth().findToken(server.origin),
      () => withSecret(new main.HTTPSciTokenAuth({ token: SECRETS.opaque }).generateBearerHeader()),
      () => new main.HTTPSciTokenAuth({ audience: 'https://other.example.org' }).findToken(),
      ...requestsBy(() => new main.HTTPSciTokenAuth({ token: SECRETS.opaque }).apply(axios.create())),
      ...requestsBy(() => new main.HTTPSciTokenAuth({ force: true }).apply(axios.create())),
      async () => {
        const httpsAgent = main.createX509Agent(bundle)
        const response = await axios.get(`${server.origin}/401`, { httpsAgent, validateStatus: null })
        return new main.HTTPSciTokenAuth({ token: SECRETS.opaque }).handleResponse(response)
      },
    ],
    EVENT_CHANNEL: [() => main.EVENT_CHANNEL],
    IgwnAuthError: [
      () => new main.IgwnAuthError('ERR_IGWN_INVALID_OPTION', 'no', { cause: new Error('no') }),
    ],
  },
  'axios-igwn-auth/oauth1': {
    oauth1: [
      () => oauth1.oauth1(oauthOptions),
      () => oauth1.oauth1({ ...oauthOptions, signatureMethod: SECRETS.bad as never }),
      () => oauth1.oauth1({ ...oauthOptions, rsaKey: SECRETS.bad }),
      () => oauth1.oauth1({ ...oauthOptions, signatureMethod: 'RSA-SHA1', rsaKey: SECRETS.bad }),
    ],
    applyOAuth1: (['header', 'query', 'body'] as const).flatMap((signatureType) => [
      ...requestsBy(() => oauth1.applyOAuth1(axios.create(), { ...oauthOptions, signatureType }), {}, [
        '/oauth1',
      ]),
      ...requestsBy(() =>
        oauth1.applyOAuth1(axios.create(), { ...oauthOptions, signatureMethod: 'PLAINTEXT', signatureType }),
      ),
    ]),
    IgwnAuthError: [() => new oauth1.IgwnAuthError('ERR_IGWN_INVALID_OPTION', 'no')],
    OAuth1Token: [
      () =>
        new oauth1.OAuth1Token(
          { token: SECRETS.opaque, tokenSecret: SECRETS.tokenSecret },
          { handle: SECRETS.bad },
        ),
      () => new oauth1.OAuth1Token({ token: [SECRETS.bad] as never }),
      () => Object.assign({}, new oauth1.OAuth1Token({ token: SECRETS.opaque })),
    ],
    oauth1Flow: [
      () => flow(),
      () => flow({ clientSecret: [SECRETS.bad] }),
      () => flow().requestToken(`${server.origin}/401`),
      () => flow().requestToken(`${server.origin}/junk`),
      () => flow().requestToken(`${server.origin}/oauth1`),
      () => flow().requestToken('https://127.0.0.1:1/'),
      () => flow({ redirectUri: 'oob' }).requestToken(`${server.origin}/token`),
      () => flow(oauthOptions).accessToken(`${server.origin}/token`, { verifier: SECRETS.verifier }),
      () => flow(oauthOptions).accessToken(`${server.origin}/401`, { verifier: SECRETS.verifier }),
      () =>
        flow(oauthOptions).accessToken(`${server.origin}/token`, {
          callbackUrl: `https://me.example.org/?oauth_token=other&oauth_verifier=${SECRETS.verifier}`,
        }),
      () => flow(oauthOptions).accessToken(`${server.origin}/token`, { callbackUrl: SECRETS.bad }),
    ],
    parseAuthorizationResponse: [
      () =>
        withSecret(
          oauth1.parseAuthorizationResponse(
            `https://a.example.org/?oauth_token=a&oauth_verifier=${SECRETS.verifier}`,
          ),
        ),
      () => oauth1.parseAuthorizationResponse(`https://a.example.org/?oauth_token=${SECRETS.bad}`),
      () => oauth1.parseAuthorizationResponse(`https://a.example.org/?oauth_problem=${SECRETS.bad}`),
      () => oauth1.parseAuthorizationResponse(`[${SECRETS.bad}`),
    ],
  },
  'axios-igwn-auth/fetch': {
    igwnFetch: [
      ...fetchesBy(() => fetching.igwnFetch),
      () => fetching.igwnFetch(`https://albert:${SECRETS.bad}@host.example.org/`),
      () => fetching.igwnFetch(server.origin, { igwnAuth: { nonsense: SECRETS.bad } as never }),
    ],
    createIgwnFetch: [
      ...fetchesBy(() => fetching.createIgwnFetch({ token: SECRETS.opaque })),
      ...fetchesBy(() => fetching.createIgwnFetch({ token: source }), { method: 'POST', body: SECRETS.bad }),
      ...fetchesBy(() => fetching.createIgwnFetch({ token: broken })),
      ...fetchesBy(() =>
        fetching.createIgwnFetch({ cert: [certificate, encryptedKey], passphrase: SECRETS.bad }),
      ),
      ...wrongOptions.map((options) => () => fetching.createIgwnFetch(options)),
      () => fetching.createIgwnFetch({}, { fetch: SECRETS.bad } as never),
    ],
    explanationOf: [() => fetching.explanationOf({ token: SECRETS.bad })],
    authorize: [
      () => fetching.authorize(server.origin),
      () => fetching.authorize(server.origin, { token: SECRETS.opaque, cert: [certificate, plainKey] }),
      () => fetching.authorize(server.origin, { token: broken }),
      () => fetching.authorize(`[${SECRETS.bad}`),
      () => fetching.authorize('http://example.org', { token: SECRETS.bad }),
      ...wrongOptions.map((options) => () => fetching.authorize(server.origin, options)),
    ],
    IgwnAuthError: [() => new fetching.IgwnAuthError('ERR_IGWN_INVALID_OPTION', 'no')],
    isIgwnAuthError: [() => fetching.isIgwnAuthError(SECRETS.bad)],
  },
  'axios-igwn-auth/oauth2': {
    clientCredentials: [
      ...sourcesOf((client) => oauth2.clientCredentials(client)),
      ...sourcesOf((client) => oauth2.clientCredentials(client), {
        clientAuthentication: 'client_secret_post',
        tokenMethod: 'GET',
      }),
      ...sourcesOf((client) =>
        oauth2.clientCredentials({ ...client, privateKey: encryptedPem(), passphrase: SECRETS.passphrase }),
      ),
      ...sourcesOf((client) =>
        oauth2.clientCredentials({ ...client, privateKey: encryptedPem(), passphrase: SECRETS.bad }),
      ),
      ...sourcesOf((client) =>
        oauth2.clientCredentials({ ...client, cert: [certificate, encryptedKey], passphrase: SECRETS.bad }),
      ),
      ...ofWrongClients((client) => oauth2.clientCredentials(client)),
      () => oauth2.clientCredentials(clientAt('/oauth2'), { scope: [[SECRETS.bad]] as never }),
      () => oauth2.clientCredentials(clientAt('/oauth2'), { nonsense: SECRETS.bad } as never),
    ],
    password: sourcesOf((client) =>
      // eslint-disable-next-line @typescript-eslint/no-deprecated
      oauth2.password(client, { username: 'albert', password: SECRETS.password }),
    ),
    refreshToken: [
      ...sourcesOf((client) => oauth2.refreshToken(client, { refreshToken: SECRETS.tokenSecret })),
      () => oauth2.refreshToken(clientAt('/oauth2'), {}).getTokenResponse(),
      () => oauth2.refreshToken(clientAt('/oauth2'), { refreshToken: [SECRETS.bad] as never }),
    ],
    jwtBearer: [
      ...sourcesOf((client) => oauth2.jwtBearer(client, { issuer: 'robot', key: plainPem() })),
      ...sourcesOf((client) => oauth2.jwtBearer(client, { issuer: 'robot', key: SECRETS.bad, alg: 'HS256' })),
      () => oauth2.jwtBearer(clientAt('/oauth2'), { issuer: 'robot', key: SECRETS.bad }),
      () => oauth2.jwtBearer(clientAt('/oauth2'), { issuer: 'robot', key: plainPem(), alg: SECRETS.bad }),
    ],
    tokenExchange: [
      ...sourcesOf((client) => oauth2.tokenExchange(client, { subject: SECRETS.opaque, actor: source })),
      () => oauth2.tokenExchange(clientAt('/echo'), { subject: `${SECRETS.bad} x` }).getTokenResponse(),
      () => oauth2.tokenExchange(clientAt('/echo'), { subject: broken }).getTokenResponse(),
    ],
    authorizationCode: [
      () => oauth2.authorizationCode(clientAt('/oauth2'), { open: () => undefined }),
      () => oauth2.authorizationCode(clientAt('/echo'), { open: [SECRETS.bad] as never }),
      ...['/echo', '/junk', 'https://127.0.0.1:1/'].map(
        (place): Action =>
          () =>
            oauth2
              .authorizationCode(clientAt(place), {
                open: async (url) => {
                  const { searchParams } = new URL(url)
                  const back = searchParams.get('redirect_uri') ?? ''
                  await axios.get(back, { params: { code: SECRETS.bad, state: searchParams.get('state') } })
                },
              })
              .getTokenResponse(),
      ),
    ],
    deviceCode: sourcesOf((client) => oauth2.deviceCode(client, { prompt: () => undefined })),
    webLogin: [
      () => steps('/oauth2'),
      ...ofWrongClients((client) => oauth2.webLogin(client)),
      ...someCombinations([
        '/oauth2',
        '/echo',
        '/401',
        '/403',
        '/junk',
        '/away',
        'https://127.0.0.1:1/',
      ]).flatMap((place): Action[] => [
        () => withSecret(steps(place).handleCallback(`/callback?code=${SECRETS.bad}&state=s`, login)),
        () => withSecret(steps(place).refresh(SECRETS.tokenSecret)),
        () => steps(place).revoke({ access_token: SECRETS.opaque, refresh_token: SECRETS.tokenSecret }),
        () => withSecret(steps(place).introspect(SECRETS.opaque)),
        () => withSecret(steps(place).userInfo(SECRETS.opaque)),
        () => steps(place).verifyIdToken(jwt),
      ]),
      () => steps('/echo').handleCallback(`/callback?code=${SECRETS.bad}&state=other`, login),
      () =>
        steps('/echo').handleCallback(
          `/callback?code=${SECRETS.bad}&state=s&error=access_denied&error_description=${SECRETS.bad}`,
          login,
        ),
      () => steps('/echo').handleCallback(`/callback?code=${SECRETS.bad}`, undefined as never),
      () => steps('/echo').verifyIdToken(SECRETS.bad),
      () =>
        // eslint-disable-next-line @typescript-eslint/no-deprecated
        steps('/echo').handleFragment(
          `https://portal.example.org/#access_token=${SECRETS.bad}&state=other`,
          login,
        ),
      // The authorization URL and the stored state contain these values by design.
      () => withSecret(steps('/echo').authorizationUrl({ redirectUri: login.redirectUri })),
      () => steps('/echo').endSessionUrl(),
    ],
    clientRegistration: [
      ...ofWrongClients((client) => oauth2.clientRegistration(client)),
      ...someCombinations([
        '/oauth2',
        '/echo',
        '/401',
        '/403',
        '/junk',
        '/away',
        'https://127.0.0.1:1/',
        'http://example.org/',
      ]).flatMap((place): Action[] => {
        const client = registeredAt(place)
        const registration = () => oauth2.clientRegistration(client())
        return [
          registration,
          () => withSecret(oauth2.clientCredentials(registeringAt(place)).getTokenResponse()),
          () => registration().read(),
          () => registration().update({ client_name: 'me' }),
          () => registration().update(SECRETS.bad as never),
          () => registration().delete(),
        ]
      }),
    ],
    IgwnAuthError: [() => new oauth2.IgwnAuthError('ERR_IGWN_INVALID_OPTION', 'no')],
    OAuth2Auth: (['header', 'query', 'body'] as const).flatMap((placement) => [
      () => new oauth2.OAuth2Auth(SECRETS.opaque, { placement }),
      () => new oauth2.OAuth2Auth({ access_token: SECRETS.opaque, token_type: SECRETS.bad }, { placement }),
      () => new oauth2.OAuth2Auth(`${SECRETS.bad} `, { placement }),
      ...requestsBy(() => withAuth({ scheme: new oauth2.OAuth2Auth(SECRETS.opaque, { placement }) })()),
      ...requestsBy(() => withAuth({ scheme: new oauth2.OAuth2Auth(source, { placement }) })(), {
        method: 'post',
        data: new URLSearchParams({ x: '1' }),
      }),
    ]),
    dpopKey: [
      () => oauth2.dpopKey(),
      () => oauth2.dpopKey({ privateKey: plainPem() }),
      () => oauth2.dpopKey({ privateKey: SECRETS.bad }),
      () => oauth2.dpopKey({ privateKey: encryptedPem(), passphrase: SECRETS.bad }),
    ],
    dpop: requestsBy(() => {
      const key = oauth2.dpopKey()
      const bound: Partial<oauth2.OAuthClient> = {
        dpop: key,
        onResponse(response) {
          response.body = response.body.replace('{', '{"token_type":"DPoP",')
        },
      }
      return withAuth({ scheme: oauth2.dpop(oauth2.clientCredentials(clientAt('/oauth2', bound)), key) })()
    }),
    OAuthError: [() => new oauth2.OAuthError('ERR_IGWN_OAUTH_REFUSED', 'no', { error: 'invalid_grant' })],
    igwn: [() => oauth2.igwn],
  },
  'axios-igwn-auth/pelican': {
    IgwnAuthError: [() => new pelican.IgwnAuthError('ERR_IGWN_INVALID_OPTION', 'no')],
    federationOf: [
      () => pelican.federationOf(`pelican://127.0.0.1:${server.port}/x`),
      () => pelican.federationOf(`pelican://me:${SECRETS.bad}@127.0.0.1:${server.port}/x`),
      () => pelican.federationOf(SECRETS.bad),
    ],
    resolveObject: [
      () => pelican.resolveObject(`pelican://127.0.0.1:${server.port}/x`, { axios: axios.create() }),
      () => pelican.resolveObject(`osdf:///x?authz=${SECRETS.bad}`),
      () => pelican.resolveObject('osdf:///x', { axios: SECRETS.bad as never }),
      () => pelican.resolveObject('osdf:///x', { method: [SECRETS.bad] as never }),
    ],
    parsePelicanHeaders: [
      () => pelican.parsePelicanHeaders({ location: `https://o.example.org/x?authz=${SECRETS.bad}` }),
      () =>
        pelican.parsePelicanHeaders({
          link: `<https://me:${SECRETS.password}@o.example.org/x?authz=${SECRETS.bad}>; rel="duplicate"`,
        }),
    ],
  },
  'axios-igwn-auth/vault': {
    IgwnAuthError: [() => new vault.IgwnAuthError('ERR_IGWN_INVALID_OPTION', 'no')],
    OAuthError: [() => new vault.OAuthError('ERR_IGWN_OAUTH_REFUSED', 'no', { status: 403 })],
    vaultToken: [
      () => vault.vaultToken(atVault('/vault')),
      ...requestsBy(() => withAuth({ token: vault.vaultToken(atVault('/vault')) })()),
      async () => vault.vaultToken(atVault('/echo')).getToken({}),
      async () =>
        vault
          .vaultToken({ ...atVault('/vault'), vaultserver: `https://me:${SECRETS.bad}@v.example.org` })
          .getToken({}),
      () => vault.vaultToken({ password: SECRETS.bad } as never),
    ],
    logIn: [
      () => vault.logIn(atVault('/vault')).then(({ bearerToken: _, ...others }) => others),
      () => vault.logIn(atVault('/echo')),
      () => vault.logIn({ ...atVault('/echo'), nokerberos: true }),
      () => vault.logIn({ ...atVault('/echo'), issuer: [SECRETS.bad] as never }),
    ],
    logOut: [() => vault.logOut(atVault('/echo')), () => vault.logOut(atVault('/vault'))],
  },
}

const ENTRIES: Record<string, object> = {
  'axios-igwn-auth': main,
  'axios-igwn-auth/fetch': fetching,
  'axios-igwn-auth/oauth1': oauth1,
  'axios-igwn-auth/oauth2': oauth2,
  'axios-igwn-auth/pelican': pelican,
  'axios-igwn-auth/vault': vault,
}

it('every entry of the package is tested', () => {
  const manifest = JSON.parse(fs.readFileSync(path.join(__dirname, '../../package.json'), 'utf8')) as {
    exports: Record<string, unknown>
  }
  const entries = Object.keys(manifest.exports)
    .filter((name) => !name.endsWith('.json'))
    .map((name) => path.posix.join('axios-igwn-auth', name))
  expect(Object.keys(ENTRIES).sort()).toEqual(entries.sort())
})

describe.each(Object.entries(ENTRIES))('no result or error shows a secret: %s', (entry, names) => {
  const actions = ACTS[entry]!

  it('calls every public name', () => {
    // In a test `delete` cannot be imported by its name.
    const all = Object.keys(names)
    expect(Object.keys(actions).sort()).toEqual(all.sort())
  })

  it.each(Object.entries(actions))('%s', async (_, all) => {
    const written: string[] = []
    const spies = [process.stdout, process.stderr].map((stream) =>
      jest.spyOn(stream, 'write').mockImplementation((text) => {
        written.push(String(text))
        return true
      }),
    )
    const spied = (['log', 'info', 'warn', 'error', 'debug'] as const).map((name) =>
      jest
        .spyOn(console, name)
        .mockImplementation((...values: unknown[]) => void written.push(values.map(String).join(' '))),
    )
    try {
      for (const action of all) {
        emitted.length = 0
        const outcome = await (async () => action())().catch((error: unknown) => error)
        const shown = outcome instanceof WithSecret ? undefined : outcome
        const { response, data, config, cause } = (shown ?? {}) as Record<string, unknown>
        for (const thing of [shown, response, data, config, cause, emitted, written])
          expectNoSecret(thing, secrets)
      }
    } finally {
      for (const spy of [...spies, ...spied]) spy.mockRestore()
    }
    expect(written).toEqual([])
  })
})
