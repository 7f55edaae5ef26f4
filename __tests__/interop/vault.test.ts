/**
 * Logins at a stand-in for Vault that checks them: tickets of a KDC of MIT Kerberos with the package kerberos of npm, and
 * signatures of a real ssh-agent.
 */
import { execFileSync } from 'node:child_process'
import { createPublicKey, randomUUID, verify, type KeyObject } from 'node:crypto'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import {
  logIn,
  vaultToken,
  type IgwnAuthError,
  type KerberosModule,
  type LogInOptions,
} from '../../lib/vault'
import { serve, type Answer, type Seen, type TestServer } from '../support/server'
import { emptyPlaces, mint, put, room } from '../support/tokens'
import { startDaemon } from './support/daemon'
import { startKdc, type Kdc } from './support/kdc'
import { newFolder, RUN_FOLDER } from './support/room'

interface WithServer extends KerberosModule {
  initializeServer(service: string): Promise<{
    readonly username: string
    readonly contextComplete: boolean
    step(token: string): Promise<string>
  }>
}

let kerberos: WithServer
let kdc: Kdc
let vault: TestServer | undefined
const nonces = new Set<string>()
/** Keys that may log in as albert: what is in `authorized_keys`, without the comment. */
const registered = new Set<string>()

/** That of the process: the one of a test is a copy, which native code and other programs do not see. */
const realProcess = (verify.constructor as (code: string) => () => NodeJS.Process)('return process')()
const environments = [process.env, realProcess.env]
const before = { ...process.env }

function setVariables(values: Readonly<Record<string, string | undefined>>): void {
  for (const env of environments)
    for (const [name, value] of Object.entries(values))
      if (value === undefined) delete env[name]
      else env[name] = value
}

beforeAll(async () => {
  kerberos = createRequire(path.join(RUN_FOLDER, 'kerberos/index.js'))('kerberos') as WithServer
  kdc = await startKdc(['albert', 'berta', 'robot/localhost', 'host/localhost'])
  vault = await serve(respond)
})
afterAll(() => vault?.close())

beforeEach(() => {
  emptyPlaces()
  setVariables({ ...kdc.env, KRB5_KTNAME: `FILE:${kdc.keytab('host/localhost')}` })
})
afterEach(() => {
  const names = [...Object.keys(kdc.env), 'KRB5_KTNAME', 'KRB5_CLIENT_KTNAME', 'SSH_AUTH_SOCK']
  setVariables(Object.fromEntries(names.map((name) => [name, before[name]])))
})

const refused = (status: number, text: string): Answer => ({
  status,
  body: JSON.stringify({ errors: [text] }),
})
const loggedIn = (alias: string): Answer => ({
  body: JSON.stringify({
    auth: { client_token: `hvs.${alias}`, policies: [], lease_duration: 3600, metadata: { user: alias } },
  }),
})

/** As the plugins of Vault respond. */
async function respond({ url, headers, body }: Seen): Promise<Answer> {
  const { pathname } = new URL(url, 'http://v')
  switch (pathname.split('/').slice(2, 4).join('/')) {
    case 'auth/kerberos-default_default':
      return acceptTicket(headers.authorization)
    case 'auth/ssh':
      return pathname.endsWith('/nonce') ? giveNonce() : acceptSignature(JSON.parse(body) as SshLogin)
    default: {
      const alias = String(headers['x-vault-token']).replace('hvs.', '')
      if (!pathname.includes(`/${alias}:`)) return refused(403, 'permission denied')
      return { body: JSON.stringify({ data: { access_token: mint({ sub: alias }) } }) }
    }
  }
}

async function acceptTicket(authorization = ''): Promise<Answer> {
  try {
    const context = await kerberos.initializeServer('host@localhost')
    await context.step(authorization.replace(/^Negotiate /, ''))
    if (context.contextComplete) return loggedIn(context.username.replace(/@.*/, ''))
  } catch {
    // Refused below.
  }
  return { status: 401, body: JSON.stringify({ warnings: ['Unauthorised.\n\n'] }) }
}

interface SshLogin {
  readonly role: string
  readonly public_key: string
  readonly signature: string
  readonly nonce: string
}

function giveNonce(): Answer {
  const nonce = randomUUID()
  nonces.add(nonce)
  return { body: JSON.stringify({ data: { nonce } }) }
}

function acceptSignature({ role, public_key, signature, nonce }: SshLogin): Answer {
  const data = Buffer.from(nonce, 'base64')
  if (!nonces.delete(data.toString())) return refused(400, 'nonce time expired or invalid')
  const [type = '', blob = ''] = public_key.split(' ')
  if (!registered.has(`${type} ${blob}`)) return refused(403, 'permission denied')
  const { key, hash, raw } = keyOf(type, Buffer.from(blob, 'base64'), Buffer.from(signature, 'base64'))
  const isValid = verify(hash, data, { key, dsaEncoding: 'ieee-p1363' }, raw)
  return isValid ? loggedIn(role) : refused(500, 'signature verification failed')
}

/** Strings of SSH (RFC 4251 section 5). */
function stringsIn(data: Buffer): Buffer[] {
  if (data.length === 0) return []
  const end = 4 + data.readUInt32BE()
  return [data.subarray(4, end), ...stringsIn(data.subarray(end))]
}

