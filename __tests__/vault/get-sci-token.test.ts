import fs from 'node:fs'
import path from 'node:path'
import axios from 'axios'
import { findSciToken, getSciToken, applyIgwnAuth, autoRenew, SciToken } from '../support/all'
import { processEnvironment } from '../../lib/environment'
import { defaultOutFile } from '../../lib/vault/files'
import { expectNoSecret } from '../support/expect-no-secret'
import { serve, type Seen } from '../support/server'
import {
  emptyPlaces,
  mint,
  now,
  ours,
  put,
  room,
  runtimeFile,
  signatureOf,
  temporaryFile,
} from '../support/tokens'

jest.mock('node:timers/promises', () => jest.requireActual<object>('../support/short-pauses'))

/** With a stand-in for htgettoken, and a Vault server. */
const STAND_IN = path.join(__dirname, '../support/htgettoken.cjs')
const command = [process.execPath, STAND_IN] as const
const VAULT_TOKEN = 'hvs.vault-token-0123456789'

let vaulttokenfile: string
beforeEach(() => {
  emptyPlaces()
  vaulttokenfile = put(room('vt'), VAULT_TOKEN)
})

/** A Vault server that returns a bearer token for the Vault token. */
async function vault(token: () => string = () => mint()) {
  const { origin: vaultserver, seen } = await serve(({ headers }) =>
    headers['x-vault-token'] === VAULT_TOKEN
      ? { body: JSON.stringify({ data: { access_token: token() } }) }
      : { status: 403, body: '{"errors":["permission denied"]}' },
  )
  return { options: { command, vaultserver, vaulttokenfile, nokerberos: true, nossh: true }, seen }
}

/** A command that writes its arguments to a file, a line each. */
function recorder(): { command: readonly [string, ...string[]]; passed: () => string[] } {
  const report = room('arguments')
  const script = `
    printf '%s\\n' "$@" >'${report}'
    while [ "$1" != --outfile ]; do shift; done
    printf %s '${mint()}' >"$2"`
  return {
    command: ['/bin/sh', '-c', script, '--'],
    passed: () => fs.readFileSync(report, 'utf8').split('\n').slice(0, -1),
  }
}

const queries = (seen: Seen[]) => seen.map(({ url }) => url)

it('gets a token, puts it where discovery finds it, and returns it', async () => {
  const { options, seen } = await vault()
  const token = await getSciToken({ ...options, issuer: 'igwn' })
  expect(token).toBeInstanceOf(SciToken)
  expect(token.source).toBe(runtimeFile())
  expect(fs.statSync(runtimeFile()).mode & 0o777).toBe(0o600)
  expect((await findSciToken()).serialize()).toBe(token.serialize())
  expect(queries(seen)).toEqual(['/v1/secret/oauth/creds/igwn/albert.einstein:default?minimum_seconds=60'])
})

it('keeps a token that has minsecs left, and replaces one that has not', async () => {
  let number = 0
  const { options, seen } = await vault(() => mint({ exp: now() + 300, jti: String((number += 1)) }))
  const first = await getSciToken(options)
  expect((await getSciToken(options)).serialize()).toBe(first.serialize())
  expect(seen).toHaveLength(1)
  expect((await getSciToken({ ...options, minsecs: 600 })).claims.jti).toBe('2')
})

it('requests the given scopes and audience', async () => {
  const { options, seen } = await vault()
  await getSciToken({
    ...options,
    issuer: 'igwn',
    role: 'gw',
    credkey: 'robot',
    scopes: ['gracedb.read', 'read:/frames'],
    audience: 'https://gracedb.example.org',
  })
  expect(queries(seen)).toEqual([
    '/v1/secret/oauth/sts/igwn/robot:gw?minimum_seconds=60&scopes=gracedb.read%2Cread%3A%2Fframes&audiences=https%3A%2F%2Fgracedb.example.org',
  ])
})

