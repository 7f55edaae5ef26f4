/** Certificates and CAs with the fetch of Node.js, over real TLS, by a dispatcher of the package undici. */
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { inspect } from 'node:util'
import { Agent, fetch as undiciFetch, getGlobalDispatcher, MockAgent, setGlobalDispatcher } from 'undici'
import { authorize, createIgwnFetch, explanationOf, type IgwnFetch } from '../../lib/fetch'
import type { IgwnAuthOptions } from '../../lib/options'
import {
  certificateServer,
  verifiedChain,
  type CertificateServer,
  type Shown,
} from '../support/certificate-server'
import { expectNoSecret } from '../support/expect-no-secret'
import { createAuthority, type Authority, type Issued } from '../support/pki'
import { expectNoUnhandledRejection } from '../support/record-events'
import { emptyPlaces } from '../support/tokens'

let authority: Authority
let ofServer: Issued
let alice: Issued
let proxy: Issued
let bob: Issued
let server: CertificateServer
const made: IgwnFetch[] = []
const others: { close(): Promise<void> }[] = []

expectNoUnhandledRejection()
beforeAll(async () => {
  authority = await createAuthority()
  ofServer = await authority.issueServer()
  alice = await authority.issueUser('Alice Adams')
  proxy = await authority.issueProxy(alice)
  bob = await authority.issueUser('Bob Brown')
})
beforeEach(async () => {
  emptyPlaces()
  delete process.env.X509_USER_PROXY
  process.env.REQUESTS_CA_BUNDLE = write('ca.pem', authority.certificate)
  server = await certificateServer({ authority, server: ofServer })
})
afterEach(async () => {
  jest.restoreAllMocks()
  delete process.env.REQUESTS_CA_BUNDLE
  delete process.env.X509_USER_PROXY
  for (const one of made.splice(0)) one.close()
  for (const one of [server, ...others.splice(0)]) await one.close()
})

function write(name: string, text: string): string {
  const file = path.join(process.env.HOME!, name)
  fs.writeFileSync(`${file}.new`, text, { mode: 0o600 })
  fs.renameSync(`${file}.new`, file)
  return file
}

function fetchWith(options?: IgwnAuthOptions): IgwnFetch {
  const one = createIgwnFetch(options)
  made.push(one)
  return one
}

/** The subjects that the server was shown, without the CA. */
async function shownBy(get: IgwnFetch, init?: Parameters<IgwnFetch>[1]): Promise<string[] | undefined> {
  return subjectsIn(await get(server.url, init))
}

async function subjectsIn(response: Response): Promise<string[] | undefined> {
  return verifiedChain(((await response.json()) as Shown).chain, authority)?.slice(0, -1)
}

const ALICE = ['CN=Alice Adams']

describe('a certificate', () => {
  it('that is found is presented with its chain, and connections are reused', async () => {
    process.env.X509_USER_PROXY = write('x509up', proxy.bundle)
    const get = fetchWith()
    const shown = await shownBy(get)
    expect(shown).toHaveLength(2)
    expect(shown?.[1]).toBe('CN=Alice Adams')
    // undici takes a connection back a moment after the body was read.
    await wait(20)
    await shownBy(get)
    expect(server.handshakes()).toBe(1)
  })

  it('that is named is presented, and that of another request is not', async () => {
    const get = fetchWith()
    const cert = write('alice.pem', alice.bundle)
    expect(await shownBy(get, { igwnAuth: { cert } })).toEqual(ALICE)
    expect(await shownBy(get, { igwnAuth: { cert: write('bob.pem', bob.bundle) } })).toEqual(['CN=Bob Brown'])
    expect(await shownBy(get, { igwnAuth: { cert: false } })).toEqual([])
    expect(await shownBy(get, { igwnAuth: { cert } })).toEqual(ALICE)
  })

  it('that was renewed is presented by new connections', async () => {
    const cert = write('cert.pem', alice.bundle)
    const get = fetchWith({ cert })
    expect(await shownBy(get)).toEqual(ALICE)
    write('cert.pem', bob.bundle)
    const later = Date.now() + 1001
    jest.spyOn(Date, 'now').mockReturnValue(later)
    expect(await shownBy(get)).toEqual(['CN=Bob Brown'])
  })

  it('is not presented to the target of a redirect at another origin', async () => {
    const other = await certificateServer({ authority, server: ofServer })
    await server.close()
    server = await certificateServer({
      authority,
      server: ofServer,
      answer: (_, response) => response.writeHead(302, { location: other.url }).end(),
    })
    const cert = write('alice.pem', alice.bundle)
    others.push(other)
    expect(await shownBy(fetchWith({ cert }))).toEqual([])
    expect(await shownBy(fetchWith({ cert, trustedOrigins: [server.url, other.url] }))).toEqual(ALICE)
  })

  it('that a server refuses is explained by the error', async () => {
    await server.close()
    server = await certificateServer({
      authority: await createAuthority('Another CA'),
      server: ofServer,
      rejectUnauthorized: true,
    })
    // In Jest, errors of undici are of another realm for the fetch of Node.js, which then keeps their text alone.
    const get = createIgwnFetch({ cert: write('alice.pem', alice.bundle) }, { fetch: undiciFetch as never })
    const error: unknown = await get(server.url).catch((failure: unknown) => failure)
    expect((error as Error).name).toBe('TypeError')
    expect(explanationOf(error)?.summary).toMatch(
      /^The server (?:refused the connection with the TLS alert|closed the connection).*CN=Alice Adams/,
    )
  })

  it('and its key show in nothing that is returned or thrown', async () => {
    const cert = write('alice.pem', alice.bundle)
    const get = fetchWith({ cert })
    const secrets = alice.key.split('\n').filter((line) => line.length > 20)
    expect(secrets.length).toBeGreaterThan(1)
    const response = await get(server.url)
    const failure: unknown = await get('https://127.0.0.1:1/').catch((error: unknown) => error)
    const found = await authorize(server.url, { cert })
    expect(found.certificate?.pem().key).toContain(secrets[0])
    for (const thing of [response, failure, get, found]) {
      expectNoSecret(thing, secrets)
      expect(inspect(thing, { depth: null, showHidden: true })).not.toContain(secrets[0])
    }
    await response.body?.cancel()
  })
})

