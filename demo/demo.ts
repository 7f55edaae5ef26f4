/**
 * `npm run demo`: axios-igwn-auth at work, against a real HTTPS server on this machine that takes SciTokens, grid proxies
 * and logins.
 *
 * Every outcome is checked: anything that is not as it should be ends the demo with a sentence and exit code 1.
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
  findSciToken,
  findX509Credentials,
  IgwnAuthError,
  igwnAxios,
  removeIgwnAuth,
  type IgwnAxiosError,
  type IgwnAxiosInstance,
  type Reason,
  type SciToken,
  type X509Credential,
} from 'axios-igwn-auth'
import { secondsFromNow, type Issued } from '../__tests__/support/pki'
import { startSite, type Site } from '../__tests__/support/site'
import { startSServer } from './s-server'

/**
 * A user id that nobody has, so that the token in your own /tmp/bt_u<uid> is never looked at, nor the proxy in
 * /tmp/x509up_u<uid>.
 */
const NOBODY = 3_999_999_999

/** Yours: a netrc file must belong to who reads it. */
const yourId = process.getuid?.bind(process)

/** Milliseconds after which something is not as it should be. */
const TIMEOUT = 5000

/** The login for /logbook/, made for this run. */
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
  const tokenFile = path.join(folder, 'run', `bt_u${NOBODY}`)
  const mint: Site['mint'] = (...args) => {
    const token = site.mint(...args)
    minted.push(token)
    return token
  }

  heading('axios-igwn-auth, with a real HTTPS server on this machine')
  say(`server  ${site.origin} takes tokens of its own issuer, for its own address;`)
  say(`        /gracedb/ wants the scope gracedb.read, /dqsegdb/ wants dqsegdb.read,`)
  say(`        /grid/ a certificate of the server's own CA, /logbook/ a login`)
  say(`home    ${folder}, made for this demo: nothing of yours is looked at`)
  say(`        XDG_RUNTIME_DIR=${folder}/run, user id ${NOBODY}`)

  // As with any private CA: its certificate goes to axios in an agent.
  const instance = igwnAxios.create({
    baseURL: site.origin,
    timeout: TIMEOUT,
    httpsAgent: new https.Agent({ ca: site.ca, keepAlive: true }),
  })
  const audience = site.origin

  step('No token anywhere. The request demands one, so it does not leave')
  ask('GET /gracedb/superevents/', '{ igwnAuth: { token: true } }')
  const nothing = await refusal(instance.get('/gracedb/superevents/', { igwnAuth: { token: true } }))
  lookedAt(nothing.reasons)
  check(
    nothing.code === 'ERR_IGWN_TOKEN_NOT_FOUND' && nothing.reasons.every(({ code }) => code === 'absent'),
    `${nothing.code}, with every place that was looked at`,
  )
  check(site.requests.length === 0, 'nothing reached the server')

  step('A token where discovery looks. The request needs no option at all')
  const first = mint()
  write(tokenFile, first)
  ask('GET /gracedb/superevents/')
  chosen(
    await findSciToken({ audience }),
    'the first whose claims satisfy: for this server, and with time left',
  )
  const allowed = await instance.get<Reply>('/gracedb/superevents/')
  answered(allowed.status, allowed.data)
  check(
    allowed.status === 200 && allowed.data.token === idOf(first),
    'allowed: the server checked the signature, the audience, the time and the scope',
  )

  step('The token does not give the scope that the server wants: the server refuses')
  ask('GET /dqsegdb/report/')
  const refused = await instance.get('/dqsegdb/report/').catch((error: unknown) => error)
  if (!isAxiosError<object>(refused) || !refused.response) throw new Error('the server did not refuse')
  const { status, data, headers } = refused.response
  answered(status, data, String(headers['www-authenticate']))
  check(
    status === 403 && String(headers['www-authenticate']).includes('insufficient_scope'),
    'the refusal comes back as the AxiosError it is, with what the server said',
  )
  const arrived = site.requests.at(-1)?.headers.authorization
  const everything = [inspect(refused, { depth: null }), JSON.stringify(refused), refused.stack]
  check(
    arrived === `Bearer ${first}` && !holdsSecret(everything.join('\n')),
    'the token was sent, and is nowhere in the error, however it is printed',
  )
  say('')
  ask('the same', "{ igwnAuth: { token: true, tokenScope: 'dqsegdb.read' } }")
  const before = site.requests.length
  const scope = await refusal(
    instance.get('/dqsegdb/report/', { igwnAuth: { token: true, tokenScope: 'dqsegdb.read' } }),
  )
  lookedAt(scope.reasons.filter(({ code }) => code !== 'absent'))
  check(
    codes(scope) === 'scope' && site.requests.length === before,
    'knowing the scope, it is refused before anything is sent',
  )

  step("Yesterday's token in BEARER_TOKEN, and in the file one for another service")
  process.env.BEARER_TOKEN = mint({}, { expiresIn: -14 * 3600 })
  write(tokenFile, mint({ aud: 'https://datafind.example.org' }))
  ask('GET /gracedb/superevents/', '{ igwnAuth: { token: true } }')
  const wrong = await refusal(instance.get('/gracedb/superevents/', { igwnAuth: { token: true } }))
  lookedAt(wrong.reasons)
  said(wrong.message)
  check(codes(wrong) === 'expired audience', 'each of the two says why it will not do')
  check(site.requests.length === before, 'nothing reached the server')

  step('htgettoken renews the file by rename while the program runs')
  const [old, renewed] = [mint(), mint()]
  write(tokenFile, old)
  ask('GET /gracedb/superevents/', 'twice, then the rename, then once more')
  const seen: string[] = []
  for (const token of [undefined, undefined, renewed]) {
    if (token) write(tokenFile, token)
    const { status, data } = await instance.get<Reply>('/gracedb/superevents/')
    answered(status, data)
    seen.push(data.token)
  }
  chosen(await findSciToken({ audience }), 'BEARER_TOKEN comes before it, and is passed over: it has expired')
  check(
    seen.join() === [old, old, renewed].map(idOf).join(),
    'the very next request carried the renewed token; nothing was restarted',
  )

  step('Clear-text http to a host that is not this machine')
  await clearText(mint)

  step('A grid proxy, for a server that asks for a certificate')
  fs.rmSync(tokenFile)
  await gridProxy(site)

  step('A login in ~/.netrc, for a path that wants one')
  await netrcLogin(instance)

  step('What was printed')
  check(
    !holdsSecret(printed),
    `none of the ${minted.length} tokens and ${keys.length} private keys of this demo is in the text above, nor is the password`,
  )
  heading(`All ${checks} checks hold. ${path.basename(folder)} is removed again.`)
}

