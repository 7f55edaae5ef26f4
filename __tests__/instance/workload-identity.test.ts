import fs from 'node:fs'
import path from 'node:path'
import { processEnvironment } from '../../lib/environment'
import {
  explain,
  igwnAxios,
  workloadIdentity,
  type SciToken,
  type WorkloadIdentityOptions,
} from '../support/all'
import { expectNoSecret } from '../support/expect-no-secret'
import { createAuthority } from '../support/pki'
import { serve, type Answer, type Seen } from '../support/server'
import { thrownBy } from '../support/thrown-by'
import { emptyPlaces, mint, now, ours, put, room } from '../support/tokens'

const AUDIENCE = 'https://issuer.example.org'
const REQUEST_TOKEN = 'request-token-of-the-job'
const NAMES = [
  'ACTIONS_ID_TOKEN_REQUEST_URL',
  'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
  'GITHUB_ACTIONS',
  'FORGEJO_ACTIONS',
]
const OTHERS = [
  'GITLAB_CI',
  'CI_SERVER_URL',
  'A_TOKEN',
  'B_TOKEN',
  'C_TOKEN',
  'HTTP_PROXY',
  'REQUESTS_CA_BUNDLE',
]
const before = new Map([...NAMES, ...OTHERS].map((name) => [name, process.env[name]]))
const clear = () => {
  for (const name of before.keys()) Reflect.deleteProperty(process.env, name)
}

beforeEach(() => {
  emptyPlaces()
  clear()
})
afterAll(() => {
  clear()
  for (const [name, value] of before) if (value !== undefined) process.env[name] = value
})

const identity = (claims: object = {}) => mint({ ver: undefined, scope: undefined, aud: AUDIENCE, ...claims })
const source = (options: Partial<WorkloadIdentityOptions> = {}) =>
  workloadIdentity({ audience: AUDIENCE, ...options })
/** The text of the token. */
const get = async (options?: Partial<WorkloadIdentityOptions>) =>
  ((await source(options).getToken({})) as SciToken).serialize()
const errorOf = async (options?: Partial<WorkloadIdentityOptions>): Promise<Error> =>
  get(options).then(
    () => {
      throw new Error('it did not fail')
    },
    (error: unknown) => error as Error,
  )

/** The identity service of a job. */
async function actions(answer: (seen: Seen) => Answer | Promise<Answer>, tls?: Parameters<typeof serve>[1]) {
  const server = await serve(answer, tls)
  process.env.ACTIONS_ID_TOKEN_REQUEST_URL = `${server.origin}/token?api-version=2.0`
  process.env.ACTIONS_ID_TOKEN_REQUEST_TOKEN = REQUEST_TOKEN
  return server
}
const value = (token: string): Answer => ({ body: JSON.stringify({ value: token }) })

