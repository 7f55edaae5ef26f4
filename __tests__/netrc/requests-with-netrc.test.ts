import fs from 'node:fs'
import http2 from 'node:http2'
import path from 'node:path'
import axios, { type AxiosError, type AxiosRequestConfig } from 'axios'
import { applyIgwnAuth, igwnAxios, IgwnAuthError, removeIgwnAuth, type IgwnAuthOptions } from '../support/all'
import { listen } from '../support/listen'
import { mint } from '../support/tokens'
import { createAuthority, type Authority, type Issued } from '../support/pki'
import { challenge, serve, type TestServer } from '../support/server'

/** Credentials of a netrc file are sent where they should be, and nowhere else. */
let server: TestServer
let authority: Authority
let ofServer: Issued

beforeAll(async () => {
  authority = await createAuthority()
  ofServer = await authority.issueServer()
})
beforeEach(async () => {
  for (const name of ['BEARER_TOKEN', 'NETRC', 'HTTP_PROXY', 'REQUESTS_CA_BUNDLE']) delete process.env[name]
  fs.rmSync(process.env.HOME!, { recursive: true })
  fs.mkdirSync(process.env.HOME!, { mode: 0o700 })
  server = await serve(() => ({}))
})
afterEach(() => {
  removeIgwnAuth(igwnAxios)
  applyIgwnAuth(igwnAxios)
})

/** Writes a netrc file, whatever the umask is. */
function netrc(text: string, { name = '.netrc', mode = 0o600 } = {}): string {
  const file = path.join(process.env.HOME!, name)
  fs.writeFileSync(file, text)
  fs.chmodSync(file, mode)
  return file
}

const basic = (username: string, password: string) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`

const HERE = 'machine 127.0.0.1 login albert password e=mc2\n'
const LOGIN = basic('albert', 'e=mc2')

const instanceWith = (options?: IgwnAuthOptions, config?: AxiosRequestConfig) =>
  applyIgwnAuth(axios.create({ proxy: false, ...config }), options)

async function failure(request: Promise<unknown>): Promise<AxiosError> {
  return request.then(
    () => Promise.reject(new Error('it was expected to fail')),
    (error: unknown) => error as AxiosError,
  )
}

async function refused(request: Promise<unknown>): Promise<IgwnAuthError> {
  const error: unknown = await failure(request)
  expect(error).toBeInstanceOf(IgwnAuthError)
  return error as IgwnAuthError
}

describe('credentials of ~/.netrc', () => {
  it('are sent over http to a loopback address', async () => {
    netrc(HERE)
    await igwnAxios.get(server.origin)
    expect(server.authorizations).toEqual([LOGIN])
  })

  it('are sent over https', async () => {
    netrc('machine localhost login albert password e=mc2')
    process.env.REQUESTS_CA_BUNDLE = path.join(process.env.HOME!, 'ca.pem')
    fs.writeFileSync(process.env.REQUESTS_CA_BUNDLE, authority.certificate)
    const tls = { cert: ofServer.certificate, key: ofServer.key }
    const secure = await serve(() => ({}), { host: 'localhost', tls })
    await igwnAxios.get(secure.origin)
    expect(secure.authorizations).toEqual([LOGIN])
  })

  it('are sent over HTTP/2, for which axios drops auth', async () => {
    netrc('machine localhost login albert password e=mc2')
    process.env.REQUESTS_CA_BUNDLE = path.join(process.env.HOME!, 'ca.pem')
    fs.writeFileSync(process.env.REQUESTS_CA_BUNDLE, authority.certificate)
    const seen: unknown[] = []
    const listening = http2.createSecureServer(
      { cert: ofServer.certificate, key: ofServer.key },
      ({ headers }, response) => {
        seen.push(headers.authorization)
        response.end('{}')
      },
    )
    const url = `https://localhost:${(await listen(listening)).port}`
    await igwnAxios.get(url, { httpVersion: 2, http2Options: { sessionTimeout: 1 } })
    expect(seen).toEqual([LOGIN])
  })

  it('satisfy failIfNoAuth', async () => {
    netrc(HERE)
    await igwnAxios.get(server.origin, { igwnAuth: { failIfNoAuth: true } })
    expect(server.authorizations).toEqual([LOGIN])
  })

  it('may have any UTF-8 character, and spaces', async () => {
    netrc('machine 127.0.0.1 login "åsa strøm" password "pass wörd ☃ 𝄞"')
    await igwnAxios.get(server.origin)
    expect(server.authorizations).toEqual([basic('åsa strøm', 'pass wörd ☃ 𝄞')])
  })

  it('match the host in any case, on any port', async () => {
    netrc('machine LocalHost login albert password e=mc2')
    const other = await serve(() => ({}), { host: 'localhost' })
    await igwnAxios.get(other.origin.replace('localhost', 'LOCALHOST'))
    await igwnAxios.get(server.origin)
    expect([...other.authorizations, ...server.authorizations]).toEqual([LOGIN, undefined])
  })

  it('may come from the default entry, for hosts without an entry', async () => {
    netrc('default login anybody password x\nmachine localhost login albert password e=mc2')
    const other = await serve(() => ({}), { host: 'localhost' })
    await igwnAxios.get(server.origin)
    await igwnAxios.get(other.origin)
    expect([...server.authorizations, ...other.authorizations]).toEqual([basic('anybody', 'x'), LOGIN])
  })

  it('change when the file has changed', async () => {
    netrc(HERE)
    await igwnAxios.get(server.origin)
    netrc('machine 127.0.0.1 login albert password new')
    await igwnAxios.get(server.origin)
    fs.rmSync(path.join(process.env.HOME!, '.netrc'))
    await igwnAxios.get(server.origin)
    expect(server.authorizations).toEqual([LOGIN, basic('albert', 'new'), undefined])
  })

  it('that RFC 7617 does not allow are skipped with a reason', async () => {
    const file = netrc('default login al:bert password e=mc2')
    await igwnAxios.get(server.origin)
    expect(server.authorizations).toEqual([undefined])
    const error = await refused(igwnAxios.get(server.origin, { igwnAuth: { failIfNoAuth: true } }))
    expect(error.code).toBe('ERR_IGWN_NO_CREDENTIAL')
    const host = server.origin.slice('http://'.length)
    expect(error.reasons).toContainEqual({
      code: 'malformed',
      source: file,
      message: `${file} cannot be used for ${host}: The username contains a colon, which RFC 7617 section 2 does not allow in Basic authentication. Correct the entry in the netrc file`,
    })
  })
})