/** A plain HTTP server stands in for the host: what reaches it, anybody on the way could have read. */
async function clearText(mint: Site['mint']): Promise<void> {
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
    const config = { lookup: thisMachine, timeout: TIMEOUT }

    ask(`GET ${url}`, '{ igwnAuth: { token: true } }')
    const refused = await refusal(igwnAxios.get(url, { ...config, igwnAuth: { token: true } }))
    said(refused.message)
    check(
      refused.code === 'ERR_IGWN_INSECURE_TRANSPORT' && arrivals.length === 0,
      `${refused.code}: nothing left, though the token would have satisfied`,
    )
    say('')
    ask(`GET ${url}`)
    const { status } = await igwnAxios.get<object>(url, config)
    answered(status, { authorization: arrivals[0] ?? null })
    check(
      arrivals.length === 1 && arrivals[0] === undefined,
      'without that demand the request goes out, and no token with it',
    )
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

/** A proxy of RFC 3820, as grid-proxy-init makes it; the CA of the server as grids have theirs. */
async function gridProxy(site: Site): Promise<void> {
  const alice = await site.authority.issueUser('Alice Adams')
  const proxy = await site.authority.issueProxy(alice)
  const file = inHome('x509up', remembered(proxy).bundle)
  process.env.X509_USER_PROXY = file
  process.env.X509_CERT_DIR = path.dirname(inHome('certificates/ca.pem', site.ca))
  say('X509_USER_PROXY=~/x509up is a proxy of Alice Adams, X509_CERT_DIR=~/certificates has the')
  say("CA of the server. From here on there is no token: the token's file is removed")
  say('')

  // No agent is given: one with the proxy and the CA is made.
  const instance = igwnAxios.create({ baseURL: site.origin, timeout: TIMEOUT })
  try {
    ask('GET /grid/whoami')
    const credential = await findX509Credentials()
    const { source, subject, certificates, expiresAt } = credential
    line('   chosen      ', short(source))
    line('   it says     ', `${subject}, signed by ${certificates[1]?.subject ?? 'nobody'}`)
    line('               ', `good until ${new Date(expiresAt * 1000).toISOString()}`)
    const { status, data } = await instance.get<{ user: string; proxies: number }>('/grid/whoami')
    answered(status, data)
    check(
      status === 200 && data.user === 'CN=Alice Adams' && data.proxies === 1,
      'allowed. The site itself verified the chain, each signature, name and date of it; the TLS of Node cannot verify proxies',
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
  ask('GET /grid/whoami', '{ igwnAuth: { cert: true } }, when the proxy has expired')
  const before = site.connections()
  const refused = await refusal(
    igwnAxios.get(`${site.origin}/grid/whoami`, { timeout: TIMEOUT, igwnAuth: { cert: true } }),
  )
  lookedAt(refused.reasons)
  check(
    refused.code === 'ERR_IGWN_CERT_NOT_FOUND' && codes(refused) === 'expired',
    `${refused.code}: the proxy is passed over, and why`,
  )
  check(site.connections() === before, 'that was known before any connection')
}

/** The same proxy, verified by a server that is not ours, where the machine has one. */
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
    say('No openssl here that takes proxies, so the site itself is the only one that verified it')
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
      'allowed. openssl s_server verified the same chain, by the rules of RFC 3820',
    )
  } finally {
    await running.close()
  }
}