describe('a dispatcher of the caller', () => {
  it('makes the connection; a certificate that is found is skipped, and one that is named is an error', async () => {
    const dispatcher = new Agent({ connect: { ca: authority.certificate } })
    others.push(dispatcher)
    process.env.X509_USER_PROXY = write('x509up', proxy.bundle)
    const reasons: string[] = []
    const get = fetchWith({
      onEvent: (event) => event.type === 'skipped' && reasons.push(event.reason.message),
    })
    expect(await shownBy(get, { dispatcher } as never)).toEqual([])
    expect(reasons.join()).toMatch(/is not presented: the request has a dispatcher of its own/)
    await expect(
      get(server.url, { dispatcher, igwnAuth: { cert: write('alice.pem', alice.bundle) } } as never),
    ).rejects.toMatchObject({ code: 'ERR_IGWN_UNSUPPORTED' })
  })

  it('for all requests of the program, such as a MockAgent, is used too', async () => {
    const before = getGlobalDispatcher()
    const mock = new MockAgent()
    mock.disableNetConnect()
    setGlobalDispatcher(mock)
    try {
      mock.get('https://host.example.org').intercept({ path: '/' }).reply(200, 'mocked')
      process.env.X509_USER_PROXY = write('x509up', proxy.bundle)
      // Node's own fetch has the dispatcher of Node's own global object, which Jest replaces.
      const get = createIgwnFetch({}, { fetch: undiciFetch as never })
      expect(await (await get('https://host.example.org/')).text()).toBe('mocked')
    } finally {
      setGlobalDispatcher(before)
      await mock.close()
    }
  })
})

describe('a CA bundle of the environment', () => {
  it('is trusted, and nothing else', async () => {
    expect(await shownBy(fetchWith())).toEqual([])
    process.env.REQUESTS_CA_BUNDLE = write('other.pem', (await createAuthority('Another CA')).certificate)
    const error: unknown = await fetchWith()(server.url).catch((failure: unknown) => failure)
    expect(explanationOf(error)?.summary).toMatch(
      /^the certificate of localhost:\d+ is not trusted .*REQUESTS_CA_BUNDLE=/,
    )
  })
})

describe('where undici is not installed', () => {
  /** The same modules, without the package. */
  async function withoutUndici<T>(work: (create: typeof createIgwnFetch) => Promise<T>): Promise<T> {
    jest.resetModules()
    jest.doMock('undici', () => {
      throw Object.assign(new Error("Cannot find module 'undici'"), { code: 'MODULE_NOT_FOUND' })
    })
    try {
      const { createIgwnFetch: create } = (await import('../../lib/fetch')) as {
        createIgwnFetch: typeof createIgwnFetch
      }
      return await work(create)
    } finally {
      jest.dontMock('undici')
      jest.resetModules()
    }
  }

  it('a certificate that is named is an error that says what to install', () =>
    withoutUndici(async (create) => {
      const cert = write('alice.pem', alice.bundle)
      await expect(create({ cert })(server.url)).rejects.toMatchObject({
        code: 'ERR_IGWN_UNSUPPORTED',
        message: `${cert} (cert) cannot be presented: fetch of Node.js has client certificates only with the package undici. Run npm install undici@7, or set cert to false.`,
      })
    }))

  it('one that is found is skipped with that reason, and the request is sent', () =>
    withoutUndici(async (create) => {
      process.env.X509_USER_PROXY = write('x509up', proxy.bundle)
      const reasons: string[] = []
      const sent: unknown[] = []
      const get = create(
        { onEvent: (event) => event.type === 'skipped' && reasons.push(event.reason.message) },
        { fetch: async (...all) => (sent.push(all), new Response('ok')) },
      )
      expect((await get(server.url)).status).toBe(200)
      expect((await get(server.url)).status).toBe(200)
      expect(sent).toHaveLength(2)
      expect(reasons.filter((reason) => reason.includes('npm install undici@7'))).toHaveLength(2)
    }))
})