describe('with tokens', () => {
  it('the token wins', async () => {
    netrc(HERE)
    const token = (process.env.BEARER_TOKEN = mint({ aud: 'ANY' }))
    await igwnAxios.get(server.origin)
    expect(server.authorizations).toEqual([`Bearer ${token}`])
  })

  it('netrc is used when no token is suitable', async () => {
    netrc(HERE)
    process.env.BEARER_TOKEN = mint({ aud: 'https://elsewhere.example.org' })
    await igwnAxios.get(server.origin)
    expect(server.authorizations).toEqual([LOGIN])
  })

  it('token: false uses netrc', async () => {
    netrc(HERE)
    process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
    await igwnAxios.get(server.origin, { igwnAuth: { token: false } })
    expect(server.authorizations).toEqual([LOGIN])
  })

  it('token: true does not fall back to netrc', async () => {
    netrc(HERE)
    const error = await refused(igwnAxios.get(server.origin, { igwnAuth: { token: true } }))
    expect(error.code).toBe('ERR_IGWN_TOKEN_NOT_FOUND')
    expect(server.seen).toHaveLength(0)
  })

  it('forceNoAuth and igwnAuth: false send neither', async () => {
    netrc(HERE)
    await igwnAxios.get(server.origin, { igwnAuth: { forceNoAuth: true } })
    await igwnAxios.get(server.origin, { igwnAuth: false })
    expect(server.authorizations).toEqual([undefined, undefined])
  })
})

describe('a 401 with a Bearer challenge', () => {
  it('is not retried with a password', async () => {
    const strict = await serve(() => {
      netrc(HERE)
      return challenge()
    })
    const error = await failure(igwnAxios.get(strict.origin))
    expect(error.response?.status).toBe(401)
    expect(strict.authorizations).toEqual([undefined])
  })

  it('to a password is retried with a token that exists by now, else not at all', async () => {
    netrc(HERE)
    let token: string | undefined
    const strict = await serve((_, index) => {
      if (index < 1) return challenge()
      token ??= process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
      return index === 1 ? challenge() : {}
    })
    const error = await failure(igwnAxios.get(strict.origin))
    expect(error.response?.status).toBe(401)
    expect((await igwnAxios.get(strict.origin)).status).toBe(200)
    expect(strict.authorizations).toEqual([LOGIN, LOGIN, `Bearer ${token!}`])
  })

  it('of another scheme is not retried', async () => {
    netrc(HERE)
    const strict = await serve(() => ({
      status: 401,
      headers: { 'WWW-Authenticate': 'Basic realm="x"' },
    }))
    expect((await failure(igwnAxios.get(strict.origin))).response?.status).toBe(401)
    expect(strict.authorizations).toEqual([LOGIN])
  })
})