describe('puts the token into', () => {
  it('the file that is named', async () => {
    const { options } = await vault()
    const outfile = room('mine')
    expect((await getSciToken({ ...options, outfile })).source).toBe(outfile)
  })

  it('BEARER_TOKEN_FILE', async () => {
    const { options } = await vault()
    process.env.BEARER_TOKEN_FILE = room('named')
    expect((await getSciToken(options)).source).toBe(room('named'))
    const env = { BEARER_TOKEN_FILE: room('given') }
    expect((await getSciToken({ ...options, env })).source).toBe(room('given'))
  })

  it('the temporary folder without XDG_RUNTIME_DIR', async () => {
    const { options } = await vault()
    const before = process.env.XDG_RUNTIME_DIR
    process.env.XDG_RUNTIME_DIR = ''
    try {
      expect((await getSciToken(options)).source).toBe(temporaryFile())
    } finally {
      process.env.XDG_RUNTIME_DIR = before
    }
  })

  it('no default file on a platform without user ids', () => {
    expect(() => defaultOutFile({ ...processEnvironment, env: {}, euid: undefined })).toThrow(
      ours(
        'ERR_IGWN_INVALID_OPTION',
        'This platform has no user ids, so there is no default file. Set options.outfile or BEARER_TOKEN_FILE.',
      ),
    )
  })
})

describe('turns options into arguments like igwn_auth_utils', () => {
  it('with nooidc without a terminal, and its own defaults first', async () => {
    const { command, passed } = recorder()
    await getSciToken({ command })
    expect(passed()).toEqual(['--outfile', runtimeFile(), '--minsecs', '60', '--nooidc'])
  })

  it('and lets given options override them', async () => {
    const { command, passed } = recorder()
    await getSciToken({ command, minsecs: 600, quiet: true, nooidc: false, outfile: room('o') })
    expect(passed()).toEqual(['--outfile', room('o'), '--minsecs', '600', '--quiet'])
  })

  it('true and null are options without a value, false and undefined are left out, others have a value', async () => {
    const { command, passed } = recorder()
    await getSciToken({
      command,
      args: ['-a', 'vault.ligo.org'],
      nokerberos: true,
      verbose: null,
      nossh: false,
      role: undefined,
      issuer: 'igwn',
      scopes: ['a', 'b'],
      vaulttokenttl: '6d',
      'web-open-command': '',
    })
    expect(passed()).toEqual([
      ...['-a', 'vault.ligo.org', '--outfile', runtimeFile(), '--minsecs', '60'],
      ...['--nokerberos', '--verbose', '--issuer', 'igwn', '--scopes', 'a,b', '--vaulttokenttl', '6d'],
      ...['--web-open-command', '', '--nooidc'],
    ])
  })

  it('at a terminal it may log in with a browser, uses the terminal, and is quiet', async () => {
    const before = process.stdout.isTTY
    process.stdout.isTTY = true
    try {
      const { command, passed } = recorder()
      await getSciToken({ command })
      expect(passed()).toEqual(['--outfile', runtimeFile(), '--minsecs', '60', '--quiet'])
    } finally {
      process.stdout.isTTY = before
    }
  })

  it.each([
    [{ minsecs: '60' }, 'options.minsecs must be a number of seconds, 0 or more, not a string.'],
    [
      { issuer: {} },
      'options.issuer must be a string, a number, a boolean or a list of strings, not an object.',
    ],
    [
      { '-rf': true },
      'options.-rf is not the name of an option of htgettoken, which has lower-case letters, digits and hyphens.',
    ],
    [{ timeout: 300 }, 'options.timeout is in milliseconds; 300 is too short. Did you mean 300000?'],
    [{ args: '-v' }, 'options.args must be a list of strings, not a string.'],
    [
      { command: 'htgettoken' },
      'options.command must be a list of strings, the program first, not one string, since no shell is used.',
    ],
  ])('and rejects invalid ones: %j', async (options, message) => {
    await expect(getSciToken(options as never)).rejects.toEqual(ours('ERR_IGWN_INVALID_OPTION', message))
  })
})

