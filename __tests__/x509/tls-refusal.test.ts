import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import axios from 'axios'
import { createX509Agent } from '../../lib/x509/create-x509-agent'
import { x509Discovery } from '../../lib/x509/find-x509-credentials'
import { tlsRefusal } from '../../lib/x509/tls-refusal'
import type { X509Credential } from '../../lib/x509/x509-credential'
import { certificateServer } from '../support/certificate-server'
import { createAuthority, secondsFromNow } from '../support/pki'
import type { Authority, Issued } from '../support/pki'

let authority: Authority
let proxy: Issued
let credential: X509Credential
/** What every explanation ends with. */
let presented: RegExp

beforeAll(async () => {
  authority = await createAuthority()
  const alice = await authority.issueUser('Alice Adams', { notAfter: secondsFromNow(6 * 3600 + 60) })
  proxy = await authority.issueProxy(alice)
  const cert = path.join(process.env.TMPDIR!, 'proxy.pem')
  fs.writeFileSync(cert, proxy.bundle, { mode: 0o600 })
  credential = x509Discovery()({ cert }).credential!
  presented = new RegExp(
    `Presented was /DC=org/DC=example/CN=Alice Adams/CN=\\d+ with 1 of its issuers, from ${cert} \\(cert\\), ` +
      'good for 6 hours more \\(until \\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z\\)\\.$',
  )
})

const agent = () => createX509Agent(credential, { ca: authority.certificate })

async function failureOf(url: string, options: object = {}): Promise<unknown> {
  const failure: unknown = await axios
    .get(url, { httpsAgent: agent(), ...options })
    .catch((error: unknown) => error)
  expect(axios.isAxiosError(failure)).toBe(true)
  return failure
}

/** A server that answers the first bytes of a handshake with a fatal alert (RFC 5246 section 7.2). */
async function refusedWith(alert: number): Promise<unknown> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(Buffer.from([21, 3, 3, 0, 2, 2, alert])))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const failure = await failureOf(`https://localhost:${(server.address() as AddressInfo).port}`)
  server.close()
  return failure
}