describe("the caller's own credentials win, untouched (trap 8)", () => {
  beforeEach(() => {
    netrc(HERE)
  })

  it.each(['Authorization', 'authorization', 'AUTHORIZATION'])('a header %s', async (name) => {
    await igwnAxios.get(server.origin, { headers: { [name]: 'Own x' } })
    expect(server.authorizations).toEqual(['Own x'])
  })

  it.each([[false], [null], ['']])('a header switched off by %j', async (value) => {
    await igwnAxios.get(server.origin, { headers: { Authorization: value } as never })
    expect(server.authorizations).toEqual([value === '' ? '' : undefined])
  })

  it('auth', async () => {
    await igwnAxios.get(server.origin, { auth: { username: 'a', password: 'b' } })
    await igwnAxios.create({ auth: { username: 'c', password: '' } }).get(server.origin)
    expect(server.authorizations).toEqual([basic('a', 'b'), basic('c', '')])
  })

  it('a username and password in the URL', async () => {
    await igwnAxios.get(server.origin.replace('//', '//a:b@'))
    await igwnAxios.get(server.origin.replace('//', '//a@'))
    expect(server.authorizations).toEqual([basic('a', 'b'), basic('a', '')])
  })
})

describe('plain HTTP', () => {
  // A name that resolves to loopback, so that the server would see what must not be sent.
  const lookup = (_: string, __: object, done: (...args: unknown[]) => void) => {
    done(null, [{ address: '127.0.0.1', family: 4 }])
  }
  const far = () => ({ url: `http://far.example.org:${server.port}/`, lookup: lookup as never })

  it('credentials are skipped over http, with a reason', async () => {
    const file = netrc('machine far.example.org login albert password e=mc2')
    await igwnAxios.request(far())
    expect(server.authorizations).toEqual([undefined])
    const error = await refused(igwnAxios.request({ ...far(), igwnAuth: { failIfNoAuth: true } }))
    expect(error.code).toBe('ERR_IGWN_NO_CREDENTIAL')
    expect(error.reasons).toContainEqual({
      code: 'insecure-transport',
      source: file,
      message: `far.example.org:${server.port} is reached over plain HTTP, where others can read a password`,
    })
    expect(error.message).not.toContain('e=mc2')
    expect(server.seen).toHaveLength(1)
  })

  it('allowInsecureHttp permits it', async () => {
    netrc('machine far.example.org login albert password e=mc2')
    await igwnAxios.request({ ...far(), igwnAuth: { allowInsecureHttp: true } })
    expect(server.authorizations).toEqual([LOGIN])
  })

  it('a network proxy makes a loopback address insecure too', async () => {
    netrc('machine localhost login albert password e=mc2')
    process.env.HTTP_PROXY = server.origin
    await igwnAxios.get('http://localhost:9/', { proxy: { host: '127.0.0.1', port: server.port } })
    expect(server.seen[0]).toMatchObject({ url: 'http://localhost:9/' })
    expect(server.authorizations).toEqual([undefined])
  })
})

describe('a redirect to another origin', () => {
  async function pair(status = 302) {
    const to = await serve(() => ({}), { host: 'localhost' })
    const from = await serve(({ url }) =>
      url === '/within'
        ? { status, headers: { location: '/' } }
        : { status, headers: { location: `${to.origin}/there` } },
    )
    return { from, to }
  }

  it.each([302, 307])('%d sends neither the credentials nor the default entry', async (status) => {
    netrc(`${HERE}default login anybody password x`)
    const { from, to } = await pair(status)
    await instanceWith().post(`${from.origin}/within`, { x: 1 })
    expect(from.authorizations).toEqual([LOGIN, LOGIN])
    expect(to.authorizations).toEqual([undefined])
  })

  it('sends the entry of that host', async () => {
    netrc(`${HERE}machine localhost login erwin password cat`)
    const { from, to } = await pair()
    await instanceWith().get(from.origin)
    expect([...from.authorizations, ...to.authorizations]).toEqual([LOGIN, basic('erwin', 'cat')])
  })

  it('sends it although the first host has no entry, or the default one', async () => {
    netrc('machine localhost login erwin password cat\ndefault login anybody password x')
    const { from, to } = await pair()
    await instanceWith().get(from.origin)
    await instanceWith().get(from.origin, { headers: { Authorization: 'Own x' } })
    expect(from.authorizations).toEqual([basic('anybody', 'x'), 'Own x'])
    expect(to.authorizations).toEqual([basic('erwin', 'cat'), undefined])
  })

  it('sends a token for that origin rather than a password', async () => {
    netrc(`${HERE}machine localhost login erwin password cat`)
    const { from, to } = await pair()
    const token = (process.env.BEARER_TOKEN = mint({ aud: to.origin }))
    await instanceWith().get(from.origin)
    expect([...from.authorizations, ...to.authorizations]).toEqual([LOGIN, `Bearer ${token}`])
  })

  it('between trusted origins keeps the credentials', async () => {
    netrc(HERE)
    const { from, to } = await pair()
    await instanceWith({ trustedOrigins: [from.origin, to.origin] }).get(from.origin)
    expect([...from.authorizations, ...to.authorizations]).toEqual([LOGIN, LOGIN])
  })

  it('back to the first origin does not use the default entry', async () => {
    netrc('default login anybody password x')
    const to = await serve(() => ({ status: 302, headers: { location: `${from.origin}/back` } }), {
      host: 'localhost',
    })
    const from = await serve(({ url }) =>
      url === '/back' ? {} : { status: 302, headers: { location: to.origin } },
    )
    await instanceWith().get(from.origin)
    expect([...from.authorizations, ...to.authorizations]).toEqual([
      basic('anybody', 'x'),
      undefined,
      undefined,
    ])
  })

  it('is followed when the named file cannot be used there', async () => {
    const { from, to } = await pair()
    process.env.BEARER_TOKEN = mint({ aud: from.origin })
    await instanceWith({ netrc: '/nowhere/netrc' }).get(from.origin)
    expect(from.authorizations[0]).toMatch(/^Bearer /)
    expect(to.authorizations).toEqual([undefined])
  })
})

