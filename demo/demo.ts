/**
 * `npm run demo`: axios-igwn-auth at work, against a real HTTPS server on this machine that takes SciTokens only.
 *
 * Every outcome is checked: anything that is not as it should be ends the demo with a sentence and exit code 1.
 */
import fs from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import os from 'node:os'
import path from 'node:path'
import { inspect, stripVTControlCharacters, styleText } from 'node:util'
import { isAxiosError } from 'axios'
import { findSciToken, IgwnAuthError, igwnAxios, type Reason, type SciToken } from 'axios-igwn-auth'
import { startSite, type Site } from '../__tests__/support/site'

/** A user id that nobody has, so that the token in your own /tmp/bt_u<uid> is never looked at, nor in any other place. */
const NOBODY = 3_999_999_999

/** Milliseconds after which something is not as it should be. */
const TIMEOUT = 5000

const minted: string[] = []
let printed = ''
let checks = 0

async function demo(): Promise<void> {
  const folder = ownHome()
  const site = await startSite()
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
  say(`        /gracedb/ wants the scope gracedb.read, /dqsegdb/ wants dqsegdb.read`)
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
    arrived === `Bearer ${first}` && !holdsToken(everything.join('\n')),
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

  step('What was printed')
  check(!holdsToken(printed), `none of the ${minted.length} tokens of this demo is in the text above`)
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
      refused.code === 'ERR_IGWN_CLEAR_TEXT' && arrivals.length === 0,
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
  /^(SCITOKEN|BEARER_TOKEN|_CONDOR|X509_|IGWN_|NETRC$|REQUESTS_CA|CURL_CA|SSL_CERT|HTGETTOKEN|NODE_TLS_REJECT|(ALL|NO|HTTPS?)_PROXY$)/i

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

/** Finds whole tokens, and the signature alone: claims without one let nobody in. */
function holdsToken(text: string): boolean {
  return minted.some(
    (token) => text.includes(token) || text.includes(token.slice(token.lastIndexOf('.') + 1)),
  )
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

/** The folder of the demo by the name that people know it under. */
function short(text: string): string {
  return text.replaceAll(process.env.XDG_RUNTIME_DIR ?? '/', '$XDG_RUNTIME_DIR')
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
