import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { Readable } from 'node:stream'
import axios from 'axios'
import {
  applyIgwnAuth,
  createX509Agent,
  HTTPSciTokenAuth,
  igwnAxios,
  parseChallenges,
  type IgwnAuthOptions,
} from '../../lib/index'
import { tlsRefusal } from '../../lib/x509/tls-refusal'
import { expectNoSecret } from '../support/expect-no-secret'
import { createAuthority, RSA, secondsFromNow, type Authority, type Issued } from '../support/pki'
import { emptyPlaces, now, passTime, put, stopClock } from '../support/tokens'
import { startApache, type Apache, type Logged } from './support/apache'
import { caFolder } from './support/ca-folder'
import { createIssuer } from './support/issuer'
import { gridProxyInit, userFiles, type CredentialFiles } from './support/proxies'
import { expectExplained, refusalOf } from './support/refusal'
import { newFolder } from './support/room'

const issuer = createIssuer()
/** An issuer of the same name whose keys the server does not know. */
const forger = createIssuer()
const forged = forger.mint()
let authority: Authority
let certificates: string
let apache: Apache

const LOGINS = {
  albert: 'pass word:1',
  'user@example.org': 's3cret',
  zoë: 'pässwörd €',
  odd: 'a"b\\c#d',
}

beforeAll(async () => {
  authority = await createAuthority('Interop CA', RSA)
  apache = await startApache({ authority, issuer, logins: LOGINS })
  certificates = caFolder(newFolder('certificates'), authority)
})

beforeEach(async () => {
  emptyPlaces()
  for (const name of Object.keys(process.env)) if (/^(X509_USER_|NETRC$)/.test(name)) delete process.env[name]
  process.env.X509_CERT_DIR = certificates
  await apache.requests()
})

afterEach(() => jest.useRealTimers())

/** A new instance has connections of its own. */
const get = (place: string, options: IgwnAuthOptions = {}) =>
  igwnAxios.create({ igwnAuth: options }).get<string>(new URL(place, apache.origin).href)

const statuses = (requests: readonly Logged[]) => requests.map(({ status }) => status)

describe('mod_auth_basic', () => {
  const netrc = (text: string) => (process.env.NETRC = put(path.join(newFolder('netrc'), 'netrc'), text))

  it.each(Object.entries(LOGINS))(
    'accepts a username and password from netrc: %s',
    async (login, password) => {
      const quoted = `"${password.replace(/["\\]/g, '\\$&')}"`
      netrc(`machine elsewhere.example.org login unused password unused
machine localhost
  login ${login}
  password ${quoted}
`)
      const response = await get('/basic/file')
      expect(response.data).toBe('a file in basic')
      expectNoSecret(response, [password])
      expect(await apache.requests()).toMatchObject([
        { status: 200, authorization: `Basic ${Buffer.from(`${login}:${password}`).toString('base64')}` },
      ])
    },
  )

  it('refuses a wrong password once, and nothing that can be printed contains it', async () => {
    netrc('machine localhost login albert password wrong-password')
    const error = await refusalOf(get('/basic/file'))
    expect(error.response?.headers['www-authenticate']).toBe('Basic realm="Loopback realm"')
    expect(statuses(await apache.requests())).toEqual([401])
    expectNoSecret(error, ['wrong-password'])
  })

  it('refuses a request without credentials, and the refusal names the file without an entry', async () => {
    netrc('machine elsewhere.example.org login unused password unused')
    expectExplained(
      await refusalOf(get('/basic/file')),
      'absent',
      /netrc \(NETRC\) has no entry for localhost/,
      /the server requires Basic authentication; no credentials were sent/,
    )
    expect(statuses(await apache.requests())).toEqual([401])
  })

  it('gets nothing from a file that others can read, and the refusal has the command that fixes it', async () => {
    const file = put(
      path.join(newFolder('netrc'), 'netrc'),
      'machine localhost login albert password p',
      0o644,
    )
    process.env.NETRC = file
    const error = await refusalOf(get('/basic/file'))
    expectExplained(
      error,
      'open-permissions',
      new RegExp(`is accessible to other users \\(mode 0644\\).*chmod 600 ${file}`),
    )
    expect(await apache.requests()).toMatchObject([{ status: 401, authorization: '' }])
  })

  it('gets the credentials of the caller, if there are any', async () => {
    netrc('machine localhost login albert password wrong')
    const { status } = await igwnAxios.get(`${apache.origin}/basic/file`, {
      auth: { username: 'user@example.org', password: 's3cret' },
    })
    expect(status).toBe(200)
  })

  it('does not get the default entry after a redirect, because a server chose the target', async () => {
    netrc('machine localhost login albert password "pass word:1"\ndefault login zoë password "pässwörd €"')
    const error = await refusalOf(get('/other/basic/file'))
    expectExplained(
      error,
      'not-needed',
      /has no entry for 127\.0\.0\.1, and its default entry is not used for redirects/,
    )
    expect(await apache.requests()).toMatchObject([
      { status: 307, path: '/other/basic/file' },
      { status: 401, path: '/basic/file', authorization: '' },
    ])
  })
})