function keyOf(
  type: string,
  blob: Buffer,
  signature: Buffer,
): { readonly key: KeyObject; readonly hash: string | null; readonly raw: Buffer } {
  const [, ...parts] = stringsIn(blob)
  const text = (bytes: Buffer) => bytes.toString('base64url')
  const jwk = (members: object) => createPublicKey({ key: members as never, format: 'jwk' })
  if (type === 'ssh-ed25519')
    return { key: jwk({ kty: 'OKP', crv: 'Ed25519', x: text(parts[0]!) }), hash: null, raw: signature }
  if (type === 'ssh-rsa')
    return { key: jwk({ kty: 'RSA', e: text(parts[0]!), n: text(parts[1]!) }), hash: 'sha1', raw: signature }
  const point = parts[1]!
  const key = jwk({ kty: 'EC', crv: 'P-256', x: text(point.subarray(1, 33)), y: text(point.subarray(33)) })
  const numbers = stringsIn(signature).map((one) => Buffer.concat([Buffer.alloc(32), one]).subarray(-32))
  return { key, hash: 'sha256', raw: Buffer.concat(numbers) }
}

const options = (more: LogInOptions): LogInOptions => ({
  vaultserver: `http://localhost:${vault?.port}`,
  vaulttokenfile: room('vt'),
  ...more,
})

describe('Kerberos', () => {
  const withTicket = (more: LogInOptions = {}) =>
    options({ credkey: 'albert', nossh: true, kerberos, ...more })

  it('logs in with a ticket, again for each login, and the Vault token is then enough', async () => {
    kdc.kinit('albert')
    const { by, bearerToken } = await logIn(withTicket())
    expect(by).toBe('kerberos')
    expect(fs.readFileSync(room('vt'), 'utf8')).toBe('hvs.albert\n')
    const all = await Promise.all(
      Array.from({ length: 3 }, (_, at) => logIn(withTicket({ vaulttokenfile: room(`vt${at}`) }))),
    )
    expect(all.map((one) => one.by)).toEqual(['kerberos', 'kerberos', 'kerberos'])
    kdc.kdestroy()
    expect((await logIn(withTicket())).by).toBe('vault token')
    expect(bearerToken).toBeDefined()
    expect(process.env.KRB5_CONFIG).toBe(kdc.env.KRB5_CONFIG)
  })

  it('logs in with a keytab, without kinit', async () => {
    setVariables({
      KRB5_CLIENT_KTNAME: `FILE:${kdc.keytab('robot/localhost')}`,
      KRB5CCNAME: 'MEMORY:robot',
    })
    expect((await logIn(withTicket({ credkey: 'robot/localhost' }))).by).toBe('kerberos')
  })

  it('as another user is accepted and gives no token', async () => {
    kdc.kinit('berta')
    await expect(logIn(withTicket())).rejects.toMatchObject({
      code: 'ERR_IGWN_TOKEN_NOT_FOUND',
      message: expect.stringContaining(
        'Kerberos as berta was accepted, but its policies do not allow tokens of albert',
      ) as string,
    })
    expect(fs.existsSync(room('vt'))).toBe(false)
  })

  it('without a ticket, with an expired one and for an unknown service is skipped with the reason', async () => {
    const reasonsOf = (more: LogInOptions = {}) =>
      logIn(withTicket(more)).catch((error: unknown) =>
        (error as IgwnAuthError).reasons.map(({ code }) => code),
      )
    kdc.kdestroy()
    expect(await reasonsOf()).toEqual(['absent', 'absent', 'disabled'])
    kdc.kinit('albert')
    expect(await reasonsOf({ vaultalias: 'vault.elsewhere.example' })).toEqual([
      'absent',
      'failed',
      'disabled',
    ])
    kdc.kdestroy()
    kdc.kinit('albert', 1)
    await new Promise((resolve) => setTimeout(resolve, 2500))
    expect(await reasonsOf()).toEqual(['absent', 'expired', 'disabled'])
  })
})

describe('ssh-agent', () => {
  let folder: string
  const withAgent = () =>
    options({ credkey: 'albert', nokerberos: true, vaulttokenfile: put(room('vt'), 'hvs.expired') })

  beforeAll(async () => {
    folder = newFolder('ssh')
    const socket = path.join(folder, 's')
    await startDaemon({ command: ['ssh-agent', '-D', '-a', socket], folder, port: socket })
    for (const type of ['ed25519', 'ecdsa', 'rsa'])
      execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-f', path.join(folder, type)])
  })
  beforeEach(() => {
    setVariables({ SSH_AUTH_SOCK: path.join(folder, 's') })
    registered.clear()
  })
  afterEach(() => {
    execFileSync('ssh-add', ['-q', '-D'], { stdio: 'pipe' })
  })

  const add = (type: string) => execFileSync('ssh-add', ['-q', path.join(folder, type)], { stdio: 'pipe' })
  const register = (type: string) =>
    registered.add(
      fs
        .readFileSync(path.join(folder, `${type}.pub`), 'utf8')
        .split(' ')
        .slice(0, 2)
        .join(' '),
    )

  it.each(['ed25519', 'ecdsa', 'rsa'])(
    'logs in with a key of type %s, also if it is not the first',
    async (type) => {
      for (const one of ['ed25519', 'ecdsa', 'rsa']) if (one !== type) add(one)
      add(type)
      register(type)
      expect((await logIn(withAgent())).by).toBe('ssh agent')
      const source = vaultToken(withAgent())
      expect(await source.getToken({})).toBeDefined()
    },
  )

  it('with keys that are not registered has a reason for each', async () => {
    add('ed25519')
    add('rsa')
    await expect(logIn(withAgent())).rejects.toMatchObject({
      code: 'ERR_IGWN_TOKEN_NOT_FOUND',
      reasons: [{ code: 'refused' }, { code: 'refused' }, { code: 'refused' }, { code: 'disabled' }],
    })
  })
})
