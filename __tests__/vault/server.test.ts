/** How a Vault server is found and connected to: URL, options of others, CAs and names. */
import fs from 'node:fs'
import path from 'node:path'
import { processEnvironment } from '../../lib/environment'
import { logIn, type LogInOptions } from '../../lib/vault'
import { serverUrl } from '../../lib/vault/settings'
import { createAuthority } from '../support/pki'
import { serve, type TestServer } from '../support/server'
import { emptyPlaces, mint, put, room } from '../support/tokens'

let server: TestServer | undefined
let origin: string
let ca: string

beforeAll(async () => {
  const authority = await createAuthority()
  const { certificate: cert, key } = await authority.issueServer({
    names: ['vault.example.org', '127.0.0.1'],
  })
  server = await serve(
    ({ url }) =>
      url === '/opts'
        ? { body: optionsText }
        : { body: JSON.stringify({ data: { access_token: mint(), expire_time: '2100-01-01T00:00:00Z' } }) },
    { tls: { cert, key } },
  )
  origin = server.origin
  ca = authority.certificate
})
afterAll(() => server?.close())

const OPTIONS = '-i virgo -r gw --secretpath=secret/x/%issuer/%role/%credkey # comment'
let optionsText: string
let own: LogInOptions
beforeEach(() => {
  optionsText = OPTIONS
  emptyPlaces()
  own = {
    vaultserver: origin,
    credkey: 'albert',
    vaulttokenfile: put(room('vt'), 'hvs.x'),
    nokerberos: true,
    nossh: true,
    cafile: put(room('ca.pem'), ca),
  }
})
afterEach(() => {
  for (const name of ['HTGETTOKENOPTS', 'X509_CERT_DIR']) delete process.env[name]
})

const lastUrl = () => server?.seen.at(-1)?.url

it.each([
  ['vault.example.org', 'https://vault.example.org:8200'],
  ['vault.example.org:443', 'https://vault.example.org'],
  ['https://vault.example.org/base/', 'https://vault.example.org:8200/base'],
  ['https://[::1]', 'https://[::1]:8200'],
  ['http://localhost:80', 'http://localhost'],
])('the server %s has the URL %s', (given, url) => {
  expect(serverUrl(given, 'vaultserver')).toBe(url)
})

