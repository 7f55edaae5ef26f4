/**
 * `npm run demo`: the main use cases against a local HTTPS server that accepts SciTokens, grid proxies and passwords.
 *
 * Every outcome is checked. The demo stops with a message and exit code 1 at the first unexpected one.
 */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import os from 'node:os'
import path from 'node:path'
import { inspect, stripVTControlCharacters, styleText } from 'node:util'
import { isAxiosError } from 'axios'
import {
  explain,
  findSciToken,
  findX509Credentials,
  IgwnAuthError,
  igwnAxios,
  removeIgwnAuth,
  type IgwnAxiosInstance,
  type Reason,
  type SciToken,
  type X509Credential,
} from 'axios-igwn-auth'
import { createFederation } from '../__tests__/support/federation'
import { secondsFromNow, type Issued } from '../__tests__/support/pki'
import { startSite, type Site } from '../__tests__/support/site'
import { mint, now } from '../__tests__/support/tokens'
import { startSServer } from './s-server'

/** A user id that does not exist, so that your own /tmp/bt_u<uid> and /tmp/x509up_u<uid> are never read. */
const UNUSED_ID = 3_999_999_999

/** A netrc file must belong to the user who reads it. */
const yourId = process.getuid?.bind(process)

/** Milliseconds to wait for a response. */
const TIMEOUT = 5000

/** Username and password for /logbook/, created for this run. */
const login = { user: 'albert.einstein', password: randomBytes(18).toString('base64url') }

const minted: string[] = []
const keys: string[] = []
let printed = ''
let checks = 0

async function demo(): Promise<void> {
  const folder = ownHome()
  const site = await startSite({ login: `${login.user}:${login.password}` })
  try {
    await show(site, folder)
  } finally {
    await site.close()
  }
}