describe('a file that other users can read', () => {
  it.each([0o644, 0o660, 0o604])('of mode %o is not used, with a reason', async (mode) => {
    const file = netrc(HERE, { mode })
    await igwnAxios.get(server.origin)
    expect(server.authorizations).toEqual([undefined])
    const error = await refused(igwnAxios.get(server.origin, { igwnAuth: { failIfNoAuth: true } }))
    expect(error.code).toBe('ERR_IGWN_NO_CREDENTIAL')
    const message = `${file} is accessible to other users (mode 0${mode.toString(8)}) and is not used; run chmod 600 ${file}`
    expect(error.reasons).toContainEqual({ code: 'open-permissions', source: file, message })
    expect(error.message).toContain(message)
    expect(server.seen).toHaveLength(1)
  })
})

describe('the netrc option', () => {
  it('names a file instead of ~/.netrc and NETRC', async () => {
    netrc('machine 127.0.0.1 login bertha password x')
    process.env.NETRC = netrc('machine 127.0.0.1 login bruno password y', { name: 'env' })
    const file = netrc(HERE, { name: 'own' })
    await igwnAxios.get(server.origin, { igwnAuth: { netrc: file } })
    await instanceWith({ netrc: '~/own' }).get(server.origin)
    await igwnAxios.get(server.origin)
    expect(server.authorizations).toEqual([LOGIN, LOGIN, basic('bruno', 'y')])
  })

  it('false reads no file, true the default ones', async () => {
    netrc(HERE)
    const instance = instanceWith({ netrc: false })
    await instance.get(server.origin)
    await instance.get(server.origin, { igwnAuth: { netrc: true } })
    expect(server.authorizations).toEqual([undefined, LOGIN])
  })

  it.each<[string, () => string, RegExp]>([
    ['that does not exist', () => '/nowhere/netrc', /\/nowhere\/netrc \(netrc option\) does not exist\./],
    [
      'that other users can read',
      () => netrc(HERE, { name: 'open', mode: 0o644 }),
      /open \(netrc option\) is accessible to other users \(mode 0644\)/,
    ],
    ['that is a folder', () => process.env.HOME!, /\(netrc option\) is a folder, not a file\./],
  ])('naming a file %s is an error before anything is sent', async (_, file, expected) => {
    const error = await refused(igwnAxios.get(server.origin, { igwnAuth: { netrc: file() } }))
    expect(error.code).toBe('ERR_IGWN_NETRC_UNUSABLE')
    expect(error.message).toMatch(expected)
    expect(server.connections()).toBe(0)
  })

  it('naming a file with credentials that cannot be sent is an error', async () => {
    const file = netrc('machine 127.0.0.1 login al:bert password e=mc2', { name: 'own' })
    const error = await refused(igwnAxios.get(server.origin, { igwnAuth: { netrc: file } }))
    expect(error.code).toBe('ERR_IGWN_NETRC_UNUSABLE')
    expect(error.message).toMatch(/^The username contains a colon/)
    expect(server.connections()).toBe(0)
  })

  it('naming a file without an entry for the host sends the request without credentials', async () => {
    const file = netrc('machine elsewhere.example.org login albert password e=mc2', { name: 'own' })
    await igwnAxios.get(server.origin, { igwnAuth: { netrc: file } })
    expect(server.authorizations).toEqual([undefined])
  })

  it.each([
    [5, 'igwnAuth.netrc must be a path or a boolean, not a number'],
    ['', 'igwnAuth.netrc must be a path or a boolean, not an empty string'],
  ])('%j is an error that names the accepted types', async (value, expected) => {
    const error = await refused(igwnAxios.get(server.origin, { igwnAuth: { netrc: value as never } }))
    expect(error.code).toBe('ERR_IGWN_INVALID_OPTION')
    expect(error.message).toContain(expected)
    expect(server.connections()).toBe(0)
  })
})
