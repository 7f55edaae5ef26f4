import fs from 'node:fs'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { inspect } from 'node:util'
import axios from 'axios'
import { createX509Agent } from '../../lib/x509/create-x509-agent'
import { findX509Credentials } from '../../lib/x509/find-x509-credentials'
import { certificateServer, verifiedChain } from '../support/certificate-server'
import type { CertificateServer, Shown } from '../support/certificate-server'
import { connectProxy } from '../support/connect-proxy'
import type { ConnectProxy } from '../support/connect-proxy'
import { createAuthority, secondsFromNow } from '../support/pki'
import type { Authority, Issued } from '../support/pki'

let authority: Authority
let issued: Issued
let alice: Issued
let proxy: Issued
let server: CertificateServer
let caFile: string

beforeAll(async () => {
  authority = await createAuthority()
  issued = await authority.issueServer()
  alice = await authority.issueUser('Alice Adams')
  proxy = await authority.issueProxy(alice)
  caFile = write('ca.pem', authority.certificate)
})

beforeEach(async () => {
  process.env.REQUESTS_CA_BUNDLE = caFile
  server = await certificateServer({ authority, server: issued })
})

afterEach(async () => {
  delete process.env.REQUESTS_CA_BUNDLE
  await server.close()
})

let files = 0
function write(name: string, text: string): string {
  const file = path.join(process.env.TMPDIR!, `${++files}-${name}`)
  fs.writeFileSync(file, text, { mode: 0o600 })
  return file
}

async function shownBy(httpsAgent: unknown, url = server.url): Promise<Shown> {
  return (await axios.get<Shown>(url, { httpsAgent })).data
}

describe('the certificate', () => {
  it('is presented, and the server verifies it', async () => {
    const agent = createX509Agent([write('cert.pem', alice.certificate), write('key.pem', alice.key)])
    const shown = await shownBy(agent)
    expect(shown.authorized).toBe(true)
    expect(verifiedChain(shown.chain, authority)?.[0]).toBe('CN=Alice Adams')
    agent.destroy()
  })

  it('of a proxy of a proxy is presented with its whole chain, which verifies up to the CA', async () => {
    const below = await authority.issueProxy(proxy, { limited: true })
    const agent = createX509Agent(write('proxy.pem', below.bundle))
    const { chain } = await shownBy(agent)
    const subjects = verifiedChain(chain, authority)
    expect(subjects?.slice(0, 3)).toEqual([
      `CN=${below.name.at(-1)!.CN![0]!}`,
      `CN=${proxy.name.at(-1)!.CN![0]!}`,
      'CN=Alice Adams',
    ])
    agent.destroy()
  })

  it.each([
    ['CRLF', (text: string) => text.replaceAll('\n', '\r\n')],
    ['text between', (text: string) => text.replaceAll('-----BEGIN', 'subject=/CN=x\n-----BEGIN')],
    ['the key first', () => proxy.key + proxy.certificate + proxy.chain],
  ])('is the same from a file with %s', async (_, changed) => {
    const agent = createX509Agent(write('proxy.pem', changed(proxy.bundle)))
    const { chain } = await shownBy(agent)
    expect(chain.slice(0, 2).join('')).toBe(proxy.certificate + proxy.chain)
    agent.destroy()
  })

  it('may be given as a credential or as paths', async () => {
    const [cert, key] = [write('cert.pem', alice.certificate), write('key.pem', alice.key)]
    const file = write('both.pem', alice.bundle)
    const found = await findX509Credentials({ cert: [cert, key] })
    for (const credential of [found, { cert, key }, [cert, key] as const, { cert: file }, file]) {
      const agent = createX509Agent(credential)
      expect((await shownBy(agent)).chain[0]).toBe(alice.certificate)
      agent.destroy()
    }
  })

  it.each(['pkcs8', 'traditional'] as const)('may have an encrypted key (%s)', async (form) => {
    const key = write('key.pem', alice.encryptedKey('open sesame', form))
    const agent = createX509Agent([write('cert.pem', alice.certificate), key], { passphrase: 'open sesame' })
    expect((await shownBy(agent)).authorized).toBe(true)
    agent.destroy()
  })
})

const unusable = (message: unknown) =>
  expect.objectContaining({ code: 'ERR_IGWN_CERT_UNUSABLE', message }) as Error

describe('a local problem is an error before any connection', () => {
  it('when the file does not exist', () => {
    const file = path.join(process.env.TMPDIR!, 'none.pem')
    expect(() => createX509Agent(file)).toThrow(
      unusable(`${file} (cert) does not exist. Give the path of a proxy file, or [certificate, key].`),
    )
  })

  it('when the key does not belong to the certificate', async () => {
    const bob = await authority.issueUser('Bob')
    const pair = [write('cert.pem', alice.certificate), write('key.pem', bob.key)] as const
    expect(() => createX509Agent(pair)).toThrow(
      unusable(expect.stringContaining('holds a private key that does not belong to the certificate')),
    )
  })

  it('when the credential has expired since it was found', async () => {
    const found = await findX509Credentials({ cert: write('proxy.pem', proxy.bundle) })
    jest.spyOn(Date, 'now').mockReturnValue(secondsFromNow(13 * 3600).getTime())
    expect(() => createX509Agent(found)).toThrow(unusable(expect.stringMatching(/ expired \d+ minutes ago /)))
    jest.restoreAllMocks()
  })

  it('when OpenSSL refuses an option', () => {
    const file = write('proxy.pem', proxy.bundle)
    expect(() => createX509Agent(file, { ciphers: 'NO-SUCH-CIPHER' })).toThrow(
      unusable('OpenSSL refuses the credential, or an option of the agent (no cipher match).'),
    )
    expect(() => createX509Agent(file, { minVersion: 'TLSv9' as never })).toThrow(
      unusable(
        'OpenSSL refuses the credential, or an option of the agent (ERR_TLS_INVALID_PROTOCOL_VERSION).',
      ),
    )
  })
})