describe('mod_auth_openidc', () => {
  it('sends these challenges', async () => {
    const challengeOf = async (place: string, token?: string) => {
      const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` }
      const { response } = await refusalOf(igwnAxios.get(`${apache.origin}/${place}/file`, { headers }))
      return parseChallenges(response?.headers['www-authenticate'] as string | undefined)
    }
    const missing = {
      realm: 'sci data',
      error: 'invalid_request',
      error_description: 'No bearer token found in the request',
    }
    expect(await challengeOf('token')).toEqual([{ scheme: 'bearer', params: missing }])
    expect(await challengeOf('several')).toEqual([
      { scheme: 'basic', params: { realm: 'Loopback, realm', charset: 'UTF-8' } },
      { scheme: 'negotiate', params: {} },
      { scheme: 'bearer', params: missing },
    ])
    for (const bad of [forger.mint(), issuer.mint({ exp: now() - 600 }), 'garbage'])
      expect(await challengeOf('token', bad)).toEqual([
        {
          scheme: 'bearer',
          params: {
            realm: 'sci data',
            error: 'invalid_token',
            error_description: 'JWT token could not be validated',
          },
        },
      ])
    const insufficient = {
      error: 'insufficient_scope',
      error_description: 'Different scope(s) or other claims required',
    }
    const reader = issuer.mint({ scope: 'read:/elsewhere' })
    expect(await challengeOf('scope', reader)).toEqual([{ scheme: 'bearer', params: insufficient }])
    expect(await challengeOf('forbidden', reader)).toEqual([{ scheme: 'bearer', params: insufficient }])
    expect(await challengeOf('shipped', reader)).toEqual([])
  })

  it('gets the token with the first request, and no other request', async () => {
    process.env.BEARER_TOKEN = issuer.mint({ aud: apache.origin })
    expect((await get('/token/file')).data).toBe('a file in token')
    expect(statuses(await apache.requests())).toEqual([200])
  })

  it.each(['token', 'several'])(
    'gets the token after a 401, if the first request had none (%s)',
    async (place) => {
      process.env.BEARER_TOKEN = issuer.mint()
      const waiting = new HTTPSciTokenAuth().apply(axios.create())
      expect((await waiting.get(`${apache.origin}/${place}/file`)).data).toBe(`a file in ${place}`)
      expect(await apache.requests()).toMatchObject([
        { status: 401, authorization: '' },
        { status: 200, authorization: `Bearer ${process.env.BEARER_TOKEN}` },
      ])
    },
  )

  it.each(['token', 'several'])(
    'refuses a request without a token, and the refusal lists where none was found (%s)',
    async (place) => {
      expectExplained(
        await refusalOf(get(`/${place}/file`)),
        'absent',
        /BEARER_TOKEN_FILE is not set/,
        /the server requires a token; no token was sent/,
      )
      expect(statuses(await apache.requests())).toEqual([401])
    },
  )

  it.each<[problem: string, place: string, token: () => string]>([
    ['whose signature does not hold', 'token', () => forger.mint()],
    ['whose signature does not hold, in several schemes', 'several', () => forger.mint()],
    ['that gives too little', 'scope', () => issuer.mint({ scope: 'read:/elsewhere' })],
  ])('refuses a token %s, and gets the next one', async (_problem, place, token) => {
    process.env.SCITOKEN = token()
    process.env.BEARER_TOKEN = issuer.mint()
    expect((await get(`/${place}/file`)).data).toBe(`a file in ${place}`)
    expect(await apache.requests()).toMatchObject([
      { status: 401, authorization: `Bearer ${process.env.SCITOKEN}` },
      { status: 200, authorization: `Bearer ${process.env.BEARER_TOKEN}` },
    ])
  })

  it('refuses a token that has expired by its clock, and gets the next one', async () => {
    process.env.SCITOKEN = issuer.mint({ exp: now() - 1800, nbf: undefined })
    process.env.BEARER_TOKEN = issuer.mint({ nbf: undefined })
    stopClock()
    passTime(-3600)
    expect((await get('/token/file')).data).toBe('a file in token')
    jest.useRealTimers()
    expect(statuses(await apache.requests())).toEqual([401, 200])
  })

  it('gets at most two tokens, and the refusal names them', async () => {
    process.env.SCITOKEN = forger.mint()
    process.env.BEARER_TOKEN = forger.mint()
    put(path.join(String(process.env.XDG_RUNTIME_DIR), `bt_u${process.geteuid?.() ?? 0}`), issuer.mint())
    const error = await refusalOf(get('/token/file'))
    expectExplained(
      error,
      'refused',
      /SCITOKEN was refused by the server/,
      /JWT token could not be validated; the token from BEARER_TOKEN has/,
    )
    expect(statuses(await apache.requests())).toEqual([401, 401])
    expectNoSecret(error, [process.env.SCITOKEN, process.env.BEARER_TOKEN])
  })

  it.each<[what: string, token: NonNullable<IgwnAuthOptions['token']>]>([
    ['that was given', forged],
    ['of a function', () => forged],
    ['of a source', { getToken: async () => forged }],
  ])('refuses a token %s, and there is no other', async (_what, token) => {
    const error = await refusalOf(get('/token/file', { token }))
    expectExplained(
      error,
      'refused',
      /the token was refused by the server/,
      /JWT token could not be validated; the token from/,
    )
    expect(statuses(await apache.requests())).toEqual([401])
  })

  it('refuses a token with another scope without a challenge, and gets one request', async () => {
    process.env.SCITOKEN = issuer.mint({ scope: 'read:/elsewhere' })
    process.env.BEARER_TOKEN = issuer.mint()
    const error = await refusalOf(get('/shipped/file'))
    expect(error.response?.status).toBe(401)
    expect(error.igwnAuth?.summary).toMatch(/gave no reason; the token from SCITOKEN has read:\/elsewhere/)
    expect(statuses(await apache.requests())).toEqual([401])
  })

  it('forbids a token with another scope, gets one request, and the refusal says what was skipped', async () => {
    process.env.SCITOKEN = issuer.mint({ exp: now() - 600 })
    process.env.BEARER_TOKEN = issuer.mint({ scope: 'read:/elsewhere' })
    const error = await refusalOf(get('/forbidden/file'))
    expect(error.response?.status).toBe(403)
    expectExplained(
      error,
      'expired',
      /SCITOKEN expired 10 minutes ago/,
      /Different scope\(s\) or other claims required; the token from BEARER_TOKEN has read:\/elsewhere/,
    )
    expect(statuses(await apache.requests())).toEqual([403])
  })

  it('gets a whole file again after its 401', async () => {
    process.env.BEARER_TOKEN = issuer.mint({ scope: 'write:/files' })
    const bytes = randomBytes(1_000_000)
    const waiting = new HTTPSciTokenAuth().apply(axios.create())
    const { status } = await waiting.put(`${apache.origin}/files/new`, bytes)
    expect(status).toBe(201)
    expect(statuses(await apache.requests())).toEqual([401, 201])
    expect(apache.read('files/new').equals(bytes)).toBe(true)
  })

  it('does not get a stream a second time, and the refusal says why', async () => {
    process.env.BEARER_TOKEN = issuer.mint({ scope: 'write:/files' })
    const waiting = new HTTPSciTokenAuth().apply(axios.create())
    const error = await refusalOf(
      waiting.put(`${apache.origin}/files/stream`, Readable.from(['some ', 'text'])),
    )
    expect(error.response?.status).toBe(401)
    expectExplained(error, 'unsupported', /body of the request is a stream/, /the server requires a token/)
    expect(statuses(await apache.requests())).toEqual([401])
  })

  it('redirects to another host, for which another token is found', async () => {
    process.env.SCITOKEN = issuer.mint({ aud: `https://localhost:${apache.ports.tls}` })
    process.env.BEARER_TOKEN = issuer.mint({ aud: `https://127.0.0.1:${apache.ports.tls}` })
    expect((await get('/other/token/file', { token: true })).data).toBe('a file in token')
    expect(await apache.requests()).toMatchObject([
      { status: 307, authorization: `Bearer ${process.env.SCITOKEN}` },
      { status: 200, authorization: `Bearer ${process.env.BEARER_TOKEN}` },
    ])
  })

  it('redirects to another host, which gets only credentials for it', async () => {
    process.env.SCITOKEN = issuer.mint({ aud: `https://localhost:${apache.ports.tls}` })
    const error = await refusalOf(get('/other/token/file', { token: true }))
    expectExplained(
      error,
      'audience',
      /SCITOKEN is for audience https:\/\/localhost:\d+, not https:\/\/127\.0\.0\.1/,
    )
    expect(await apache.requests()).toMatchObject([
      { status: 307, authorization: `Bearer ${process.env.SCITOKEN}` },
      { status: 401, authorization: '' },
    ])
  })

  it('redirects to plain HTTP, where no credential is sent', async () => {
    process.env.BEARER_TOKEN = issuer.mint()
    await refusalOf(get('/clear/token/file'))
    expect(await apache.requests()).toMatchObject([
      { status: 302, authorization: `Bearer ${process.env.BEARER_TOKEN}` },
      { status: 401, authorization: '' },
    ])
  })
})

describe('mod_ssl', () => {
  let alice: Issued
  let files: CredentialFiles
  beforeAll(async () => {
    alice = await authority.issueUser('Alice Adams')
    files = userFiles(alice)
  })
  const doorOf = (door: 'tls' | 'certificates' | 'tls12', place: string) =>
    `https://localhost:${apache.ports[door]}${place}`

  it('accepts a certificate, over HTTP/1.1 and HTTP/2', async () => {
    process.env.X509_USER_CERT = files.cert
    process.env.X509_USER_KEY = files.key
    for (const httpVersion of [1, 2] as const) {
      const response = await igwnAxios.create().get(doorOf('certificates', '/open/file'), { httpVersion })
      expect(response.data).toBe('a file in open')
    }
    expect(await apache.requests()).toMatchObject([
      { status: 200, subject: 'CN=Alice Adams,DC=example,DC=org' },
      { status: 200, subject: 'CN=Alice Adams,DC=example,DC=org' },
    ])
  })

  it('accepts a certificate and a token in one request', async () => {
    process.env.BEARER_TOKEN = issuer.mint()
    await igwnAxios
      .create()
      .get(doorOf('certificates', '/token/file'), { igwnAuth: { cert: [files.cert, files.key] } })
    expect(await apache.requests()).toMatchObject([
      {
        status: 200,
        subject: 'CN=Alice Adams,DC=example,DC=org',
        authorization: `Bearer ${process.env.BEARER_TOKEN}`,
      },
    ])
  })

  it('redirects to another port that requires a certificate, where none is presented', async () => {
    const options = { cert: [files.cert, files.key] } as const
    expectExplained(await refusalOf(get('/door/open/file', options)), 'refused', /certificate_required/)
    const trustedOrigins = [apache.origin, `https://localhost:${apache.ports.certificates}`]
    expect((await get('/door/open/file', { ...options, trustedOrigins })).data).toBe('a file in open')
  })

  it.each<[what: string, door: 'certificates' | 'tls12', place: string, alert: string]>([
    ['at the door, under TLS 1.3', 'certificates', '/open/file', 'certificate_required'],
    ['for a path, under TLS 1.2', 'tls12', '/certificate/file', 'handshake_failure'],
  ])(
    'refuses a client without a certificate %s, and the refusal says so',
    async (_what, door, place, alert) => {
      const error = await refusalOf(igwnAxios.create().get(doorOf(door, place)))
      expectExplained(error, 'refused', new RegExp(`TLS alert ${alert}: .*No certificate was presented`))
    },
  )

  it.each<[problem: string, make: () => Promise<NonNullable<IgwnAuthOptions['cert']>>, alert: string]>([
    [
      'a proxy, which it does not support',
      async () => gridProxyInit(files, certificates),
      'certificate_unknown: a certificate is not accepted; the server may not be configured for proxies',
    ],
    [
      'a certificate of an unknown CA',
      async () => {
        const mallory = userFiles(await (await createAuthority('Foreign CA')).issueUser('Mallory'))
        return [mallory.cert, mallory.key]
      },
      'unknown_ca: the CA of the certificate is not known',
    ],
  ])('refuses %s, and the refusal names what was presented', async (_problem, make, alert) => {
    const cert = await make()
    for (const door of ['certificates', 'tls12'] as const) {
      const place = doorOf(door, door === 'tls12' ? '/certificate/file' : '/open/file')
      const error = await refusalOf(igwnAxios.create({ igwnAuth: { cert } }).get(place))
      expectExplained(
        error,
        'refused',
        new RegExp(`TLS alert ${alert}.*The certificate presented was /DC=org/DC=example/CN=`),
      )
    }
  })

  it('refuses a certificate during a large upload, and the refusal names it', async () => {
    const mallory = userFiles(await (await createAuthority('Foreign CA')).issueUser('Mallory'))
    const cert = [mallory.cert, mallory.key] as const
    const bytes = Buffer.alloc(20_000_000)
    const error = await refusalOf(
      igwnAxios.create({ igwnAuth: { cert } }).put(doorOf('certificates', '/files/large'), bytes),
    )
    // Under TLS 1.3 the handshake has ended for the client when the server refuses; which error comes first depends on timing.
    expectExplained(error, 'refused', /The certificate presented was \/DC=org\/DC=example\/CN=Mallory/)
  })

  it('refuses a certificate that has expired by its clock, and the refusal says when it expires by the clock of this host', async () => {
    const expired = userFiles(
      await authority.issueUser('Late Larry', {
        notBefore: secondsFromNow(-7200),
        notAfter: secondsFromNow(-1770),
      }),
    )
    stopClock()
    passTime(-3600)
    const error = await refusalOf(
      igwnAxios
        .create({ igwnAuth: { cert: [expired.cert, expired.key] } })
        .get(doorOf('certificates', '/open/file')),
    )
    expectExplained(
      error,
      'refused',
      /certificate_expired.*The certificate presented was \/DC=org\/DC=example\/CN=Late Larry.*expires in 30 minutes/,
    )
  })

  describe('that requests a certificate for some paths only', () => {
    it('gets it under TLS 1.2', async () => {
      const cert = [files.cert, files.key] as const
      const instance = igwnAxios.create({ igwnAuth: { cert } })
      expect((await instance.get(doorOf('tls12', '/open/file'))).status).toBe(200)
      expect((await instance.get(doorOf('tls12', '/certificate/file'))).status).toBe(200)
    })

    it('does not get it under TLS 1.3, because Node.js cannot present it', async () => {
      const cert = [files.cert, files.key] as const
      const error = await refusalOf(get('/certificate/file', { cert }))
      expect(error.response?.status).toBe(403)
      expect(error.response?.data).toContain('Cannot perform Post-Handshake Authentication')
      expect(tlsRefusal(error, undefined)?.message).toMatch(
        /only after the handshake.*maxVersion: 'TLSv1\.2'/,
      )

      const httpsAgent = createX509Agent(cert, { maxVersion: 'TLSv1.2' })
      const { status } = await applyIgwnAuth(axios.create({ httpsAgent })).get(
        `${apache.origin}/certificate/file`,
      )
      httpsAgent.destroy()
      expect(status).toBe(200)
    })
  })
})
