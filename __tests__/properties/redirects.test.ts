import fs from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import path from 'node:path'
import { TLSSocket } from 'node:tls'
import axios, { type AxiosInstance } from 'axios'
import fc from 'fast-check'
import { applyIgwnAuth, removeIgwnAuth, type IgwnAuthOptions } from '../support/all'
import { listen } from '../support/listen'
import { createAuthority, type Issued } from '../support/pki'
import { runs, SEEDED } from '../support/properties'
import { mint, putCondorCreds } from '../support/tokens'

/** One request as a server saw it. */
interface Arrival {
  readonly origin: number
  readonly authorization: string | undefined
  readonly hasCertificate: boolean
  readonly hop: number
}

/** A chain of redirects through the four origins. */
interface Chain {
  readonly hops: readonly number[]
  readonly statuses: readonly number[]
  /** The redirect after which the server sends one 401. */
  readonly challengeAt: number | null
  readonly trusted: readonly number[]
  readonly mode: 'discovered' | 'given' | 'source' | 'netrc'
  readonly withCertificate: boolean
  readonly method: 'get' | 'post'
}

const GIVEN = 'given-to-the-first'
const LONGEST = 6

const chains: fc.Arbitrary<Chain> = fc.record({
  hops: fc.array(fc.nat(3), { minLength: 1, maxLength: LONGEST }),
  statuses: fc.array(fc.constantFrom(301, 302, 303, 307, 308), { minLength: LONGEST, maxLength: LONGEST }),
  challengeAt: fc.option(fc.nat(LONGEST - 1), { freq: 2 }),
  trusted: fc.subarray([0, 1, 2, 3]),
  mode: fc.constantFrom<Chain['mode'][]>('discovered', 'given', 'source', 'netrc'),
  withCertificate: fc.boolean(),
  method: fc.constantFrom<Chain['method'][]>('get', 'post'),
})

/** Two http and two https origins on two host names: all pairs differ in scheme, host or port. */
const SCHEMES = ['http', 'http', 'https', 'https'] as const
const HOSTS = ['127.0.0.1', 'localhost', '127.0.0.1', 'localhost']

const origins: string[] = []
/** Two for each origin: the second is sent after the 401. */
let tokens: [string, string][] = []
let arrivals: Arrival[] = []
let current: Chain
let challenged = false
let certificate: [string, string]

beforeAll(async () => {
  const authority = await createAuthority()
  const of = await authority.issueServer()
  const alice: Issued = await authority.issueUser()
  const tls = { cert: of.certificate, key: of.key, requestCert: true, rejectUnauthorized: false }
  for (const [index, scheme] of SCHEMES.entries()) {
    const answer: http.RequestListener = (request, response) => {
      handle(index, request, response)
    }
    const server = scheme === 'https' ? https.createServer(tls, answer) : http.createServer(answer)
    const { port } = await listen(server, { host: HOSTS[index]! })
    origins.push(`${scheme}://${HOSTS[index]}:${port}`)
  }
  const write = (name: string, text: string) => {
    const file = path.join(process.env.HOME!, name)
    fs.writeFileSync(file, text, { mode: 0o600 })
    return file
  }
  certificate = [write('cert.pem', alice.certificate), write('key.pem', alice.key)]
  process.env.REQUESTS_CA_BUNDLE = write('ca.pem', authority.certificate)
  tokens = origins.map((aud) => [mint({ aud, jti: '1' }), mint({ aud, jti: '2' })])
  putCondorCreds(
    Object.fromEntries(
      tokens.flatMap((pair, origin) => pair.map((token, at) => [`${at}-${origin}.use`, token])),
    ),
  )
  write(
    '.netrc',
    [...new Set(HOSTS)].map((host) => `machine ${host} login ${host} password sesame\n`).join(''),
  )
})

afterAll(() => {
  delete process.env.REQUESTS_CA_BUNDLE
  delete process.env._CONDOR_CREDS
})

/** The path is the number of the hop. The response is a 401, the redirect to the next hop, or the end. */
function handle(origin: number, request: http.IncomingMessage, response: http.ServerResponse): void {
  request.resume()
  const hop = Number(request.url?.slice(1))
  const { authorization } = request.headers
  const { socket } = request
  const hasCertificate = socket instanceof TLSSocket && Object.keys(socket.getPeerCertificate()).length > 0
  arrivals.push({ origin, authorization, hasCertificate, hop })
  if (hop === current.challengeAt && !challenged) {
    challenged = true
    response.writeHead(401, { 'WWW-Authenticate': 'Bearer error="invalid_token"' }).end()
    return
  }
  const next = current.hops[hop + 1]
  if (next === undefined) response.end('{}')
  else response.writeHead(current.statuses[hop]!, { location: `${origins[next]}/${hop + 1}` }).end()
}