/** A netrc file of the demo, in the home of the demo: closed to others, and then not. */
async function netrcLogin(instance: IgwnAxiosInstance): Promise<void> {
  const file = inHome('.netrc', `machine localhost login ${login.user} password ${login.password}\n`)
  if (yourId) process.getuid = yourId
  say(`~/.netrc    machine localhost login ${login.user} password ...`)
  say(`            mode 0600, and yours (user id ${yourId?.() ?? 'unknown'}), as a netrc file must be`)
  say('')
  // The proxy in your own /tmp/x509up_u<uid> is not looked at.
  const config = { igwnAuth: { cert: false } }
  ask('GET /logbook/today', '{ igwnAuth: { cert: false } }')
  const { status, data } = await instance.get<{ user: string }>('/logbook/today', config)
  answered(status, data)
  check(
    status === 200 && data.user === login.user,
    'allowed: no token satisfies, so the login for that host went along',
  )

  say('')
  fs.chmodSync(file, 0o644)
  if (!yourId) {
    say('This platform has no file modes, so chmod 644 would change nothing')
    return
  }
  ask('the same', 'after chmod 644 ~/.netrc')
  const refused = await instance.get('/logbook/today', config).catch((error: unknown) => error)
  const { response, igwnAuth } = refused as IgwnAxiosError<object>
  if (!response || !igwnAuth) throw new Error('the server did not refuse', { cause: refused })
  answered(response.status, response.data, String(response.headers['www-authenticate']))
  const reasons = igwnAuth.reasons.filter(({ code }) => code !== 'absent')
  lookedAt(reasons)
  check(
    response.status === 401 && reasons.some(({ message }) => message.endsWith(`chmod 600 ${file}`)),
    'refused; the reasons are joined to the error, with the command that mends it',
  )
  check(
    !holdsSecret([inspect(refused, { depth: null }), JSON.stringify(refused)].join('\n')),
    'the password is nowhere in the error',
  )
}

/** Writes a file that is for its owner alone, and says where it is. */
function inHome(name: string, text: string): string {
  const file = path.join(process.env.HOME ?? '', name)
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  fs.writeFileSync(file, text, { mode: 0o600 })
  return file
}

/** Keeps in mind the key of what was issued, which must not be printed. */
function remembered(issued: Issued): Issued {
  keys.push(issued.key)
  return issued
}

type Found = (error: Error | null, address: string, family: 4) => void

/** Finds every host here. */
function thisMachine(_host: string, _options: object, found: Found): void {
  found(null, '127.0.0.1', 4)
}

/** What the server says when it lets somebody in. `token` is the id of the token, its `jti`, not the token. */
interface Reply {
  readonly user: string
  readonly token: string
  readonly scope: string
}