describe('in GitHub and Forgejo Actions', () => {
  it('is requested with the request token for the audience, once until it nearly expires', async () => {
    const token = identity()
    const { seen } = await actions(() => value(token))
    const one = source()
    const [first, second] = [await one.getToken({ audience: 'a' }), await one.getToken({ audience: 'b' })]
    expect(first).toBe(second)
    expect((first as SciToken).serialize()).toBe(token)
    expect(seen).toHaveLength(1)
    const { method, url, headers } = seen[0]!
    expect([method, url, headers.authorization]).toEqual([
      'GET',
      `/token?api-version=2.0&audience=${encodeURIComponent(AUDIENCE)}`,
      `Bearer ${REQUEST_TOKEN}`,
    ])
  })

  it('is requested again when a server refused it', async () => {
    const { seen } = await actions(() => value(identity()))
    const one = source()
    const first = (await one.getToken({})) as SciToken
    one.invalidate?.(first.serialize())
    await one.getToken({})
    expect(seen).toHaveLength(2)
  })

  it('comes over https with the CA bundle of the environment', async () => {
    const authority = await createAuthority()
    const { certificate: cert, key } = await authority.issueServer()
    await actions(() => value(identity()), { tls: { cert, key } })
    expect(await errorOf()).toMatchObject({
      code: 'ERR_IGWN_SOURCE_FAILED',
      message: expect.stringContaining('cannot be reached') as string,
    })
    process.env.REQUESTS_CA_BUNDLE = put(room('ca.pem'), authority.certificate)
    expect(await get()).toMatch(/^eyJ/)
  })

  it('is not requested over plain HTTP of another host', async () => {
    process.env.ACTIONS_ID_TOKEN_REQUEST_URL = 'http://forgejo.example.org/token'
    process.env.ACTIONS_ID_TOKEN_REQUEST_TOKEN = REQUEST_TOKEN
    expect(await errorOf()).toMatchObject(
      ours(
        'ERR_IGWN_INSECURE_TRANSPORT',
        'ACTIONS_ID_TOKEN_REQUEST_URL is at forgejo.example.org over plain HTTP, where others can read the request token. Nothing was sent. Use https for the server of the jobs.',
      ),
    )
  })

  it('is requested from loopback without a network proxy, which could read it', async () => {
    const proxy = await serve(() => value(identity()))
    await actions(() => value(identity()))
    process.env.HTTP_PROXY = proxy.origin
    await get()
    expect(proxy.seen).toEqual([])
  })

  it('follows no redirect with the request token', async () => {
    const other = await serve(() => value(identity()))
    await actions(() => ({ status: 302, headers: { Location: other.origin } }))
    expect(await errorOf()).toHaveProperty(
      'message',
      expect.stringContaining('refused an identity token with status 302'),
    )
    expect(other.seen).toEqual([])
  })

  it.each([
    [
      'a refusal',
      () => ({ status: 403, body: REQUEST_TOKEN }),
      /with status 403\. Check the permissions of the job\.$/,
    ],
    ['a response without a token', () => ({ body: `{"other":"${REQUEST_TOKEN}"}` }), /it is not a JWT\.$/],
    ['a response that is not JSON', () => ({ body: REQUEST_TOKEN }), /it is not a JWT\.$/],
    [
      'a response that is too large',
      () => ({ body: 'x'.repeat(100_000) }),
      /cannot be reached \(ERR_BAD_RESPONSE\)/,
    ],
    [
      'a token for another audience',
      () => value(identity({ aud: 'other' })),
      /is for audience other, not https:\/\/issuer\.example\.org\. To fix/,
    ],
  ])('%s is an error without the request token', async (_, answer, message) => {
    await actions(answer)
    const error = await errorOf()
    expect(error).toMatchObject({
      code: 'ERR_IGWN_SOURCE_FAILED',
      message: expect.stringMatching(message) as string,
    })
    expectNoSecret(error, [REQUEST_TOKEN])
  })

  it('that does not respond is an error after the timeout', async () => {
    const never = new Promise<Answer>(() => undefined)
    await actions(() => never)
    expect(await errorOf({ timeout: 500 })).toHaveProperty(
      'message',
      expect.stringContaining('did not respond within 0.5 seconds'),
    )
  })

  it('is not waited for after an abort', async () => {
    const controller = new AbortController()
    await actions(() => {
      controller.abort()
      return new Promise<Answer>(() => undefined)
    })
    expect(await errorOf({ signal: controller.signal })).toHaveProperty('code', 'ERR_CANCELED')
  })

  it.each([
    ['GITHUB_ACTIONS', 'add permissions: { id-token: write } to the job'],
    ['FORGEJO_ACTIONS', 'add enable-openid-connect: true to the job'],
  ])('without the request URL, the error says what to add to the workflow: %s', async (name, fix) => {
    process.env.GITHUB_ACTIONS = process.env[name] = 'true'
    expect(await errorOf()).toMatchObject(
      ours(
        'ERR_IGWN_TOKEN_NOT_FOUND',
        `No identity token: ACTIONS_ID_TOKEN_REQUEST_URL is not set in this job. To fix: ${fix}.`,
      ),
    )
  })
})