describe('its error says', () => {
  it('that a program that was named is not installed', async () => {
    await expect(
      getSciToken({ command: [room('htgettoken')], vaultserver: 'vault.ligo.org' }),
    ).rejects.toEqual(
      ours(
        'ERR_IGWN_COMMAND_FAILED',
        `${room('htgettoken')} cannot be started: there is no such program (ENOENT). Install it, or give its path.`,
      ),
    )
  })

  it('that Vault refused, without the Vault token', async () => {
    const { options } = await vault()
    const foreign = 'hvs.foreign-token-9876543210'
    fs.writeFileSync(vaulttokenfile, foreign)
    const error: unknown = await getSciToken(options).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ERR_IGWN_COMMAND_FAILED' })
    expect((error as Error).message).toMatch(
      /failed with exit code 1\. Its standard error: Attempting to get token from http:\/\/127\.0\.0\.1:\d+ using vault token failed: permission denied \(vault token was .*\[hidden\]\) No way left to get a vault token: oidc is disabled$/,
    )
    expectNoSecret(error, [foreign.slice(4)])
  })

  it('that an option is unknown', async () => {
    const { options } = await vault()
    await expect(getSciToken({ ...options, badkwarg: 0 })).rejects.toThrow(
      'failed with exit code 2. Its standard error: Usage: htgettoken [options] htgettoken: error: no such option: --badkwarg',
    )
  })

  it('that the server is not reachable, with its URL', async () => {
    await expect(getSciToken({ command, vaultserver: 'http://127.0.0.1:1', vaulttokenfile })).rejects.toThrow(
      /failed with exit code 1\. Its standard error: .*failure getting token from http:\/\/127\.0\.0\.1:1: connect ECONNREFUSED/,
    )
  })

  it('that the file has no SciToken', async () => {
    const { options } = await vault(() => 'opaque')
    await expect(getSciToken(options)).rejects.toEqual(
      ours(
        'ERR_IGWN_TOKEN_MALFORMED',
        `${runtimeFile()} is not a SciToken: a JWT has a header and claims in JSON, encoded and joined by dots (RFC 7519).`,
      ),
    )
  })

  it('that it succeeded and left no file', async () => {
    await expect(getSciToken({ command: [process.execPath, '-e', '', '--'] })).rejects.toThrow(
      `its file ${runtimeFile()} does not exist`,
    )
  })
})