describe('a TLS alert', () => {
  it.each([
    [42, 'bad_certificate', 'a certificate is not in order, not valid yet, or its signature is wrong'],
    [45, 'certificate_expired', 'a certificate has expired'],
    [
      46,
      'certificate_unknown',
      'a certificate is not acceptable, as proxies are where a server is not set up for them or their path is too long',
    ],
    [48, 'unknown_ca', 'it does not know the CA of the certificate, or lacks one of the chain'],
  ])('%i (%s) is explained by what was presented', async (number, alert, what) => {
    const refusal = tlsRefusal(await refusedWith(number), credential)
    expect(refusal?.alert).toBe(alert)
    expect(refusal?.message).toMatch(presented)
    expect(refusal?.message).toContain(
      `The server refused the connection with the TLS alert ${alert}: ${what}. Presented`,
    )
  })

  it.each([
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'certificate_expired'],
    ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED', 'certificate_expired'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'unknown_ca'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'certificate_required'],
  ])('is known by the code %s alone', (code, alert) => {
    expect(tlsRefusal(Object.assign(new Error('failed'), { code }), credential)?.alert).toBe(alert)
  })

  it('is known under TLS 1.2, where only the message has it', () => {
    const message =
      'write EPROTO 40B7A1F2:error:0A000415:SSL routines:ssl3_read_bytes:sslv3 alert certificate expired:' +
      '../deps/openssl/openssl/ssl/record/rec_layer_s3.c:1605:SSL alert number 45\n'
    const refusal = tlsRefusal(Object.assign(new Error(message), { code: 'EPROTO' }), credential)
    expect(refusal?.alert).toBe('certificate_expired')
  })

  it('says that nothing was presented when nothing was', () => {
    const failure = Object.assign(new Error('failed'), { code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' })
    expect(tlsRefusal(failure, undefined)).toEqual({
      alert: 'certificate_required',
      message:
        'The server refused the connection with the TLS alert certificate_required: ' +
        'it wants a certificate, and none was presented. No certificate was presented.',
    })
  })

  it('of another matter is not explained', async () => {
    expect(tlsRefusal(await refusedWith(70), credential)).toBeUndefined() // protocol_version
  })
})

describe('other refusals', () => {
  it('of nginx, status 400 with a page of its own, are explained', async () => {
    for (const [page, what] of [
      [
        '<center>No required SSL certificate was sent</center>',
        'it wants a certificate, and none was presented',
      ],
      ['<center>The SSL certificate error</center>', 'the certificate, or one of its chain, did not verify'],
    ] as const) {
      const server = await certificateServer({
        authority,
        server: await authority.issueServer(),
        answer: (_, response) => response.writeHead(400, { 'content-type': 'text/html' }).end(page),
      })
      for (const responseType of ['text', 'arraybuffer']) {
        const refusal = tlsRefusal(await failureOf(server.url, { responseType }), credential)
        expect(refusal).not.toHaveProperty('alert')
        expect(refusal?.message).toContain(`The server refused the connection with status 400: ${what}. `)
        expect(refusal?.message).toMatch(presented)
      }
      await server.close()
    }
  })

  it('of Apache, which asks for a certificate when it is too late under TLS 1.3, are explained by what can be done', async () => {
    const page =
      "You don't have permission to access this resource.Reason: Cannot perform Post-Handshake Authentication.<br />"
    const server = await certificateServer({
      authority,
      server: await authority.issueServer(),
      answer: (_, response) => response.writeHead(403, { 'content-type': 'text/html' }).end(page),
    })
    const failure = await failureOf(server.url)
    const said =
      'The server asks for a certificate only after the handshake, as it does for this path, which Node.js cannot answer ' +
      "under TLS 1.3 (RFC 8446 section 4.6.2). Give the request an httpsAgent of createX509Agent with maxVersion: 'TLSv1.2'. "
    expect(tlsRefusal(failure, undefined)).toEqual({ message: `${said}No certificate was presented.` })
    expect(tlsRefusal(failure, credential)?.message).toMatch(
      new RegExp(presented.source.replace('Presented', 'Not presented')),
    )
    await server.close()
  })

  it('of a server of Node, which only hangs up on proxies, are explained as what they may be', async () => {
    const server = await certificateServer({
      authority,
      server: await authority.issueServer(),
      rejectUnauthorized: true,
    })
    const failure = await failureOf(server.url)
    expect(failure).toMatchObject({ code: 'ECONNRESET' })
    const refusal = tlsRefusal(failure, credential)
    expect(refusal?.message).toContain('without a word (ECONNRESET); that may be because of the certificate')
    expect(refusal?.message).toMatch(presented)
    await server.close()
  })

  it.each([
    [
      'a reset when no certificate was presented',
      () => Object.assign(new Error('x'), { code: 'ECONNRESET' }),
      false,
    ],
    [
      'a status 400 of its own',
      () => ({ response: { status: 400, data: { error: 'no such parameter' } } }),
      true,
    ],
    ['a status 403 of its own', () => ({ response: { status: 403, data: 'Forbidden' } }), true],
    [
      'a page that says so with status 200',
      () => ({ response: { status: 200, data: 'The SSL certificate error' } }),
      true,
    ],
    ['a failure of the network', () => Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), true],
    ['nothing', () => undefined, true],
  ])('are not seen in %s', (_, failure, withCredential) => {
    expect(tlsRefusal(failure(), withCredential ? credential : undefined)).toBeUndefined()
  })

  it('tell when what was presented has expired meanwhile', () => {
    jest.spyOn(Date, 'now').mockReturnValue(secondsFromNow(9 * 3600).getTime())
    const failure = Object.assign(new Error('x'), { code: 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED' })
    expect(tlsRefusal(failure, credential)?.message).toMatch(/, expired 2 hours ago \(\d{4}-.*Z\)\.$/)
    jest.restoreAllMocks()
  })
})