it.each(['https://me:secret@vault.example.org', 'ftp://vault.example.org', 'vault.example.org?x=secret', ''])(
  'the server %j is rejected, and not repeated',
  async (vaultserver) => {
    const error: unknown = await logIn({ ...own, vaultserver }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({
      code: 'ERR_IGWN_INVALID_OPTION',
      message: expect.not.stringContaining('secret') as string,
    })
  },
)

it('a server over plain HTTP that is not on this host gets no Vault token', async () => {
  await expect(logIn({ ...own, vaultserver: 'http://vault.example.org' })).rejects.toMatchObject({
    code: 'ERR_IGWN_INSECURE_TRANSPORT',
  })
})

it('options come before HTGETTOKENOPTS, and that before the text of optserver', async () => {
  process.env.HTGETTOKENOPTS = `-r robot -s ${origin}/opts --minsecs 90`
  const { issuer, role, expiresAt } = await logIn({ ...own, minsecs: 120 })
  expect({ issuer, role }).toEqual({ issuer: 'virgo', role: 'robot' })
  expect(lastUrl()).toBe('/v1/secret/x/virgo/robot/albert?minimum_seconds=120')
  expect(expiresAt).toBeGreaterThan(Date.now() / 1000)
})

it.each([
  'outfile',
  'vaulttokenfile',
  'vaulttokeninfile',
  'configdir',
  'cafile',
  'capath',
  'vaultcertname',
  'vaultalias',
])('the text of optserver cannot set %s', async (option) => {
  optionsText = `-i virgo --${option}=/elsewhere`
  await expect(logIn({ ...own, optserver: `${origin}/opts` })).rejects.toMatchObject({
    code: 'ERR_IGWN_OAUTH_RESPONSE',
    message: expect.stringContaining(`sets ${option}. A server does not decide`) as string,
  })
  expect(lastUrl()).toBe('/opts')
})

it.each([
  ['--bad', /^HTGETTOKENOPTS has --bad, which is no option of htgettoken/],
  ['-i "igwn', /^HTGETTOKENOPTS has a quote that is not closed/],
  ['--issuer', /^HTGETTOKENOPTS has no value for --issuer/],
  ['--vaulttokenttl=x', /^HTGETTOKENOPTS\.vaulttokenttl must be a number of seconds/],
  ['--quiet=yes', /^HTGETTOKENOPTS gives --quiet a value, which it does not take/],
])('HTGETTOKENOPTS=%j is an error', async (text, message) => {
  process.env.HTGETTOKENOPTS = text
  await expect(logIn(own)).rejects.toMatchObject({
    code: 'ERR_IGWN_INVALID_ENVIRONMENT',
    message: expect.stringMatching(message) as string,
  })
})

describe('the certificate of the server', () => {
  it('of an unknown CA is an error that says so', async () => {
    await expect(logIn({ ...own, cafile: undefined })).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_UNREACHABLE',
      message: expect.stringMatching(/cannot be reached: .*certificate/) as string,
    })
  })

  it.each(['cafile', 'capath', 'X509_CERT_DIR'])('is trusted by %s', async (name) => {
    const withoutCa = { ...own, cafile: undefined }
    const folder = path.dirname(put(room('certificates/ca.pem'), ca))
    if (name === 'X509_CERT_DIR') process.env[name] = folder
    const trust = name === 'cafile' ? own : name === 'capath' ? { ...withoutCa, capath: folder } : withoutCa
    expect((await logIn(trust)).by).toBe('vault token')
  })

  it('must have the name of vaultcertname', async () => {
    expect((await logIn({ ...own, vaultcertname: 'vault.example.org' })).by).toBe('vault token')
    await expect(logIn({ ...own, vaultcertname: 'other.example.org' })).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_UNREACHABLE',
      message: expect.stringContaining('other.example.org') as string,
    })
  })

  it('a CA that cannot be used is named by its option', async () => {
    await expect(logIn({ ...own, cafile: room('none.pem') })).rejects.toMatchObject({
      code: 'ERR_IGWN_CA_UNUSABLE',
      message: `${room('none.pem')} (options.cafile) does not exist. Set options.cafile to the path of a PEM file or folder of CA certificates, or unset it.`,
    })
  })
})

describe('a file', () => {
  const asRoot = process.geteuid?.() === 0

  ;(asRoot ? it : it.skip)(
    'of another user in a folder for all users is neither used nor replaced',
    async () => {
      const vaulttokenfile = put(path.join(processEnvironment.temporaryFolder, 'vt'), 'hvs.theirs')
      fs.chownSync(vaulttokenfile, 4321, 4321)
      await expect(logIn({ ...own, vaulttokenfile })).rejects.toMatchObject({
        code: 'ERR_IGWN_TOKEN_NOT_FOUND',
        reasons: [{ code: 'foreign-owner' }, { code: 'disabled' }],
      })
      const outfile = put(path.join(processEnvironment.temporaryFolder, 'bt'), 'theirs')
      fs.chownSync(outfile, 4321, 4321)
      await expect(logIn({ ...own, outfile })).rejects.toMatchObject({ code: 'ERR_IGWN_STORE_UNUSABLE' })
      expect(fs.readFileSync(outfile, 'utf8')).toBe('theirs')
    },
  )

  it.each([
    ['hvs.one\nhvs.two\n', 'malformed', 'is not one line with one word'],
    ['\n', 'empty', 'is empty'],
  ])('with %j is not sent', async (text, code, what) => {
    const before = server?.seen.length
    await expect(logIn({ ...own, vaulttokenfile: put(room('vt'), text) })).rejects.toMatchObject({
      reasons: [{ code, message: `Vault token: ${room('vt')} ${what}` }, { code: 'disabled' }],
    })
    expect(server?.seen.length).toBe(before)
  })

  it('a folder that cannot be written is an error', async () => {
    await expect(logIn({ ...own, outfile: room('none/bt') })).rejects.toMatchObject({
      code: 'ERR_IGWN_STORE_UNUSABLE',
      message: `${room('none/bt')} cannot be written (ENOENT). Remove it, or name another file.`,
    })
  })

  it('a Vault token that is valid for long is not stored', async () => {
    await expect(logIn({ ...own, vaulttokenttl: '12d' })).rejects.toMatchObject({
      code: 'ERR_IGWN_INVALID_OPTION',
      message: expect.stringContaining('must not be stored') as string,
    })
  })
})
