/**
 * A polluted `Object.prototype` (CWE-1321), as a careless merge of JSON leaves it, changes no option of any public function.
 * Each row pollutes one property and has the same result as without.
 */
import axios from 'axios'
import * as oauth2 from '../../lib/oauth2'
import {
  applyAutoRetry,
  applyIgwnAuth,
  createX509Agent,
  externallyManagedJwt,
  findNetrcCredentials,
  findSciToken,
  getSciToken,
  igwnAxios,
  keyvStore,
  reuse,
  staticToken,
  tokenCommand,
} from '../support/all'
import { createAuthority } from '../support/pki'
import { serve, type TestServer } from '../support/server'
import { emptyPlaces, mint, put, room, runtimeFile } from '../support/tokens'

let server: TestServer
let bundle: string
const token = mint({ aud: 'ANY' })
const found = mint({ aud: 'ANY' })

beforeAll(async () => {
  bundle = put(room('bundle.pem'), (await (await createAuthority()).issueUser()).bundle)
})
beforeEach(async () => {
  emptyPlaces()
  put(runtimeFile(), found)
  server = await serve(({ url }) =>
    url === '/token' ? { body: JSON.stringify({ access_token: 'issued-token', expires_in: 3600 }) } : {},
  )
})

/** A server that credentials may not be sent to: not a loopback address. */
const insecure = () => server.origin.replace('127.0.0.1', '0.0.0.0')

const client = (origin = server.origin): oauth2.OAuthClient => ({
  metadata: { issuer: 'https://issuer.example.org', token_endpoint: `${origin}/token` },
  clientId: 'me',
  clientSecret: 'secret-of-the-client',
})

const authorization = {
  metadata: { authorization_endpoint: 'https://issuer.example.org/login' },
  clientId: 'me',
}

type Row = [property: string, value: unknown, what: string, act: () => unknown]

const rows: Row[] = [
  ['allowInsecureHttp', true, 'an instance', () => applyIgwnAuth(axios.create(), { token }).get(insecure())],
  ['forceNoAuth', true, 'an instance', () => applyIgwnAuth(axios.create(), { token }).get(server.origin)],
  ['netrc', '/nowhere', 'igwnAxios', () => igwnAxios.create().get(server.origin)],
  ['igwnAuth', { token }, 'igwnAxios.create', () => igwnAxios.create({}).get(server.origin)],
  ['allowInsecureHttp', true, 'a client', () => oauth2.clientCredentials(client(insecure())).getToken({})],
  ['tokenMethod', 'GET', 'a client', () => oauth2.clientCredentials(client()).getToken({})],
  ['clientAuthentication', 'none', 'a client', () => oauth2.clientCredentials(client()).getToken({})],
  ['scope', 'admin', 'a grant', () => oauth2.clientCredentials(client()).getToken({})],
  ['params', { scope: 'admin' }, 'a grant', () => oauth2.clientCredentials(client()).getToken({})],
  ...(
    [
      ['state', 'known'],
      ['nonce', 'known'],
      ['pkce', false],
      ['responseType', 'token'],
    ] as const
  ).map(([name, value]): Row => [name, value, 'a login', login]),
  ['outFile', '/nowhere', 'tokenCommand', () => tokenCommand({ command: ['echo', token] }).getToken({})],
  ['timeout', 500, 'tokenCommand', slowCommand],
  ['outfile', '/nowhere', 'getSciToken', () => getSciToken({ command: ['true'] }).then(String)],
  ['scope', 'admin', 'findSciToken', () => findSciToken().then(({ scopes }) => scopes)],
  ['netrc', '/etc/passwd', 'findNetrcCredentials', () => findNetrcCredentials('https://x.example.org')],
  ['rejectUnauthorized', false, 'createX509Agent', () => Object.keys(createX509Agent(bundle).options)],
  ['passphrase', 'known', 'createX509Agent', () => typeof createX509Agent(bundle)],
  ['prefix', 'other', 'keyvStore', () => keysIn()],
  ['store', keyvStore(new Map()), 'reuse', () => reuse(staticToken(token)).getToken({})],
  [
    'jwt',
    'another-token',
    'externallyManagedJwt',
    () => externallyManagedJwt({ getToken: () => token }).getToken(),
  ],
  ['placement', 'query', 'OAuth2Auth', () => new oauth2.OAuth2Auth(token).placement],
  [
    'retryCodes',
    [200],
    'applyAutoRetry',
    () => applyAutoRetry(axios.create(), { backoff: 1 }).get(server.origin),
  ],
]

it.each(rows)('the property %s of the prototype (%j) does not change %s', async (property, value, _, act) => {
  const expected = await outcome(act)
  const prototype = Object.prototype as Record<string, unknown>
  prototype[property] = value
  try {
    expect(await outcome(act)).toEqual(expected)
  } finally {
    delete prototype[property]
  }
})

/** The result of an action and what the server received, without random parts. */
async function outcome(act: () => unknown): Promise<unknown> {
  server.seen.length = 0
  let result: unknown
  try {
    result = await act()
  } catch (error) {
    result = (error as Error).message
  }
  const shown = typeof result === 'object' && result !== null && 'status' in result ? result.status : result
  const sent = server.seen.map(({ method, url, headers, body }) => [method, url, headers.authorization, body])
  return JSON.stringify([shown, sent])
}

/** The parameters of a login, and which of them are random. */
async function login(): Promise<unknown> {
  const urls = await Promise.all(
    [1, 2].map(() =>
      oauth2
        .webLogin(authorization)
        .authorizationUrl({ redirectUri: 'https://me.example.org/', scope: 'openid' }),
    ),
  )
  const [one, other] = urls.map(({ url }) => new URL(url).searchParams)
  return [...one!].map(([name, value]) => [name, value === other!.get(name) ? value : 'random'])
}

async function slowCommand(): Promise<unknown> {
  return tokenCommand({ command: ['sh', '-c', `sleep 0.7; echo ${token}`] }).getToken({})
}

async function keysIn(): Promise<string[]> {
  const map = new Map<string, unknown>()
  await keyvStore(map).set('key', { access_token: token })
  return [...map.keys()]
}
