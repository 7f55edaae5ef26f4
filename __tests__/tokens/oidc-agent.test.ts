import fs from 'node:fs'
import path from 'node:path'
import { processEnvironment } from '../../lib/environment'
import {
  chain,
  discoveredTokens,
  explain,
  igwnAxios,
  oidcAgent,
  SciToken,
  type OidcAgentOptions,
} from '../support/all'
import { expectNoSecret } from '../support/expect-no-secret'
import { serveAgent, type AgentStandIn } from '../support/oidc-agent'
import { challenge, serve } from '../support/server'
import { emptyPlaces, mint, now, ours, put, room, runtimeFile } from '../support/tokens'

const URL_OF_X = 'https://x.example.org/'
const agents: AgentStandIn[] = []
beforeEach(emptyPlaces)
afterEach(async () => {
  delete process.env.OIDC_SOCK
  await Promise.all(agents.splice(0).map((one) => one.close()))
})

let count = 0
/** An agent at OIDC_SOCK. */
async function agent(reply: Parameters<typeof serveAgent>[1], socket = room(`agent${(count += 1)}/s`)) {
  const one = await serveAgent(socket, reply)
  agents.push(one)
  process.env.OIDC_SOCK = socket
  return one
}

const ISSUER = 'https://issuer.example.org'
const success = (token: string, more: object = {}) => ({
  status: 'success',
  access_token: token,
  issuer: `${ISSUER}/`,
  expires_at: now() + 3600,
  ...more,
})
const failure = (error: string, info?: string) => ({ status: 'failure', error, info })

/** An agent with accounts, of which one loaded. */
const withAccounts =
  (token: string, ...names: string[]) =>
  ({ request, account }: Record<string, unknown>) => {
    if (request === 'loaded_accounts') return { status: 'success', info: names }
    if (account === 'absent') return failure('No account configured with that short name')
    return account === undefined || names.includes(String(account))
      ? success(token)
      : failure('account not loaded')
  }

/** The error of a promise. One that is fulfilled fails the test. */
const rejectionOf = async (act: () => Promise<unknown>): Promise<unknown> =>
  act().then(
    () => {
      throw new Error('it did not fail')
    },
    (error: unknown) => error,
  )
const errorOf = (options: OidcAgentOptions = { account: 'igwn' }) =>
  rejectionOf(async () => oidcAgent(options).getToken({}))

describe('a token of oidc-agent', () => {
  it('is requested for the account, with scopes, audience and the time it must have left', async () => {
    const token = mint()
    const { requests } = await agent(() => success(token))
    const source = oidcAgent({ account: 'igwn', scope: 'read:/frames', minTimeLeft: 120 })
    const query = { audience: [URL_OF_X, 'https://x.example.org:443'], scope: ['gracedb.read'] }
    expect(await source.getToken(query)).toBe(token)
    expect(requests).toEqual([
      {
        request: 'access_token',
        account: 'igwn',
        min_valid_period: 180,
        application_hint: 'axios-igwn-auth',
        scope: 'read:/frames gracedb.read',
        audience: URL_OF_X,
      },
    ])
  })

  it.each([
    ['of an issuer, without scope and audience', { issuer: ISSUER, audience: false } as const, {}],
    [
      'with the audience of the options that the request is for',
      { account: 'a', audience: ['b', 'c'] },
      { audience: 'c' },
    ],
    ['with the first audience of the options', { account: 'a', audience: ['b', 'd'] }, { audience: 'b' }],
  ])('is requested %s', async (_, options, expected) => {
    const { requests } = await agent(() => success(mint()))
    await oidcAgent(options).getToken({ audience: ['x', 'c'] })
    const { account, issuer } = options as OidcAgentOptions
    const { request, min_valid_period, application_hint, ...others } = requests[0]!
    expect([request, min_valid_period, application_hint]).toEqual(['access_token', 120, 'axios-igwn-auth'])
    expect(others).toEqual({ ...(account ? { account } : { issuer }), ...expected })
  })

  it('is kept until shortly before it expires, and fetched once for all requests that wait', async () => {
    const { requests } = await agent(() => success('opaque-1'))
    const source = oidcAgent({ account: 'igwn' })
    const query = { audience: URL_OF_X }
    await Promise.all([source.getToken(query), source.getToken({ ...query })])
    await source.getToken(query)
    expect(requests).toHaveLength(1)
  })

  it('that a server refuses is replaced by a newer one', async () => {
    const [old, fresh] = [mint({ exp: now() + 3600 }), mint({ exp: now() + 7200 })]
    // The agent renews a token that has less time left than is required.
    const isTooShort = ({ min_valid_period: least }: Record<string, unknown>) =>
      Number(least) > SciToken.deserialize(old).timeLeft()!
    const { requests } = await agent((request) => success(isTooShort(request) ? fresh : old))
    const server = await serve(({ headers }) =>
      headers.authorization === `Bearer ${fresh}` ? {} : challenge('error="invalid_token"'),
    )
    const { status } = await igwnAxios.get(server.origin, {
      igwnAuth: { token: oidcAgent({ account: 'igwn' }) },
    })
    expect(status).toBe(200)
    expect(server.authorizations).toEqual([`Bearer ${old}`, `Bearer ${fresh}`])
    expect(requests.map(isTooShort)).toEqual([false, false, true])
  })

  it('is undefined for a query of another issuer, so that a chain asks the next source', async () => {
    await agent(() => success(mint()))
    const source = oidcAgent({ account: 'igwn' })
    expect(await source.getToken({ issuer: 'https://other.example.org' })).toBeUndefined()
    expect(await source.getToken({ issuer: ISSUER })).toEqual(expect.any(String))
  })

  it('may be of an issuer whose expiry the agent does not know', async () => {
    await agent(() => success('opaque-2', { expires_at: now() - 5 }))
    expect(await oidcAgent({ account: 'igwn' }).getToken({})).toBe('opaque-2')
  })
})

