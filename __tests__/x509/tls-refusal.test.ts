import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import axios from 'axios'
import { createX509Agent } from '../../lib/x509/create-x509-agent'
import { x509Discovery } from '../../lib/x509/find-x509-credentials'
import { pageRefusal, tlsRefusal } from '../../lib/x509/tls-refusal'
import type { X509Credential } from '../../lib/x509/x509-credential'
import { certificateServer } from '../support/certificate-server'
import { listen } from '../support/listen'
import { createAuthority, secondsFromNow } from '../support/pki'
import type { Authority, Issued } from '../support/pki'

let authority: Authority
let proxy: Issued
let credential: X509Credential
/** The end of every message. */
let presented: RegExp

beforeAll(async () => {
  authority = await createAuthority()
  const alice = await authority.issueUser('Alice Adams', { notAfter: secondsFromNow(6 * 3600 + 60) })
  proxy = await authority.issueProxy(alice)
  const cert = path.join(process.env.TMPDIR!, 'proxy.pem')
  fs.writeFileSync(cert, proxy.bundle, { mode: 0o600 })
  credential = x509Discovery()({ cert }).credential!
  presented = new RegExp(
    `The certificate presented was /DC=org/DC=example/CN=Alice Adams/CN=\\d+ with 1 more of its chain, from ${cert} \\(cert\\), ` +
      'which expires in 6 hours \\(\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z\\)\\.$',
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
    socket.once('data', () => socket.end(Buffer.from([21, 3, 3, 0, 2, 2, alert])))
  })
  return failureOf(`https://localhost:${(await listen(server)).port}`)
}