async function show(site: Site, folder: string): Promise<void> {
  const tokenFile = path.join(folder, 'run', `bt_u${UNUSED_ID}`)
  const mint: Site['mint'] = (...args) => {
    const token = site.mint(...args)
    minted.push(token)
    return token
  }

  heading('axios-igwn-auth with a local HTTPS server')
  say(`server  ${site.origin} accepts tokens of its own issuer with its address as audience;`)
  say(`        /gracedb/ requires the scope gracedb.read, /dqsegdb/ requires dqsegdb.read,`)
  say(`        /grid/ a certificate of the server's own CA, /logbook/ a username and password`)
  say(`home    ${folder}, created for this demo: your credentials are not read`)
  say(`        XDG_RUNTIME_DIR=${folder}/run, user id ${UNUSED_ID}`)

  // The server has a private CA: pass its certificate to axios in an agent.
  const instance = igwnAxios.create({
    baseURL: site.origin,
    timeout: TIMEOUT,
    httpsAgent: new https.Agent({ ca: site.ca, keepAlive: true }),
  })
  const audience = site.origin

  step('No token exists. The request requires one, so it is not sent')
  ask('GET /gracedb/superevents/', '{ igwnAuth: { token: true } }')
  const nothing = await refusal(instance.get('/gracedb/superevents/', { igwnAuth: { token: true } }))
  searched(nothing.reasons)
  check(
    nothing.code === 'ERR_IGWN_TOKEN_NOT_FOUND' && nothing.reasons.every(({ code }) => code === 'absent'),
    `${nothing.code}, with every place that was searched`,
  )
  check(site.requests.length === 0, 'nothing reached the server')

  step('A token in a standard place. The request needs no option')
  const first = mint()
  write(tokenFile, first)
  ask('GET /gracedb/superevents/')
  selected(await findSciToken({ audience }), 'the first suitable token: for this server, and not expired')
  const allowed = await instance.get<Reply>('/gracedb/superevents/')
  answered(allowed.status, allowed.data)
  check(
    allowed.status === 200 && allowed.data.token === idOf(first),
    'allowed: the server checked the signature, the audience, the time and the scope',
  )

  step('The token lacks the scope that the server requires: the server refuses')
  ask('GET /dqsegdb/report/')
  const refused = await instance.get('/dqsegdb/report/').catch((error: unknown) => error)
  if (!isAxiosError<object>(refused) || !refused.response) throw new Error('the server did not refuse')
  const { status, data, headers } = refused.response
  answered(status, data, String(headers['www-authenticate']))
  check(
    status === 403 && String(headers['www-authenticate']).includes('insufficient_scope'),
    'the refusal is an AxiosError with the response of the server',
  )
  const arrived = site.requests.at(-1)?.headers.authorization
  const everything = [inspect(refused, { depth: null }), JSON.stringify(refused), refused.stack]
  check(
    arrived === `Bearer ${first}` && !holdsSecret(everything.join('\n')),
    'the token was sent, and does not show in the error, however it is printed',
  )
  say('')
  ask('the same', "{ igwnAuth: { token: true, tokenScope: 'dqsegdb.read' } }")
  const before = site.requests.length
  const scope = await refusal(
    instance.get('/dqsegdb/report/', { igwnAuth: { token: true, tokenScope: 'dqsegdb.read' } }),
  )
  searched(scope.reasons.filter(({ code }) => code !== 'absent'))
  check(
    codes(scope) === 'scope' && site.requests.length === before,
    'with the scope as an option, it fails before anything is sent',
  )

  step('An expired token in BEARER_TOKEN, and a token for another service in the file')
  process.env.BEARER_TOKEN = mint({}, { expiresIn: -14 * 3600 })
  write(tokenFile, mint({ aud: 'https://datafind.example.org' }))
  ask('GET /gracedb/superevents/', '{ igwnAuth: { token: true } }')
  const wrong = await refusal(instance.get('/gracedb/superevents/', { igwnAuth: { token: true } }))
  searched(wrong.reasons)
  said(wrong.message)
  check(codes(wrong) === 'expired audience', 'the error says why each of the two was skipped')
  check(site.requests.length === before, 'nothing reached the server')

  step('htgettoken replaces the token file while the program runs')
  const [old, renewed] = [mint(), mint()]
  write(tokenFile, old)
  ask('GET /gracedb/superevents/', 'twice, then the file is replaced, then once more')
  const seen: string[] = []
  for (const token of [undefined, undefined, renewed]) {
    if (token) write(tokenFile, token)
    const { status, data } = await instance.get<Reply>('/gracedb/superevents/')
    answered(status, data)
    seen.push(data.token)
  }
  selected(await findSciToken({ audience }), 'BEARER_TOKEN comes first, and is skipped: it has expired')
  check(
    seen.join() === [old, old, renewed].map(idOf).join(),
    'the next request used the renewed token; nothing was restarted',
  )

  step('Plain HTTP to another host')
  await plainHttp(mint)

  step('An object of a federation such as OSDF, verified')
  await federationObject(site)

  step('A grid proxy, for a server that requests a certificate')
  fs.rmSync(tokenFile)
  await gridProxy(site)

  step('A username and password from ~/.netrc')
  await netrcLogin(instance)

  step('The output of this demo')
  check(
    !holdsSecret(printed),
    `none of the ${minted.length} tokens and ${keys.length} private keys of this demo is in the output above, nor is the password`,
  )
  heading(`All ${checks} checks passed. ${path.basename(folder)} is removed.`)
}