describe('the socket', () => {
  it('is that of oidc-agent-service without OIDC_SOCK', async () => {
    const file = path.join(
      String(process.env.TMPDIR),
      `oidc-agent-service-${process.getuid?.() ?? 0}`,
      'oidc-agent.sock',
    )
    await agent(() => success('opaque-3'), file)
    delete process.env.OIDC_SOCK
    expect(await oidcAgent({ account: 'igwn' }).getToken({})).toBe('opaque-3')
  })

  it('of the options replaces OIDC_SOCK', async () => {
    const { socket } = await agent(() => success('opaque-4'))
    process.env.OIDC_SOCK = room('absent')
    expect(await oidcAgent({ account: 'igwn', socket }).getToken({})).toBe('opaque-4')
  })

  it('of another user in a folder that others can write to is not used', async () => {
    const socket = path.join(processEnvironment.temporaryFolder, 'agent.sock')
    const { requests } = await agent(() => success('opaque-5'), socket)
    const { uid } = fs.statSync(socket)
    // The socket belongs to the user of the tests, and the process acts for another one.
    const euid = jest.spyOn(processEnvironment, 'euid', 'get').mockReturnValue(uid + 1)
    try {
      if (uid === 0) fs.chownSync(socket, 65_534, 65_534)
      expect(await errorOf()).toMatchObject(
        ours(
          'ERR_IGWN_SOURCE_FAILED',
          expect.stringMatching(/belongs to user \d+, .* It is not used\. Set OIDC_SOCK/) as never,
        ),
      )
      const { findings } = await explain(URL_OF_X, { token: oidcAgent({ account: 'igwn' }) })
      expect(findings).toContainEqual(expect.objectContaining({ code: 'foreign-owner', verdict: 'skipped' }))
      expect(requests).toEqual([])
    } finally {
      euid.mockRestore()
    }
  })

  it('may be a link to one of this user', async () => {
    const { socket } = await agent(() => success('opaque-6'))
    const link = path.join(processEnvironment.temporaryFolder, 'link')
    fs.symlinkSync(socket, link)
    expect(await oidcAgent({ account: 'igwn', socket: link }).getToken({})).toBe('opaque-6')
  })
})