/** A home with nothing in it, and an environment without credentials. Gone when the process ends, however it ends. */
function ownHome(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'axios-igwn-auth-demo-'))
  process.on('exit', () => {
    fs.rmSync(folder, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => process.exit(128 + os.constants.signals[signal]))

  for (const name of Object.keys(process.env))
    if (FROM_OUTSIDE.test(name)) Reflect.deleteProperty(process.env, name)
  for (const [name, room] of Object.entries(ROOMS)) {
    fs.mkdirSync(path.join(folder, room), { mode: 0o700 })
    process.env[name] = path.join(folder, room)
  }
  process.geteuid = process.getuid = () => NOBODY
  return folder
}

/** What would have the demo look at credentials, proxies or trust of the machine it runs on. */
const FROM_OUTSIDE =
  /^(SCITOKEN|BEARER_TOKEN|_CONDOR|X509_|IGWN_|NETRC$|REQUESTS_CA|CURL_CA|SSL_CERT|NODE_EXTRA_CA|HTGETTOKEN|NODE_TLS_REJECT|(ALL|NO|HTTPS?)_PROXY$)/i

const ROOMS = { HOME: 'home', XDG_RUNTIME_DIR: 'run', XDG_CACHE_HOME: 'cache', TMPDIR: 'tmp' }

/** As htgettoken writes a token: beside the file, then renamed over it, so that no reader ever meets half of one. */
function write(file: string, token: string): void {
  const beside = `${file}.new`
  fs.writeFileSync(beside, `${token}\n`, { mode: 0o600 })
  fs.renameSync(beside, file)
}

/** The error of ours that a request must end with. */
async function refusal(request: Promise<unknown>): Promise<IgwnAuthError> {
  const outcome = await request.catch((error: unknown) => error)
  if (outcome instanceof IgwnAuthError) return outcome
  throw new Error('a request that should have been refused before it left was not', { cause: outcome })
}

function check(holds: boolean, sentence: string): void {
  if (!holds) throw new Error(`this does not hold: ${sentence}`)
  checks += 1
  line(`   ${paint('green', '✓')} `, sentence)
}

/** The codes of all candidates that were there, in the order in which they were looked at. */
function codes({ reasons }: IgwnAuthError): string {
  return reasons
    .map(({ code }) => code)
    .filter((code) => code !== 'absent')
    .join(' ')
}

/**
 * Finds whole tokens, and the signature alone: claims without one let nobody in. Finds any line of a key, and the password
 * as it is and as it is sent.
 */
function holdsSecret(text: string): boolean {
  const { user, password } = login
  const signatures = minted.map((token) => token.slice(token.lastIndexOf('.') + 1))
  const lines = keys.flatMap((key) => key.split('\n').filter((one) => one !== '' && !one.startsWith('-----')))
  const secrets = [...signatures, ...lines, password, Buffer.from(`${user}:${password}`).toString('base64')]
  return secrets.some((secret) => text.includes(secret))
}

/** The id of a token: its `jti`. */
function idOf(token: string): unknown {
  const [, claims = ''] = token.split('.')
  return (JSON.parse(Buffer.from(claims, 'base64url').toString()) as { jti?: unknown }).jti
}

// What is printed, in 100 columns.

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

/** Each place, in the order of discovery, with what was wrong there. */
function lookedAt(reasons: readonly Reason[]): void {
  const places = reasons.map(({ source }) => short(source))
  const width = Math.max(...places.map(({ length }) => length))
  line('   ', 'looked at')
  for (const [index, { code, source, message }] of reasons.entries()) {
    const what = message.startsWith(source) ? message.slice(source.length).trim() : message
    const text = code === 'absent' ? paint('dim', short(what)) : short(what)
    line(`     ${(places[index] ?? '').padEnd(width)}  `, text)
  }
}

function chosen(token: SciToken, why: string): void {
  const { source, issuer, subject, audience, scopes } = token.toJSON() as Record<string, string>
  const minutes = Math.round((token.timeLeft() ?? 0) / 60)
  line('   chosen      ', short(String(source)))
  line('   it says     ', `${subject} of ${issuer} may ${scopes} at ${audience}, for ${minutes} minutes`)
  line('   why         ', why)
}

function said(message: string): void {
  line('   the error   ', paint('yellow', short(message)))
}

function answered(status: number, body: object, challenge?: string): void {
  line('   the server  ', `${paint(status < 400 ? 'green' : 'yellow', String(status))} ${spaced(body)}`)
  if (challenge) line('               ', `WWW-Authenticate: ${challenge}`)
}

/** JSON that can be broken into lines between its members. */
function spaced(body: object): string {
  return JSON.stringify(body, null, 1).replace(/\n */g, ' ')
}

function say(text: string): void {
  out(text && `   ${text}`)
}

/** The folders of the demo by the names that people know them under. */
function short(text: string): string {
  const { XDG_RUNTIME_DIR = '/', HOME = '/' } = process.env
  return text.replaceAll(XDG_RUNTIME_DIR, '$XDG_RUNTIME_DIR').replaceAll(HOME, '~')
}

/** Words behind a beginning, the lines that follow as far in as the first. */
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

/** Colour for people only (https://no-color.org). */
function paint(format: 'bold' | 'dim' | 'green' | 'yellow' | 'cyan', text: string): string {
  return process.stdout.isTTY && !process.env.NO_COLOR ? styleText(format, text) : text
}

await demo().catch((error: unknown) => {
  const where = steps > 0 ? `step ${steps}` : 'the start'
  process.stderr.write(`\ndemo: ${where} is not as it should be: ${(error as Error).message}\n`)
  process.exitCode = 1
})
