import fs from 'node:fs'
import type http from 'node:http'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import tls from 'node:tls'
import axios from 'axios'
import { x509Agents } from '../../lib/x509/agents'
import { x509Discovery } from '../../lib/x509/find-x509-credentials'
import type { TrustedCas } from '../../lib/x509/trusted-cas'
import { X509Credential } from '../../lib/x509/x509-credential'
import { certificateServer, showChain, verifiedChain } from '../support/certificate-server'
import type { CertificateServer, Shown } from '../support/certificate-server'
import { createAuthority, secondsFromNow } from '../support/pki'
import type { Authority, Issued } from '../support/pki'

let authority: Authority
let alice: Issued
let proxy: Issued
let ofServer: Issued
let server: CertificateServer
let cas: TrustedCas
let file: string
/** Requests to /held that wait for their response. */
let held: (() => void)[]

const discover = x509Discovery()
const find = (cert = file) => discover({ cert }).credential!

beforeAll(async () => {
  authority = await createAuthority()
  alice = await authority.issueUser('Alice Adams')
  proxy = await authority.issueProxy(alice)
  ofServer = await authority.issueServer()
  cas = { ca: [authority.certificate], version: 'one' }
})

beforeEach(async () => {
  file = path.join(process.env.TMPDIR!, 'proxy.pem')
  renew(proxy)
  held = []
  const answer = (request: http.IncomingMessage, response: http.ServerResponse) => {
    if (request.url === '/held')
      held.push(() => {
        showChain(request, response)
      })
    else showChain(request, response)
  }
  server = await certificateServer({ authority, server: ofServer, answer })
})

afterEach(async () => {
  jest.restoreAllMocks()
  await server.close()
})

/** Replaces the file by rename, as grid tools do. */
function renew(issued: Issued): void {
  fs.writeFileSync(`${file}.new`, issued.bundle, { mode: 0o600 })
  fs.utimesSync(`${file}.new`, secondsFromNow(-60), secondsFromNow(-60))
  fs.renameSync(`${file}.new`, file)
}

async function get(httpsAgent: unknown, url = '/'): Promise<string | undefined> {
  const { data } = await axios.get<Shown>(server.url + url, { httpsAgent })
  return verifiedChain(data.chain, authority)?.[0]
}

const nameOf = (issued: Issued) => `CN=${issued.name.at(-1)!.CN![0]!}`

/** Waits until the request to /held is at the server. */
async function heldRequest(): Promise<() => void> {
  for (let tries = 0; tries < 1000 && held.length === 0; tries += 1) await wait(5)
  expect(held).toHaveLength(1)
  return held[0]!
}

/** Waits until the server has this many open connections. */
async function connections(wanted: number): Promise<void> {
  for (let tries = 0; tries < 1000 && server.connections() !== wanted; tries += 1) await wait(5)
  expect(server.connections()).toBe(wanted)
}

describe('agentFor', () => {
  it('returns the same agent while nothing has changed, and parses nothing', () => {
    const agents = x509Agents()
    const agent = agents.agentFor(find(), cas)
    const parse = jest.spyOn(tls, 'createSecureContext')
    const open = jest.spyOn(fs, 'openSync')
    expect(agents.agentFor(find(), cas)).toBe(agent)
    expect(parse).not.toHaveBeenCalled()
    expect(open).not.toHaveBeenCalled()
    agents.close()
  })

  it('returns none without a credential and CAs', () => {
    expect(x509Agents().agentFor(undefined, undefined)).toBeUndefined()
  })

  it('returns an agent that presents nothing when there are only CAs', async () => {
    const agents = x509Agents()
    const agent = agents.agentFor(undefined, cas)
    const { data } = await axios.get<Shown>(server.url, { httpsAgent: agent })
    expect(data.chain).toEqual([])
    agents.close()
  })

  it('returns one per credential and instance', async () => {
    const other = path.join(process.env.TMPDIR!, 'bob.pem')
    fs.writeFileSync(other, (await authority.issueUser('Bob')).bundle, { mode: 0o600 })
    const [one, two] = [x509Agents(), x509Agents()]
    expect(one.agentFor(find(), cas)).not.toBe(two.agentFor(find(), cas))
    const presented = await Promise.all([get(one.agentFor(find(), cas)), get(one.agentFor(find(other), cas))])
    expect(presented).toEqual([nameOf(proxy), 'CN=Bob'])
    one.close()
    two.close()
  })

  it('returns the same for a file that was only touched', () => {
    const agents = x509Agents()
    const agent = agents.agentFor(find(), cas)
    renew(proxy)
    expect(agents.agentFor(find(), cas)).toBe(agent)
    agents.close()
  })

  it('returns a new one when the CAs have changed', () => {
    const agents = x509Agents()
    const agent = agents.agentFor(find(), cas)
    expect(agents.agentFor(find(), { ...cas, version: 'two' })).not.toBe(agent)
    agents.close()
  })

  it('keeps a limited number of them', () => {
    const agents = x509Agents()
    const credential = (cert: string) => new X509Credential({ cert, source: cert }, find().pem())
    // To make one takes time.
    jest.spyOn(tls, 'createSecureContext').mockReturnValue(tls.createSecureContext())
    const first = agents.agentFor(credential('first'), undefined)!
    for (let count = 0; count < 500; count += 1) agents.agentFor(credential(`${count}`), undefined)
    expect(first).toHaveProperty('keepAlive', false)
    expect(agents.agentFor(credential('first'), undefined)).not.toBe(first)
    agents.close()
  })
})

describe('a renewed file', () => {
  it('is presented by the next request; those in flight complete on the old agent, which then closes', async () => {
    const agents = x509Agents()
    const before = agents.agentFor(find(), cas)
    // Two connections: one is idle when the file is renewed, one is in use.
    const running = get(before, '/held')
    const release = await heldRequest()
    await get(before)
    expect(server.connections()).toBe(2)

    const next = await authority.issueProxy(alice)
    renew(next)
    const after = agents.agentFor(find(), cas)
    expect(after).not.toBe(before)
    expect(await get(after)).toBe(nameOf(next))
    await connections(2) // the one in use, and the new one

    release()
    expect(await running).toBe(nameOf(proxy))
    await connections(1)
    agents.close()
  })

  it('does not disturb a request that has the old agent and is not sent yet', async () => {
    const agents = x509Agents()
    const before = agents.agentFor(find(), cas)
    renew(await authority.issueProxy(alice))
    agents.agentFor(find(), cas)
    expect(await get(before)).toBe(nameOf(proxy))
    await connections(0)
    agents.close()
  })

  it('that is renewed many times leaves no connection open', async () => {
    const agents = x509Agents()
    for (let count = 0; count < 5; count += 1) {
      const next = await authority.issueProxy(alice)
      renew(next)
      expect(await get(agents.agentFor(find(), cas))).toBe(nameOf(next))
    }
    await connections(1)
    agents.close()
    await connections(0)
  })
})

describe('close', () => {
  it('closes idle connections, and requests in flight complete', async () => {
    const agents = x509Agents()
    const agent = agents.agentFor(find(), cas)
    const running = get(agent, '/held')
    const release = await heldRequest()
    await get(agent)
    agents.close()
    await connections(1)
    release()
    expect(await running).toBe(nameOf(proxy))
    await connections(0)
  })
})