describe('an error', () => {
  const at = () => `oidc-agent at ${process.env.OIDC_SOCK} (OIDC_SOCK)`

  it.each([
    [
      'that the agent does not run',
      () => (process.env.OIDC_SOCK = room('none')),
      'ERR_IGWN_TOKEN_NOT_FOUND',
      'does not run. Run `eval "$(oidc-agent-service use)"`.',
    ],
    [
      'that nothing listens at its socket',
      async () => {
        const { socket, close } = await agent(() => ({}))
        const left = room('left')
        fs.linkSync(socket, left)
        await close()
        agents.length = 0
        process.env.OIDC_SOCK = left
      },
      'ERR_IGWN_TOKEN_NOT_FOUND',
      'cannot be reached (ECONNREFUSED). Run `eval "$(oidc-agent-service use)"`.',
    ],
    [
      'that its socket is a file',
      () => (process.env.OIDC_SOCK = put(room('file'), '')),
      'ERR_IGWN_SOURCE_FAILED',
      'is not a socket. It is not used. Set OIDC_SOCK to the socket of your own agent.',
    ],
    [
      'that the account is not loaded',
      () => agent(withAccounts('t', 'wlcg', 'egi')),
      'ERR_IGWN_TOKEN_NOT_FOUND',
      'has not loaded the account igwn; loaded: wlcg, egi. Run `oidc-add igwn`.',
    ],
    [
      'of the issuer',
      () => agent(() => failure('invalid_scope: no such scope', 'Adapt it with\n\t$ oidc-gen -m igwn')),
      'ERR_IGWN_SOURCE_FAILED',
      'refused a token of the account igwn: invalid_scope: no such scope. Adapt it with',
    ],
    [
      'of a response that is not JSON',
      () => agent(() => 'SSH-2.0'),
      'ERR_IGWN_SOURCE_FAILED',
      'sent a response that is not JSON. Check OIDC_SOCK.',
    ],
    [
      'of an empty response',
      () => agent(() => ''),
      'ERR_IGWN_SOURCE_FAILED',
      'closed the connection without a response. Check OIDC_SOCK.',
    ],
    [
      'of a response without a token',
      () => agent(() => ({ status: 'success' })),
      'ERR_IGWN_SOURCE_FAILED',
      'sent a response without access_token. Update oidc-agent.',
    ],
    [
      'of an endless response',
      () => agent(() => 'a'.repeat(1_000_000)),
      'ERR_IGWN_SOURCE_FAILED',
      'sent more than 128 KiB. Check OIDC_SOCK.',
    ],
  ] as const)('says %s', async (_, prepare, code, message) => {
    await prepare()
    expect(await errorOf()).toMatchObject(ours(code, `${at()} ${message}`))
  })

  it('names the command that creates an account, or loads one of an issuer', async () => {
    await agent(withAccounts('t'))
    expect(await errorOf({ account: 'absent' })).toHaveProperty(
      'message',
      `${at()} has no account absent. Run \`oidc-gen absent\`.`,
    )
    agents[0]!.requests.length = 0
    const other = await agent(() => failure('account not loaded'))
    expect(await errorOf({ issuer: ISSUER })).toHaveProperty(
      'message',
      `${at()} has not loaded an account of ${ISSUER}; no account is loaded. Run \`oidc-add NAME\`.`,
    )
    expect(other.requests.map(({ request }) => request)).toEqual(['access_token', 'loaded_accounts'])
  })

  it('repeats no token that the agent has in its message', async () => {
    const token = mint()
    await agent(() => failure(`server_error ${token}`))
    const error = await errorOf()
    expectNoSecret(error, [token])
    expect(error).toHaveProperty('message', expect.stringContaining('server_error [hidden]'))
  })

  it('of one that is not running leaves a chain to the next source', async () => {
    const source = chain(oidcAgent({ account: 'igwn', socket: room('none') }), discoveredTokens())
    put(runtimeFile(), mint())
    expect(await source.getToken({})).toMatchObject({ source: runtimeFile() })
  })

  it('of an agent that does not respond comes after the timeout, and closes the connection', async () => {
    const { open } = await agent(() => undefined)
    const error = await errorOf({ account: 'it is', timeout: 500 })
    expect(error).toMatchObject(
      ours(
        'ERR_IGWN_SOURCE_FAILED',
        `${at()} did not respond within 0.5 seconds. It may be asking for a password or a confirmation. Run \`oidc-token 'it is'\` in a terminal to see what it does.`,
      ),
    )
    await until(() => open() === 0)
  })

  it('is the reason of the signal, which closes the connection', async () => {
    const controller = new AbortController()
    const { open, requests } = await agent(() => undefined)
    const source = oidcAgent({ account: 'igwn', signal: controller.signal })
    const pending = rejectionOf(async () => source.getToken({}))
    await until(() => requests.length === 1)
    controller.abort(new Error('stopped'))
    expect(await pending).toHaveProperty('message', 'stopped')
    await until(() => open() === 0)
    expect(await rejectionOf(async () => source.getToken({}))).toHaveProperty('message', 'stopped')
    expect(requests).toHaveLength(1)
  })

  it.each([
    [
      {},
      'options needs either account, the name of an account of oidc-agent, or issuer, the URL of its issuer.',
    ],
    [{ account: 'a', issuer: ISSUER }, expect.stringContaining('either account')],
    [{ account: '' }, 'options.account must not be empty.'],
    [{ account: 'a', timeout: 5 }, expect.stringContaining('in milliseconds')],
    [{ account: 'a', accounts: 'b' }, expect.stringContaining('has no option "accounts"')],
  ])('of the options is thrown at once: %j', (options, message) => {
    expect(() => oidcAgent(options as OidcAgentOptions)).toThrow(
      ours('ERR_IGWN_INVALID_OPTION', message as string),
    )
  })
})

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('explain', () => {
  const findingsOf = async (options: Parameters<typeof explain>[1] = {}) => {
    const { findings, fixes, attached } = await explain(URL_OF_X, { cert: false, netrc: false, ...options })
    return { agent: findings.filter(({ source }) => source.startsWith('oidc-agent')), fixes, attached }
  }

  it('says what a source has: the account is loaded', async () => {
    await agent(withAccounts('t', 'igwn', 'wlcg'))
    const { agent: found, attached } = await findingsOf({ token: chain(oidcAgent({ account: 'igwn' })) })
    expect(found).toEqual([
      {
        kind: 'token',
        source: `oidc-agent at ${process.env.OIDC_SOCK} (OIDC_SOCK)`,
        verdict: 'deferred',
        message: `oidc-agent at ${process.env.OIDC_SOCK} (OIDC_SOCK) is asked for a token of the account igwn when a request is sent; loaded: igwn, wlcg`,
      },
    ])
    expect(attached).toHaveLength(1)
  })

  it('says how to load an account, and requests no token', async () => {
    const { requests } = await agent(withAccounts('t', 'wlcg'))
    const { agent: found, fixes } = await findingsOf({ token: oidcAgent({ account: 'igwn' }) })
    expect(found).toMatchObject([
      {
        verdict: 'skipped',
        message: expect.stringContaining('has not loaded the account igwn; loaded: wlcg') as string,
      },
    ])
    expect(fixes).toEqual(['oidc-add igwn'])
    expect(requests).toEqual([{ request: 'loaded_accounts' }])
  })

  it('says of an account that only its issuer names whether any account is loaded', async () => {
    await agent(withAccounts('t'))
    const { agent: none } = await findingsOf({ token: oidcAgent({ issuer: ISSUER }) })
    expect(none).toMatchObject([
      {
        verdict: 'skipped',
        message: expect.stringMatching(
          / has not loaded an account of https:\/\/issuer\.example\.org; no account is loaded$/,
        ) as string,
      },
    ])
    await agent(withAccounts('t', 'igwn'))
    const { agent: some } = await findingsOf({ token: oidcAgent({ issuer: ISSUER }) })
    expect(some).toMatchObject([{ verdict: 'deferred' }])
  })

  it('has the command that loads an account where an agent has none', async () => {
    await agent(withAccounts('t'))
    expect((await findingsOf()).fixes[0]).toBe('oidc-add NAME')
  })

  it('says that there is no agent on a platform without user ids', async () => {
    const uid = jest.spyOn(processEnvironment, 'uid', 'get').mockReturnValue(undefined)
    try {
      const source = oidcAgent({ account: 'igwn' })
      const absent = { verdict: 'absent', source: 'oidc-agent', message: 'oidc-agent does not run' }
      expect(source.explain?.({})).toMatchObject([absent])
      expect(await source.explainAsync?.({})).toMatchObject([absent])
      await expect(rejectionOf(async () => source.getToken({}))).resolves.toMatchObject({
        code: 'ERR_IGWN_TOKEN_NOT_FOUND',
        message: 'oidc-agent does not run. Run `eval "$(oidc-agent-service use)"`.',
      })
    } finally {
      uid.mockRestore()
    }
  })

  it('says that the agent does not run', async () => {
    process.env.OIDC_SOCK = room('none')
    const { agent: found, fixes } = await findingsOf({ token: oidcAgent({ account: 'igwn' }) })
    expect(found).toMatchObject([{ verdict: 'absent', code: 'absent' }])
    expect(fixes).toEqual(['eval "$(oidc-agent-service use)"'])
  })

  it('says of a search which accounts an agent has, and how to use one of them', async () => {
    await agent(withAccounts('t', 'igwn', 'wlcg'))
    const { agent: found, fixes } = await findingsOf({ tokenScope: 'gracedb.read gracedb.write' })
    expect(found).toMatchObject([
      {
        verdict: 'skipped',
        code: 'not-needed',
        message: expect.stringMatching(
          / is not searched, only used by oidcAgent\(\); loaded: igwn, wlcg$/,
        ) as string,
      },
    ])
    expect(fixes[0]).toBe(
      `export BEARER_TOKEN="$(oidc-token --scope 'gracedb.read gracedb.write' --aud https://x.example.org igwn)"`,
    )
  })

  it('has no fix from an agent where a token is found, and nothing where no agent runs', async () => {
    put(runtimeFile(), mint())
    expect((await findingsOf()).agent).toEqual([])
    await agent(withAccounts('t', 'igwn'))
    const { agent: found, fixes } = await findingsOf()
    expect(found).toHaveLength(1)
    expect(fixes).toEqual([])
  })

  it('quotes the name of an account, which may have shell syntax', async () => {
    await agent(withAccounts('t', '$(id)'))
    expect((await findingsOf()).fixes[0]).toMatch(/ '\$\(id\)'\)"$/)
  })

  it('says that something else listens at the socket', async () => {
    await agent(() => 'SSH-2.0')
    expect((await findingsOf()).agent).toMatchObject([
      { verdict: 'skipped', code: 'failed', fix: 'check OIDC_SOCK, or restart oidc-agent' },
    ])
  })
})