const basic = (origin: number) => `Basic ${Buffer.from(`${HOSTS[origin]}:sesame`).toString('base64')}`
const isDowngrade = (from: number, to: number) => SCHEMES[from] === 'https' && SCHEMES[to] === 'http'

/** What has to arrive at each origin. */
function expectedOf({ hops, challengeAt, trusted, mode, withCertificate }: Chain): Arrival[] {
  const all: Arrival[] = []
  let before: number | undefined
  let header: string | undefined
  let isOther = false
  let isBare = false
  for (const [hop, origin] of hops.entries()) {
    if (before !== origin) {
      const isDown = before !== undefined && isDowngrade(before, origin)
      const isShared = before !== undefined && !isDown && trusted.includes(before) && trusted.includes(origin)
      isBare ||= isDown
      isOther ||= before !== undefined && !isShared
      const carried = isShared ? header : undefined
      header = isBare ? undefined : (carried ?? foundFor(origin, mode, isOther))
    }
    before = origin
    const hasCertificate = withCertificate && !isOther && SCHEMES[origin] === 'https'
    all.push({ origin, authorization: header, hasCertificate, hop })
    if (hop !== challengeAt) continue
    const second = isBare || mode !== 'discovered' ? undefined : otherToken(origin, header)
    if (second === undefined) return all
    header = second
    all.push({ origin, authorization: header, hasCertificate, hop })
  }
  return all
}

function foundFor(origin: number, mode: Chain['mode'], isOther: boolean): string | undefined {
  if (mode === 'discovered') return `Bearer ${tokens[origin]![0]}`
  if (mode === 'netrc') return basic(origin)
  // A given token is not carried, and options that name one have no fallback to netrc.
  return isOther ? undefined : `Bearer ${GIVEN}`
}

function otherToken(origin: number, refused: string | undefined): string | undefined {
  return tokens[origin]!.map((token) => `Bearer ${token}`).find((header) => header !== refused)
}

const OPTIONS: Record<Chain['mode'], IgwnAuthOptions> = {
  discovered: {},
  given: { token: GIVEN },
  source: { token: { getToken: () => GIVEN } },
  netrc: { token: false },
}

async function travel(chosen: Chain): Promise<Arrival[]> {
  current = chosen
  arrivals = []
  challenged = false
  const { hops, trusted, mode, withCertificate, method } = chosen
  const instance: AxiosInstance = applyIgwnAuth(axios.create({ proxy: false, validateStatus: null }), {
    ...OPTIONS[mode],
    cert: withCertificate ? certificate : false,
    trustedOrigins: trusted.map((index) => origins[index]!),
  })
  try {
    await instance.request({
      method,
      url: `${origins[hops[0]!]}/0`,
      ...(method === 'post' && { data: 'body' }),
    })
    return arrivals
  } finally {
    removeIgwnAuth(instance)
  }
}

it(`any chain of redirects through four origins: each gets its own credentials and nothing else ${SEEDED}`, async () => {
  await fc.assert(
    fc.asyncProperty(chains, async (chosen) => {
      expect(await travel(chosen)).toEqual(expectedOf(chosen))
    }),
    runs(80),
  )
})

it(`no credential of one origin is sent to another without trustedOrigins ${SEEDED}`, async () => {
  await fc.assert(
    fc.asyncProperty(chains, async (chosen) => {
      const seen = await travel(chosen)
      for (const [index, { origin, authorization }] of seen.entries()) {
        const owner = tokens.findIndex((pair) => pair.some((token) => authorization === `Bearer ${token}`))
        const isOwn = authorization === undefined || authorization === basic(origin) || owner === origin
        if (isOwn) continue
        const before = seen.slice(0, index).map((one) => one.origin)
        // A credential of another origin: all origins since then have to be in trustedOrigins.
        const from = authorization === `Bearer ${GIVEN}` ? 0 : before.lastIndexOf(owner)
        const passed = [...new Set(seen.slice(from, index + 1).map((one) => one.origin))]
        if (passed.length > 1) expect(chosen.trusted).toEqual(expect.arrayContaining(passed))
      }
    }),
    runs(30),
  )
})