describe('in GitLab', () => {
  beforeEach(() => {
    process.env.GITLAB_CI = 'true'
    process.env.CI_SERVER_URL = 'https://git.example.org'
  })
  const ofGitLab = (claims: object = {}) => identity({ iss: 'https://git.example.org', ...claims })

  it('is the variable of this server whose token is for the audience', async () => {
    const token = ofGitLab()
    process.env.A_TOKEN = ofGitLab({ aud: 'other' })
    process.env.B_TOKEN = identity({ iss: 'https://elsewhere.example.org' })
    process.env.C_TOKEN = token
    expect(await get()).toBe(token)
  })

  it('is the variable that is named', async () => {
    process.env.A_TOKEN = ofGitLab()
    process.env.B_TOKEN = ofGitLab({ jti: 'b' })
    expect(await get({ variable: 'B_TOKEN' })).toBe(process.env.B_TOKEN)
  })

  it.each([
    [
      'none is for the audience',
      () => ofGitLab({ aud: 'x' }),
      undefined,
      'ERR_IGWN_TOKEN_NOT_FOUND',
      `no variable of this GitLab job has an identity token for the audience. To fix: add id_tokens: { ID_TOKEN: { aud: '${AUDIENCE}' } } to the job.`,
    ],
    [
      'it has expired',
      () => ofGitLab({ exp: now() - 60 }),
      undefined,
      'ERR_IGWN_TOKEN_EXPIRED',
      /^No identity token: A_TOKEN expired .* To fix: request the identity token later in the job, or exchange it earlier\.$/,
    ],
    [
      'the named one is for another audience',
      () => ofGitLab({ aud: 'x' }),
      'A_TOKEN',
      'ERR_IGWN_SOURCE_FAILED',
      /A_TOKEN is for audience x, not /,
    ],
    [
      'the named one is no JWT',
      () => 'secret-password',
      'A_TOKEN',
      'ERR_IGWN_SOURCE_FAILED',
      'A_TOKEN has no identity token: it is not a JWT.',
    ],
    [
      'the named one is not set',
      () => '',
      'A_TOKEN',
      'ERR_IGWN_TOKEN_NOT_FOUND',
      'A_TOKEN is not set. To fix: correct the option variable, or add the token to the job.',
    ],
  ])('an error says that %s', async (_, token, variable, code, message) => {
    process.env.A_TOKEN = token()
    const error = await errorOf({ variable })
    expect(error).toMatchObject({
      code,
      message:
        typeof message === 'string'
          ? `No identity token: ${message}`
          : (expect.stringMatching(message) as string),
    })
    expectNoSecret(error, ['secret-password'])
  })
})

describe('in Kubernetes', () => {
  /** A mounted folder: files are links through `..data`, which is replaced as a whole. */
  function mount(folder: string, version: string, token: string): string {
    put(path.join(folder, version, 'token'), token)
    fs.symlinkSync(version, path.join(folder, '..new'))
    fs.renameSync(path.join(folder, '..new'), path.join(folder, '..data'))
    const file = path.join(folder, 'token')
    if (!fs.existsSync(file)) fs.symlinkSync(path.join('..data', 'token'), file)
    return file
  }

  it('is the projected file, read again when the kubelet has renewed it', async () => {
    const [first, second] = [identity(), identity()]
    const folder = room('tokens')
    fs.mkdirSync(folder)
    const one = source({ file: mount(folder, '..1', first) })
    const text = async () => ((await one.getToken({})) as SciToken).serialize()
    expect([await text(), await text()]).toEqual([first, first])
    mount(folder, '..2', second)
    expect(await text()).toBe(second)
  })

  it.each([
    [
      'that does not exist',
      () => room('none'),
      'ERR_IGWN_TOKEN_NOT_FOUND',
      /none does not exist\. To fix: project a service account token/,
    ],
    [
      "of the cluster's own API",
      () => put(room('api'), identity({ aud: 'https://kubernetes.default.svc' })),
      'ERR_IGWN_SOURCE_FAILED',
      /is for audience https:\/\/kubernetes\.default\.svc, not /,
    ],
    ['that is a folder', () => String(process.env.HOME), 'ERR_IGWN_SOURCE_FAILED', /is a folder, not a file/],
  ])('a file %s is an error', async (_, file, code, message) => {
    expect(await errorOf({ file: file() })).toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    })
  })

  it('a file of another user in a folder that others can write to is not used', async () => {
    const file = put(path.join(processEnvironment.temporaryFolder, 'token'), identity())
    if (process.getuid?.() === 0) fs.chownSync(file, 65_534, 65_534)
    const euid = jest.spyOn(processEnvironment, 'euid', 'get').mockReturnValue((process.getuid?.() ?? 0) + 1)
    try {
      expect(await errorOf({ file })).toHaveProperty('message', expect.stringMatching(/belongs to user \d+/))
    } finally {
      euid.mockRestore()
    }
  })
})

