/** The agent of Debian, with an issuer on loopback. */
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { chain, discoveredTokens, explain, igwnAxios, oidcAgent } from '../../lib/index'
import { createAuthority } from '../support/pki'
import { challenge, serverGroup, type TestServer } from '../support/server'
import { emptyPlaces, mint, now } from '../support/tokens'
import { startDaemon, type Daemon } from './support/daemon'
import { newFolder, write } from './support/room'

const run = promisify(execFile)
const servers = serverGroup()
let issuer: TestServer
let socket: string
let folder: string
let daemon: Daemon

/** Runs a command of oidc-agent, which writes the accounts into the home folder. */
const agentCommand = (program: string, ...args: string[]) =>
  run(program, args, { env: { PATH: process.env.PATH, HOME: folder, OIDC_SOCK: socket }, timeout: 30_000 })

beforeAll(async () => {
  const authority = await createAuthority('Interop CA')
  const { certificate: cert, key } = await authority.issueServer()
  const reply = ({ url, body }: { url: string; body: string }) => {
    const { origin } = issuer
    if (url.includes('.well-known'))
      return JSON.stringify({
        issuer: `${origin}/`,
        token_endpoint: `${origin}/token`,
        authorization_endpoint: `${origin}/authorize`,
        scopes_supported: ['openid', 'offline_access', 'gracedb.read'],
        response_types_supported: ['code'],
        grant_types_supported: ['authorization_code', 'refresh_token'],
      })
    const asked = new URLSearchParams(body)
    const claims = { scope: asked.get('scope') ?? '', aud: asked.get('audience') ?? 'ANY', exp: now() + 900 }
    return JSON.stringify({ access_token: mint(claims), token_type: 'Bearer', expires_in: 900 })
  }
  issuer = await servers.serve(
    (seen) =>
      seen.body.includes('forbidden')
        ? { status: 400, body: '{"error":"invalid_scope","error_description":"not for you"}' }
        : { body: reply(seen) },
    { tls: { cert, key } },
  )
  folder = newFolder('oidc-agent')
  write(path.join(folder, '.config', 'oidc-agent', 'issuer.config'), '')
  const ca = write(path.join(folder, 'ca.pem'), authority.certificate)
  socket = path.join(folder, 's')
  daemon = await startDaemon({ command: ['oidc-agent', '--console', '-a', socket], folder, port: socket })
  const account = ['--iss', `${issuer.origin}/`, '--client-id', 'c', '--client-secret', 's', '--cp', ca]
  const login = ['--scope', 'openid offline_access', '--redirect-uri', 'http://localhost:4242', '--rt', 'RT']
  const quiet = ['--prompt=none', '--confirm-default', '--pw-cmd', 'echo pw', 'igwn']
  await agentCommand('oidc-gen', '--manual', ...account, ...login, ...quiet)
}, 60_000)
beforeEach(() => {
  emptyPlaces()
  process.env.OIDC_SOCK = socket
})
afterAll(async () => {
  delete process.env.OIDC_SOCK
  await servers.close()
})

it('gives a token with the scope and audience of the request, for an account and for an issuer', async () => {
  const server = await servers.serve(() => ({}))
  for (const source of [oidcAgent({ account: 'igwn' }), oidcAgent({ issuer: issuer.origin })]) {
    const { status } = await igwnAxios.get(server.origin, {
      igwnAuth: { token: source, tokenScope: 'gracedb.read' },
    })
    expect(status).toBe(200)
  }
  const claims = server.authorizations.map(
    (one) => JSON.parse(Buffer.from(one!.split('.')[1]!, 'base64url').toString()) as object,
  )
  const expected = { scope: 'gracedb.read', aud: server.origin.replace(/:\d+$/, '') }
  expect(claims).toMatchObject([expected, expected])
})

it('gives another token when a server refuses the first, once', async () => {
  const server = await servers.serve((_, index) => (index === 0 ? challenge('error="invalid_token"') : {}))
  await igwnAxios.get(server.origin, { igwnAuth: { token: oidcAgent({ account: 'igwn', audience: false }) } })
  expect(new Set(server.authorizations).size).toBe(2)
})

it('says what the issuer says, and which command loads an account', async () => {
  await expect(oidcAgent({ account: 'igwn' }).getToken({ scope: 'forbidden' })).rejects.toMatchObject({
    code: 'ERR_IGWN_SOURCE_FAILED',
    message: expect.stringContaining(
      'refused a token of the account igwn: invalid_scope: not for you',
    ) as string,
  })
  await expect(oidcAgent({ account: 'wlcg' }).getToken({})).rejects.toMatchObject({
    code: 'ERR_IGWN_TOKEN_NOT_FOUND',
    message: expect.stringContaining('has no account wlcg. Run `oidc-gen wlcg`.') as string,
  })
})

it('is explained with its accounts', async () => {
  const explained = async (account: string) => {
    const { findings, fixes } = await explain('https://x.example.org/', {
      token: chain(discoveredTokens(), oidcAgent({ account })),
      cert: false,
    })
    return [findings.find(({ source }) => source.startsWith('oidc-agent'))?.message, fixes] as const
  }
  expect((await explained('igwn'))[0]).toMatch(/when a request is sent; loaded: igwn$/)
  const [message, fixes] = await explained('other')
  expect(message).toMatch(/has not loaded the account other; loaded: igwn$/)
  expect(fixes).toContain('oidc-add other')
})

it('says that the agent has ended', async () => {
  await daemon.stop()
  await expect(oidcAgent({ account: 'igwn' }).getToken({})).rejects.toMatchObject({
    code: 'ERR_IGWN_TOKEN_NOT_FOUND',
    message: expect.stringMatching(/(does not run|cannot be reached \(ECONNREFUSED\))\. Run `eval/) as string,
  })
})