/** A local plain HTTP server receives the requests: anything it gets could be read on a network. */
async function plainHttp(mint: Site['mint']): Promise<void> {
  const host = 'gracedb.example.org'
  const arrivals: (string | undefined)[] = []
  const server = http.createServer(({ headers }, response) => {
    arrivals.push(headers.authorization)
    response.end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = server.address() as { port: number }
    const url = `http://${host}:${port}/superevents/`
    process.env.BEARER_TOKEN = mint({ aud: [`http://${host}`, `http://${host}:${port}`] })
    const config = { lookup: toLoopback, timeout: TIMEOUT }

    ask(`GET ${url}`, '{ igwnAuth: { token: true } }')
    const refused = await refusal(igwnAxios.get(url, { ...config, igwnAuth: { token: true } }))
    said(refused.message)
    check(
      refused.code === 'ERR_IGWN_INSECURE_TRANSPORT' && arrivals.length === 0,
      `${refused.code}: nothing was sent, although the token is suitable`,
    )
    say('')
    ask(`GET ${url}`)
    const { status } = await igwnAxios.get<object>(url, config)
    answered(status, { authorization: arrivals[0] ?? null })
    check(
      arrivals.length === 1 && arrivals[0] === undefined,
      'if no token is required, the request is sent without one',
    )
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

/** A federation with a director, two caches and an origin. The digest of the first cache is not that of its copy. */
async function federationObject({ authority }: Site): Promise<void> {
  const { certificate: cert, key } = remembered(await authority.issueServer())
  const federation = await createFederation({ cert, key })
  const ca = inHome('ca.pem', authority.certificate)
  const instance = igwnAxios.create({ timeout: TIMEOUT })
  try {
    const token = mint({ iss: federation.issuer, aud: 'ANY', exp: now() + 600 })
    minted.push(token)
    process.env.BEARER_TOKEN = token
    process.env.SSL_CERT_FILE = ca
    const [damaged, intact] = federation.caches
    damaged.faults = { digest: 'adler32=12345678' }
    const url = federation.url('/igwn/frames/f.txt')
    const option = '{ igwnAuth: { integrity: true } }'
    ask(`GET ${url}`, option)
    const { namespace, servers = [] } = (await explain(url)).object ?? {}
    line(
      '   the director',
      ` names ${servers.length} caches for ${namespace ?? 'nothing'}, and the issuer ${federation.issuer}`,
    )
    const { status, data } = await instance.get<string>(url, {
      igwnAuth: {
        integrity: true,
        onEvent: (event) => {
          if (event.type === 'warning') line('   a warning   ', paint('yellow', event.message))
        },
      },
    })
    answered(status, { data })
    check(
      intact.seen.at(-1)?.headers.authorization === `Bearer ${token}` && data === 'a secret frame\n',
      'the body from the first cache has another digest than the server names, so the second one was asked',
    )
    check(
      federation.director.seen.every(({ headers, url }) => !headers.authorization && !url.includes('authz')),
      'the director, which repeats tokens in URLs, got none',
    )
  } finally {
    delete process.env.BEARER_TOKEN
    delete process.env.SSL_CERT_FILE
    removeIgwnAuth(instance)
    await federation.close()
  }
}

/** An RFC 3820 proxy as from grid-proxy-init, and the CA of the server in a folder as on the grid. */
async function gridProxy(site: Site): Promise<void> {
  const alice = await site.authority.issueUser('Alice Adams')
  const proxy = await site.authority.issueProxy(alice)
  const file = inHome('x509up', remembered(proxy).bundle)
  process.env.X509_USER_PROXY = file
  process.env.X509_CERT_DIR = path.dirname(inHome('certificates/ca.pem', site.ca))
  say('X509_USER_PROXY=~/x509up is a proxy of Alice Adams, X509_CERT_DIR=~/certificates has the')
  say('CA of the server. The token file is removed: there is no token from here on')
  say('')

  // Without an agent: one with the proxy and the CA is created.
  const instance = igwnAxios.create({ baseURL: site.origin, timeout: TIMEOUT })
  try {
    ask('GET /grid/whoami')
    const credential = await findX509Credentials()
    const { source, subject, certificates, expiresAt } = credential
    line('   selected    ', short(source))
    line('   subject     ', `${subject}, signed by ${certificates[1]?.subject ?? 'unknown'}`)
    line('               ', `valid until ${new Date(expiresAt * 1000).toISOString()}`)
    const { status, data } = await instance.get<{ user: string; proxies: number }>('/grid/whoami')
    answered(status, data)
    check(
      status === 200 && data.user === 'CN=Alice Adams' && data.proxies === 1,
      'allowed: the server verified each signature, name and date of the chain itself, because TLS in Node.js cannot verify proxies',
    )
    say('')
    await askSServer(site, instance, credential)
  } finally {
    removeIgwnAuth(instance)
  }

  say('')
  const expired = await site.authority.issueProxy(alice, {
    notBefore: secondsFromNow(-18 * 3600),
    notAfter: secondsFromNow(-6 * 3600),
  })
  inHome('x509up', remembered(expired).bundle)
  ask('GET /grid/whoami', '{ igwnAuth: { cert: true } }, after the proxy has expired')
  const before = site.connections()
  const refused = await refusal(
    igwnAxios.get(`${site.origin}/grid/whoami`, { timeout: TIMEOUT, igwnAuth: { cert: true } }),
  )
  searched(refused.reasons)
  check(
    refused.code === 'ERR_IGWN_CERT_NOT_FOUND' && codes(refused) === 'expired',
    `${refused.code}: the error says why the proxy was skipped`,
  )
  check(site.connections() === before, 'no connection was made')
}

/** The same proxy, verified by openssl, if it is installed. */
async function askSServer(
  { authority }: Site,
  instance: IgwnAxiosInstance,
  { subject }: X509Credential,
): Promise<void> {
  const server = remembered(await authority.issueServer())
  const running = await startSServer({
    certificate: inHome('server.pem', server.certificate),
    key: inHome('server-key.pem', server.key),
    ca: path.join(process.env.X509_CERT_DIR ?? '', 'ca.pem'),
  })
  if (!running) {
    say('No openssl that accepts proxies is installed, so only the server above verified it')
    return
  }
  try {
    const url = `https://localhost:${running.port}/`
    ask(`GET ${url}`, 'from openssl s_server -allow_proxy_certs -Verify 4')
    const { status, data } = await instance.get<string>(url)
    const verdict = /Verify return code: .*/.exec(data)?.[0]
    line('   the server  ', `${paint('green', String(status))} ${verdict ?? ''}`)
    const serial = subject.slice(subject.lastIndexOf('=') + 1)
    check(
      verdict === 'Verify return code: 0 (ok)' && new RegExp(`Subject: .*CN ?= ?${serial}$`, 'm').test(data),
      'allowed: openssl s_server verified the same chain by the rules of RFC 3820',
    )
  } finally {
    await running.close()
  }
}

/** A netrc file in the home of the demo, first private, then readable by others. */
async function netrcLogin(instance: IgwnAxiosInstance): Promise<void> {
  const file = inHome('.netrc', `machine localhost login ${login.user} password ${login.password}\n`)
  if (yourId) process.getuid = yourId
  say(`~/.netrc    machine localhost login ${login.user} password ...`)
  say(`            mode 0600, owned by you (user id ${yourId?.() ?? 'unknown'}), as required`)
  say('')
  // Your own /tmp/x509up_u<uid> is not read.
  const config = { igwnAuth: { cert: false } }
  ask('GET /logbook/today', '{ igwnAuth: { cert: false } }')
  const { status, data } = await instance.get<{ user: string }>('/logbook/today', config)
  answered(status, data)
  check(
    status === 200 && data.user === login.user,
    'allowed: there is no suitable token, so the username and password for that host were sent',
  )

  say('')
  fs.chmodSync(file, 0o644)
  if (!yourId) {
    say('This platform has no file modes, so chmod 644 has no effect')
    return
  }
  ask('the same', 'after chmod 644 ~/.netrc')
  const refused = await instance.get('/logbook/today', config).catch((error: unknown) => error)
  if (!isAxiosError<object>(refused) || !refused.response || !refused.igwnAuth)
    throw new Error('the server did not refuse', { cause: refused })
  const { response, igwnAuth } = refused
  answered(response.status, response.data, String(response.headers['www-authenticate']))
  const reasons = igwnAuth.reasons.filter(({ code }) => code !== 'absent')
  searched(reasons)
  check(
    response.status === 401 && reasons.some(({ message }) => message.endsWith(`chmod 600 ${file}`)),
    'refused: the error has the reasons, with the command that fixes it',
  )
  check(
    !holdsSecret([inspect(refused, { depth: null }), JSON.stringify(refused)].join('\n')),
    'the password does not show in the error',
  )
}

/** Writes a private file and returns its path. */
function inHome(name: string, text: string): string {
  const file = path.join(process.env.HOME ?? '', name)
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  fs.writeFileSync(file, text, { mode: 0o600 })
  return file
}

/** Remembers the key, which must not be printed. */
function remembered(issued: Issued): Issued {
  keys.push(issued.key)
  return issued
}

type Found = (error: Error | null, address: string, family: 4) => void

/** Resolves every host name to loopback. */
function toLoopback(_host: string, _options: object, found: Found): void {
  found(null, '127.0.0.1', 4)
}

/** The response of the server. `token` is the `jti` claim of the token. */
interface Reply {
  readonly user: string
  readonly token: string
  readonly scope: string
}

/** Creates an empty home and an environment without credentials. They are removed when the process exits. */
function ownHome(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'axios-igwn-auth-demo-'))
  process.on('exit', () => {
    fs.rmSync(folder, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => process.exit(128 + os.constants.signals[signal]))

  for (const name of Object.keys(process.env))
    if (HOST_VARIABLES.test(name)) Reflect.deleteProperty(process.env, name)
  for (const [name, subfolder] of Object.entries(FOLDERS)) {
    fs.mkdirSync(path.join(folder, subfolder), { mode: 0o700 })
    process.env[name] = path.join(folder, subfolder)
  }
  process.geteuid = process.getuid = () => UNUSED_ID
  return folder
}

/** Variables with credentials, network proxies or CAs of this host. */
const HOST_VARIABLES =
  /^(SCITOKEN|BEARER_TOKEN|_CONDOR|X509_|IGWN_|NETRC$|REQUESTS_CA|CURL_CA|SSL_CERT|NODE_EXTRA_CA|HTGETTOKEN|NODE_TLS_REJECT|(ALL|NO|HTTPS?)_PROXY$)/i

const FOLDERS = { HOME: 'home', XDG_RUNTIME_DIR: 'run', XDG_CACHE_HOME: 'cache', TMPDIR: 'tmp' }

/** Writes a token as htgettoken does: to a new file that then replaces the old one, so that no reader sees half of it. */
function write(file: string, token: string): void {
  const newFile = `${file}.new`
  fs.writeFileSync(newFile, `${token}\n`, { mode: 0o600 })
  fs.renameSync(newFile, file)
}

/** The IgwnAuthError that a request must end with. */
async function refusal(request: Promise<unknown>): Promise<IgwnAuthError> {
  const outcome = await request.catch((error: unknown) => error)
  if (outcome instanceof IgwnAuthError) return outcome
  throw new Error('a request that should have failed before it was sent did not', { cause: outcome })
}

function check(holds: boolean, sentence: string): void {
  if (!holds) throw new Error(`check failed: ${sentence}`)
  checks += 1
  line(`   ${paint('green', '✓')} `, sentence)
}

/** The codes of all candidates that exist, in the order of the search. */
function codes({ reasons }: IgwnAuthError): string {
  return reasons
    .map(({ code }) => code)
    .filter((code) => code !== 'absent')
    .join(' ')
}

/** Looks for the signature of each token, any line of a key, and the password in plain text and in Base64. */
function holdsSecret(text: string): boolean {
  const { user, password } = login
  const signatures = minted.map((token) => token.slice(token.lastIndexOf('.') + 1))
  const lines = keys.flatMap((key) => key.split('\n').filter((one) => one !== '' && !one.startsWith('-----')))
  const secrets = [...signatures, ...lines, password, Buffer.from(`${user}:${password}`).toString('base64')]
  return secrets.some((secret) => text.includes(secret))
}

/** The `jti` claim of a token. */
function idOf(token: string): unknown {
  const [, claims = ''] = token.split('.')
  return (JSON.parse(Buffer.from(claims, 'base64url').toString()) as { jti?: unknown }).jti
}

// Output in 100 columns.

let steps = 0

function step(title: string): void {
  steps += 1
  heading(`${steps}  ${title}`)
}

function heading(title: string): void {
  out('')
  out(paint('bold', title))
}

function ask(request: string, options = ''): void {
  line('   ', `${paint('cyan', request)} ${options}`)
}

/** Prints each place in the order of the search, with the reason why it was skipped. */
function searched(reasons: readonly Reason[]): void {
  const places = reasons.map(({ source }) => short(source))
  const width = Math.max(...places.map(({ length }) => length))
  line('   ', 'searched')
  for (const [index, { code, source, message }] of reasons.entries()) {
    const what = message.startsWith(source) ? message.slice(source.length).trim() : message
    const text = code === 'absent' ? paint('dim', short(what)) : short(what)
    line(`     ${(places[index] ?? '').padEnd(width)}  `, text)
  }
}

function selected(token: SciToken, why: string): void {
  const { source, issuer, subject, audience, scopes } = token.toJSON() as Record<string, string>
  const minutes = Math.round((token.timeLeft() ?? 0) / 60)
  line('   selected    ', short(String(source)))
  line('   claims      ', `${subject} of ${issuer} may ${scopes} at ${audience}, for ${minutes} minutes`)
  line('   why         ', why)
}

function said(message: string): void {
  line('   the error   ', paint('yellow', short(message)))
}

function answered(status: number, body: object, challenge?: string): void {
  line('   the server  ', `${paint(status < 400 ? 'green' : 'yellow', String(status))} ${spaced(body)}`)
  if (challenge) line('               ', `WWW-Authenticate: ${challenge}`)
}

/** JSON with spaces where lines can be broken. */
function spaced(body: object): string {
  return JSON.stringify(body, null, 1).replace(/\n */g, ' ')
}

function say(text: string): void {
  out(text && `   ${text}`)
}

/** Replaces the folders of the demo by their usual names. */
function short(text: string): string {
  const { XDG_RUNTIME_DIR = '/', HOME = '/' } = process.env
  return text.replaceAll(XDG_RUNTIME_DIR, '$XDG_RUNTIME_DIR').replaceAll(HOME, '~')
}

/** Prints words after a label; further lines are indented to the first word. */
function line(beginning: string, text: string): void {
  const indent = ' '.repeat(stripVTControlCharacters(beginning).length)
  let row = beginning
  let empty = true
  for (const word of text.split(' ')) {
    const longer = empty ? row + word : `${row} ${word}`
    if (empty || stripVTControlCharacters(longer).length <= 100) row = longer
    else {
      out(row)
      row = indent + word
    }
    empty = false
  }
  out(row.trimEnd())
}

function out(text: string): void {
  printed += `${text}\n`
  process.stdout.write(`${text}\n`)
}

/** Colors only on a terminal (https://no-color.org). */
function paint(format: 'bold' | 'dim' | 'green' | 'yellow' | 'cyan', text: string): string {
  return process.stdout.isTTY && !process.env.NO_COLOR ? styleText(format, text) : text
}

await demo().catch((error: unknown) => {
  const where = steps > 0 ? `step ${steps}` : 'the start'
  process.stderr.write(`\ndemo: ${where} failed: ${(error as Error).message}\n`)
  process.exitCode = 1
})