it('is the token of a request', async () => {
  process.env.A_TOKEN = identity()
  const server = await serve(() => ({}))
  await igwnAxios.get(server.origin, { igwnAuth: { token: source({ variable: 'A_TOKEN' }) } })
  expect(server.authorizations).toEqual([`Bearer ${process.env.A_TOKEN}`])
})

it('elsewhere is an error that says where it is looked for', async () => {
  expect(await errorOf()).toMatchObject(
    ours(
      'ERR_IGWN_TOKEN_NOT_FOUND',
      `No identity token: this process does not run in a job of GitHub, Forgejo or GitLab, and neither the option variable nor file is set. To fix: in Kubernetes, project a service account token into the pod with the audience ${AUDIENCE}, and set file to its path.`,
    ),
  )
})

it.each([{}, { audience: 'a', variable: 'b', file: 'c' }, { audience: '' }, { audience: 'a', url: 'b' }])(
  'invalid options are an error: %j',
  (options) => {
    const error = thrownBy(() => workloadIdentity(options as WorkloadIdentityOptions))
    expect(error).toHaveProperty('code', 'ERR_IGWN_INVALID_OPTION')
  },
)

describe('explain', () => {
  const explained = async (options?: Partial<WorkloadIdentityOptions>) => {
    const { findings, fixes } = await explain('https://x.example.org/', {
      token: source(options),
      cert: false,
      netrc: false,
    })
    return { finding: findings.find(({ kind }) => kind === 'token'), fixes }
  }

  it('says that the service is asked when a request needs its token, and asks it nothing', async () => {
    const { seen } = await actions(() => value(identity()))
    expect((await explained()).finding).toMatchObject({
      verdict: 'deferred',
      source: expect.stringContaining('ACTIONS_ID_TOKEN_REQUEST_URL') as string,
    })
    expect(seen).toEqual([])
  })

  it.each([
    ['a token that is there', () => identity(), { verdict: 'usable', source: 'A_TOKEN' }, []],
    [
      'one that has expired',
      () => identity({ exp: 1 }),
      { verdict: 'skipped', code: 'expired' },
      ['request the identity token later in the job, or exchange it earlier'],
    ],
    ['one that is none', () => 'abc', { verdict: 'skipped', code: 'malformed' }, []],
    [
      'none',
      () => '',
      { verdict: 'absent', code: 'absent' },
      ['correct the option variable, or add the token to the job'],
    ],
  ])('describes %s', async (_, token, finding, fixes) => {
    process.env.A_TOKEN = token()
    const found = await explained({ variable: 'A_TOKEN' })
    expect(found).toMatchObject({ finding, fixes })
    expectNoSecret(
      found,
      ['abc'].filter((text) => text === process.env.A_TOKEN && text.length > 5),
    )
  })
})