describe('connections', () => {
  it('are kept alive: one handshake for many requests', async () => {
    const agent = createX509Agent(write('proxy.pem', proxy.bundle))
    for (let count = 0; count < 20; count += 1) await shownBy(agent)
    expect(server.handshakes()).toBe(1)
    agent.destroy()
  })

  it('have the options of the agent', async () => {
    const agent = createX509Agent(write('proxy.pem', proxy.bundle), { keepAlive: false, maxSockets: 1 })
    await shownBy(agent)
    await shownBy(agent)
    expect(server.handshakes()).toBe(2)
    expect(agent.maxSockets).toBe(1)
  })

  it('wait for a slow response, however short the idle timeout', async () => {
    const slow = await certificateServer({
      authority,
      server: issued,
      answer: (_, response) => setTimeout(() => response.end('late'), 100),
    })
    const agent = createX509Agent(write('proxy.pem', proxy.bundle), { timeout: 10 })
    expect((await axios.get(slow.url, { httpsAgent: agent })).data).toBe('late')
    agent.destroy()
    await slow.close()
  })

  it('trust the CAs of the environment, or those of the ca option', async () => {
    const other = await createAuthority('Other CA')
    const file = write('proxy.pem', proxy.bundle)
    process.env.REQUESTS_CA_BUNDLE = write('other.pem', other.certificate)
    await expect(shownBy(createX509Agent(file))).rejects.toMatchObject({ code: 'SELF_SIGNED_CERT_IN_CHAIN' })
    const agent = createX509Agent(file, { ca: authority.certificate })
    expect((await shownBy(agent)).chain).not.toEqual([])
    agent.destroy()
  })
})

describe('secrets', () => {
  it('of the credential and of requests show neither in inspect nor in JSON of an agent', async () => {
    const passphrase = 'correct horse battery staple'
    const key = write('key.pem', alice.encryptedKey(passphrase))
    const agent = createX509Agent([write('cert.pem', alice.certificate), key], { passphrase })
    const headers = { Authorization: 'Bearer canary-token' }
    await axios.get(server.url, { httpsAgent: agent, headers })
    await setImmediate()
    for (const shown of [
      inspect(agent, { depth: null }),
      inspect(agent, { depth: null, showHidden: true }),
      inspect({ config: { httpsAgent: agent } }, { depth: null }),
      inspect(agent.options, { depth: null }),
      JSON.stringify(agent),
      JSON.stringify(agent.options),
    ]) {
      expect(shown).not.toContain('canary-token')
      expect(shown).not.toContain(passphrase)
      expect(shown).not.toContain(alice.key.split('\n')[1]!)
      expect(shown).not.toContain('PRIVATE KEY')
      expect(shown).not.toContain('-----BEGIN')
    }
    expect(JSON.parse(JSON.stringify(agent))).toMatchObject({
      subject: '/DC=org/DC=example/CN=Alice Adams',
      sockets: 0,
      freeSockets: 1,
    })
    agent.destroy()
  })
})

describe('through a network proxy', () => {
  let tunnel: ConnectProxy

  beforeEach(async () => {
    tunnel = await connectProxy()
    process.env.HTTPS_PROXY = tunnel.url
  })

  afterEach(async () => {
    delete process.env.HTTPS_PROXY
    delete process.env.NO_PROXY
    await tunnel.close()
  })

  it('the certificate reaches the server, by CONNECT', async () => {
    const agent = createX509Agent(write('proxy.pem', proxy.bundle))
    const { chain } = await shownBy(agent)
    expect(tunnel.tunnels).toEqual([`localhost:${server.port}`])
    expect(verifiedChain(chain, authority)?.slice(1, 2)).toEqual(['CN=Alice Adams'])
    expect(inspect(tunnel.headers, { depth: null })).not.toContain('BEGIN')
  })

  it('two credentials use separate connections', async () => {
    const bob = await authority.issueUser('Bob')
    const agents = [
      createX509Agent(write('alice.pem', alice.bundle)),
      createX509Agent(write('bob.pem', bob.bundle)),
    ]
    const shown = await Promise.all([...agents, ...agents].map((agent) => shownBy(agent)))
    expect(shown.map(({ chain }) => verifiedChain(chain, authority)?.[0])).toEqual([
      'CN=Alice Adams',
      'CN=Bob',
      'CN=Alice Adams',
      'CN=Bob',
    ])
  })

  it('NO_PROXY is respected', async () => {
    process.env.NO_PROXY = 'localhost'
    const agent = createX509Agent(write('proxy.pem', proxy.bundle))
    expect((await shownBy(agent)).chain).not.toEqual([])
    expect(tunnel.tunnels).toEqual([])
    agent.destroy()
  })
})