describe('a TLS alert', () => {
  it.each([
    [42, 'bad_certificate', 'a certificate is corrupt, not valid yet, or has a wrong signature'],
    [45, 'certificate_expired', 'a certificate has expired'],
    [
      46,
      'certificate_unknown',
      'a certificate is not accepted; the server may not be configured for proxies, or the path of the proxy is too long',
    ],
    [48, 'unknown_ca', 'the CA of the certificate is not known, or a certificate of the chain is missing'],
  ])('%i (%s) is explained with the certificate presented', async (number, alert, what) => {
    const refusal = tlsRefusal(await refusedWith(number), credential)
    expect(refusal?.alert).toBe(alert)
    expect(refusal?.message).toMatch(presented)
    expect(refusal?.message).toContain(
      `The server refused the connection with the TLS alert ${alert}: ${what}. The certificate presented`,
    )
  })

  it.each([
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'certificate_expired'],
    ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED', 'certificate_expired'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'unknown_ca'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'certificate_required'],
  ])('is recognized by the code %s alone', (code, alert) => {
    expect(tlsRefusal(Object.assign(new Error('failed'), { code }), credential)?.alert).toBe(alert)
  })

  it('is recognized under TLS 1.2, where only the message has it', () => {
    const message =
      'write EPROTO 40B7A1F2:error:0A000415:SSL routines:ssl3_read_bytes:sslv3 alert certificate expired:' +
      '../deps/openssl/openssl/ssl/record/rec_layer_s3.c:1605:SSL alert number 45\n'
    const refusal = tlsRefusal(Object.assign(new Error(message), { code: 'EPROTO' }), credential)
    expect(refusal?.alert).toBe('certificate_expired')
  })

  it('says that no certificate was presented when none was', () => {
    const failure = Object.assign(new Error('failed'), { code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' })
    expect(tlsRefusal(failure, undefined)).toEqual({
      alert: 'certificate_required',
      message:
        'The server refused the connection with the TLS alert certificate_required: ' +
        'it requires a certificate, and received none. No certificate was presented.',
    })
  })

  it('about something else is not explained', async () => {
    expect(tlsRefusal(await refusedWith(70), credential)).toBeUndefined() // protocol_version
  })
})

describe('other refusals', () => {
  it('of nginx, a page with status 400, are explained', async () => {
    for (const [page, what] of [
      [
        '<center>No required SSL certificate was sent</center>',
        'it requires a certificate, and received none',
      ],
      [
        '<center>The SSL certificate error</center>',
        'it could not verify the certificate, or one of its chain',
      ],
    ] as const) {
      const server = await certificateServer({
        authority,
        server: await authority.issueServer(),
        answer: (_, response) => response.writeHead(400, { 'content-type': 'text/html' }).end(page),
      })
      for (const responseType of ['text', 'arraybuffer']) {
        const refusal = tlsRefusal(await failureOf(server.url, { responseType }), credential)
        expect(refusal).not.toHaveProperty('alert')
        expect(refusal?.message).toContain(`The server refused the request with status 400: ${what}. `)
        expect(refusal?.message).toMatch(presented)
      }
      await server.close()
    }
  })

  it('of Apache, which requests a certificate after the handshake of TLS 1.3, are explained with a workaround', async () => {
    const page =
      "You don't have permission to access this resource.Reason: Cannot perform Post-Handshake Authentication.<br />"
    const server = await certificateServer({
      authority,
      server: await authority.issueServer(),
      answer: (_, response) => response.writeHead(403, { 'content-type': 'text/html' }).end(page),
    })
    const failure = await failureOf(server.url)
    const advice =
      'The server requests a certificate for this path only after the handshake, which Node.js does not support under TLS 1.3 ' +
      "(RFC 8446 section 4.6.2). Give the request an httpsAgent made by createX509Agent with maxVersion: 'TLSv1.2'. "
    expect(tlsRefusal(failure, undefined)).toEqual({ message: `${advice}No certificate was presented.` })
    expect(tlsRefusal(failure, credential)?.message).toMatch(
      new RegExp(
        presented.source.replace('The certificate presented was', 'The certificate was not presented:'),
      ),
    )
    await server.close()
  })

  it('of a Node.js server, which closes the connection for proxies, are explained as a possible cause', async () => {
    const server = await certificateServer({
      authority,
      server: await authority.issueServer(),
      rejectUnauthorized: true,
    })
    const failure = await failureOf(server.url)
    expect(failure).toMatchObject({ code: 'ECONNRESET' })
    const refusal = tlsRefusal(failure, credential)
    expect(refusal?.message).toContain(
      'closed the connection without a reason (ECONNRESET). The certificate may be the cause',
    )
    expect(refusal?.message).toMatch(presented)
    await server.close()
  })

  it.each([
    [
      'a reset when no certificate was presented',
      () => Object.assign(new Error('x'), { code: 'ECONNRESET' }),
      false,
    ],
    ['another status 400', () => ({ response: { status: 400, data: { error: 'no such parameter' } } }), true],
    ['another status 403', () => ({ response: { status: 403, data: 'Forbidden' } }), true],
    [
      'such a page with status 200',
      () => ({ response: { status: 200, data: 'The SSL certificate error' } }),
      true,
    ],
    ['a failure of the network', () => Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), true],
    ['nothing', () => undefined, true],
  ])('are not seen in %s', (_, failure, withCredential) => {
    expect(tlsRefusal(failure(), withCredential ? credential : undefined)).toBeUndefined()
  })

  it('say when the certificate has expired meanwhile', () => {
    jest.spyOn(Date, 'now').mockReturnValue(secondsFromNow(9 * 3600).getTime())
    const failure = Object.assign(new Error('x'), { code: 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED' })
    expect(tlsRefusal(failure, credential)?.message).toMatch(/, which expired 2 hours ago \(\d{4}-.*Z\)\.$/)
    jest.restoreAllMocks()
  })
})

describe('when no certificate was presented', () => {
  const required = () =>
    Object.assign(new Error('failed'), { code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' })
  const page = { status: 400, data: '<center>No required SSL certificate was sent</center>' }
  const proxyExpired = {
    code: 'expired',
    source: '/tmp/x509up_u1000',
    message: '/tmp/x509up_u1000 expired 2 hours ago',
  } as const
  const missing = { code: 'absent', source: 'X509_USER_CERT', message: 'X509_USER_CERT is not set' } as const

  it('an expired proxy is named, and locations without a credential are not', () => {
    const notPresented = { reasons: [missing, proxyExpired] }
    const end =
      'it requires a certificate, and received none. No certificate was presented: /tmp/x509up_u1000 expired 2 hours ago.'
    expect(tlsRefusal(required(), undefined, notPresented)?.message).toBe(
      `The server refused the connection with the TLS alert certificate_required: ${end}`,
    )
    expect(tlsRefusal({ response: page }, undefined, notPresented)).toEqual(
      pageRefusal(page, undefined, notPresented),
    )
    expect(pageRefusal(page, undefined, notPresented)?.message).toBe(
      `The server refused the request with status 400: ${end}`,
    )
  })

  it.each([
    ['httpsAgent', 'The request has its own httpsAgent; whether it presented a certificate is not known.'],
    ['dispatcher', 'The request has its own dispatcher; whether it presented a certificate is not known.'],
    ['fetch', 'The fetch adapter made the connection; it presents no certificate of this package.'],
  ] as const)('by a connection of %s, the message does not claim that none was', (tlsOf, end) => {
    const { message } = tlsRefusal(required(), undefined, { tlsOf, reasons: [proxyExpired] })!
    expect(message).toMatch(new RegExp(`${end}$`))
    expect(message).not.toContain('No certificate')
  })

  it('a page about a certificate that was not verified does not claim that none was', () => {
    expect(pageRefusal({ status: 400, data: 'The SSL certificate error' }, undefined)).toEqual({
      message:
        'The server refused the request with status 400: it could not verify the certificate, or one of its chain.',
    })
  })

  it('other responses are not read', () => {
    expect(pageRefusal({ status: 200, data: page.data }, undefined)).toBeUndefined()
    expect(pageRefusal({ status: 400, data: { error: page.data } }, undefined)).toBeUndefined()
  })
})