describe('where htgettoken is not in PATH', () => {
  const PATH = process.env.PATH
  beforeEach(() => {
    process.env.PATH = room('.')
    put(room('.config/htgettoken/credkey-igwn-default'), 'albert.einstein')
  })
  afterEach(() => {
    process.env.PATH = PATH
  })

  it('it does the same, also with its arguments and a changed environment', async () => {
    const { options, seen } = await vault()
    const { vaultserver } = options
    const outfile = room('mine')
    const token = await getSciToken({
      args: ['-a', vaultserver, '-iigwn', '--vaulttokenf', vaulttokenfile, '--nossh', '-vq'],
      env: { BEARER_TOKEN_FILE: outfile },
      nokerberos: true,
      scopes: ['read:/a', 'read:/b'],
    })
    expect(token.source).toBe(outfile)
    expect(fs.readFileSync(outfile, 'utf8')).toBe(`${token.serialize()}\n`)
    expect(queries(seen)).toEqual([
      '/v1/secret/oauth/sts/igwn/albert.einstein:default?minimum_seconds=60&scopes=read%3A%2Fa%2Cread%3A%2Fb',
    ])
  })

  it('its error has a reason for each login, and the command that logs in', async () => {
    const { options } = await vault()
    const { vaultserver } = options
    fs.writeFileSync(vaulttokenfile, 'hvs.foreign-token-9876543210')
    const error: unknown = await getSciToken({ vaultserver, vaulttokenfile, issuer: 'igwn' }).catch(
      (reason: unknown) => reason,
    )
    expect(error).toMatchObject({
      code: 'ERR_IGWN_TOKEN_NOT_FOUND',
      reasons: [{ code: 'refused' }, { code: 'unsupported' }, { code: 'absent' }, { code: 'disabled' }],
      message: expect.stringMatching(
        /Kerberos is not available: the package kerberos is not installed\. Run npm install kerberos\..* run igwn-auth login --vault http:\/\/127\.0\.0\.1:\d+ --issuer igwn in a terminal\.$/,
      ) as string,
    })
    expectNoSecret(error, ['foreign-token-9876543210'])
  })

  it('it stops when its time is over', async () => {
    const { origin: vaultserver } = await serve(() => new Promise(() => undefined))
    const options = { vaultserver, vaulttokenfile, issuer: 'igwn', timeout: 500 }
    await expect(getSciToken(options)).rejects.toEqual(
      ours(
        'ERR_IGWN_OAUTH_TIMEOUT',
        'The login was not done within 0.5 seconds. Try again, or set options.timeout.',
      ),
    )
  })

  it.each([
    [{ badkwarg: 0 }, /options has no option "badkwarg"/],
    [{ args: ['--bad'] }, /options\.args has --bad, which is no option of htgettoken/],
    [{ args: ['--minsecs=x'] }, /options\.args\.minsecs must be a number of seconds/],
  ])('it rejects what htgettoken would reject: %j', async (options, message) => {
    await expect(getSciToken(options)).rejects.toMatchObject({
      code: 'ERR_IGWN_INVALID_OPTION',
      message: expect.stringMatching(message) as string,
    })
  })

  it.each([
    [
      { args: ['--nobearertoken'] },
      /^--nobearertoken is an option of htgettoken that cannot be used here: getSciToken returns/,
    ],
    [
      { nobearertoken: true },
      /^--nobearertoken .*logIn of axios-igwn-auth\/vault has this option\. Leave it out/,
    ],
    [{ args: ['--showbearerurl'] }, /^--showbearerurl is/],
    [{ args: ['--kerbprincipal', 'albert@LIGO.ORG'] }, /^--kerbprincipal is .*the default principal/],
    [{ args: ['--version'] }, /^--version is .*htgettoken is not installed/],
  ])('it rejects what only htgettoken can do: %j', async (options, message) => {
    await expect(getSciToken(options)).rejects.toMatchObject({
      code: 'ERR_IGWN_INVALID_OPTION',
      message: expect.stringMatching(message) as string,
    })
  })

  it.each([{ registerssh: true }, { args: ['--registerssh'] }])(
    'it logs in anew to register the keys of the SSH agent: %j',
    async (register) => {
      const { options, seen } = await vault()
      const { vaultserver } = options
      const all = { vaultserver, vaulttokenfile, issuer: 'igwn', nokerberos: true, nooidc: true, ...register }
      await expect(getSciToken(all)).rejects.toMatchObject({
        message: expect.stringMatching(/SSH agent/) as string,
      })
      expect(seen).toEqual([])
    },
  )

  it('at a terminal it shows the page of a login, and opens it with the given program', async () => {
    const before = process.stdout.isTTY
    process.stdout.isTTY = true
    const written = jest.spyOn(process.stderr, 'write').mockReturnValue(true)
    fs.rmSync(room('.config'), { recursive: true })
    const token = mint()
    const opened = room('opened')
    const browser = put(
      room('browser'),
      `#!/bin/sh\necho "$1" >${opened}.new && /bin/mv ${opened}.new ${opened}\n`,
      0o700,
    )
    const auth = {
      client_token: VAULT_TOKEN,
      policies: [],
      lease_duration: 60,
      metadata: { credkey: 'albert', oauth2_refresh_token: 'refresh' },
    }
    const { origin: vaultserver } = await serve(({ method, url }) => {
      const data = {
        auth_url: 'https://idp.example.org/',
        user_code: 'AB-CD',
        state: 's',
        poll_interval: '1',
      }
      if (url.endsWith('/auth_url')) return { body: JSON.stringify({ data }) }
      if (url.endsWith('/poll')) return { body: JSON.stringify({ auth }) }
      if (method === 'POST') return { status: 204, body: '' }
      return { body: JSON.stringify({ data: { access_token: token } }) }
    })
    try {
      const options = { vaultserver, vaulttokenfile, issuer: 'igwn', 'web-open-command': browser }
      expect((await getSciToken(options)).serialize()).toBe(token)
      while (!fs.existsSync(opened)) await new Promise((resolve) => setTimeout(resolve, 10))
    } finally {
      process.stdout.isTTY = before
      written.mockRestore()
    }
    expect(fs.readFileSync(opened, 'utf8')).toBe('https://idp.example.org/\n')
  })
})

it('is a source for requests, renewed by autoRenew', async () => {
  const { options, seen } = await vault()
  const server = await serve(() => ({}))
  const token = autoRenew({ getToken: () => getSciToken(options) })
  const instance = applyIgwnAuth(axios.create(), { token })
  await instance.get(server.origin)
  await instance.get(server.origin)
  token.stop()
  expect(seen).toHaveLength(1)
  const text = fs.readFileSync(runtimeFile(), 'utf8').trim()
  expect(server.authorizations).toEqual([`Bearer ${text}`, `Bearer ${text}`])
  expect(signatureOf(text)).not.toBe('')
})
