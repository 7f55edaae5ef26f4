/** Nothing secret is printed by any command, in whatever outcome and however much it is asked to say; but by `token --print`. */
import fs from 'node:fs'
import path from 'node:path'
import { igwnAuth, runtimeFile, slashTmp } from '../support/command'
import { expectNoSecret } from '../support/expect-no-secret'
import { fileServer } from '../support/file-server'
import type { Issued } from '../support/pki'
import { startSite, type Site } from '../support/site'
import { emptyPlaces, mint, put, room, signatureOf } from '../support/tokens'

const PASSPHRASE = 'open sesame, said Ali'
const PASSWORD = 'correct-horse-battery'
const PARAMETER = 'secret-parameter-of-the-url'
const OWN = 'secret-of-the-command-line'

let site: Site
let alice: Issued
beforeAll(async () => {
  site = await startSite({ login: `albert:${PASSWORD}` })
  alice = await site.authority.issueUser('Alice Adams')
})
afterAll(() => site.close())

let secrets: string[]
let env: NodeJS.ProcessEnv
beforeEach(() => {
  emptyPlaces()
  const tokens = [site.mint(), site.mint({ aud: 'https://elsewhere.example.org' }), mint({ exp: 1 })]
  const [good = '', other = '', old = ''] = tokens
  put(runtimeFile(), good)
  put(path.join(slashTmp(), 'bt_u1000'), other, 0o644)
  put(path.join(slashTmp(), 'x509up_u1000'), alice.bundle)
  put(room('.netrc'), `machine localhost login albert password ${PASSWORD}`)
  put(room('cert.pem'), alice.certificate)
  put(room('key.pem'), alice.encryptedKey(PASSPHRASE))
  put(room('passphrase'), PASSPHRASE)
  put(room('ca.pem'), site.ca)
  env = { SSL_CERT_FILE: room('ca.pem'), BEARER_TOKEN: old, NODE_DEBUG: 'igwn-auth' }
  const ofKey = alice.key.split('\n').filter((line) => line.length > 20 && !line.startsWith('-----'))
  secrets = [...tokens, ...tokens.map(signatureOf), ...ofKey, PASSPHRASE, PASSWORD, PARAMETER, OWN]
})

/** Runs the command and looks at all that it printed. */
async function expectClean(
  words: readonly string[],
  code: number,
  more: NodeJS.ProcessEnv = {},
): Promise<string> {
  const ended = await igwnAuth(words, { env: { ...env, ...more }, cwd: room('') })
  expect({ words, code: ended.code, stderr: ended.stderr }).toMatchObject({ code })
  expectNoSecret(ended.stderr, secrets)
  // What a server answers is what was asked for; this one repeats the URL.
  expectNoSecret(ended.stdout.replaceAll(/"path":"[^"]*"/g, ''), secrets)
  return ended.stdout + ended.stderr
}

const named = () => [
  '--cert',
  room('cert.pem'),
  '--key',
  room('key.pem'),
  '--passphrase-file',
  room('passphrase'),
]

it('by explain', async () => {
  const url = `${site.origin}/gracedb/x?authz=${PARAMETER}#${PARAMETER}`
  for (const more of [[], ['--json'], named(), ['--no-token'], ['--scope', 'x.write', '--json']])
    await expectClean(['explain', url, ...more], 0)
  await expectClean(['explain', url.replace('//', `//albert:${PASSWORD}@`)], 0)
  await expectClean(['explain', url, '--no-token', '--no-x509', '--no-netrc'], 1)
})

it('by token, but with --print', async () => {
  for (const more of [[], ['--json'], ['--decode'], ['--decode', '--json']])
    await expectClean(['token', ...more], 0)
  await expectClean(['token', '--scope', 'x.write'], 1)
  expect((await igwnAuth(['token', '--print'], { env })).stdout.trim().length).toBeGreaterThan(100)
})

it('by x509', async () => {
  for (const more of [[], ['--json'], named()]) await expectClean(['x509', ...more], 0)
  put(room('wrong'), `not ${PASSPHRASE}`)
  await expectClean(['x509', ...named().slice(0, 4), '--passphrase-file', room('wrong')], 1)
  await expectClean(['x509', '--cert', room('cert.pem')], 1)
})

describe('by get', () => {
  it.each<[string, string[], number]>([
    ['with a token', ['/gracedb/x'], 0],
    ['with its headers', ['/gracedb/x', '-i'], 0],
    ['with a login', ['/logbook/x', '--no-token'], 0],
    ['with a certificate', ['/grid/x'], 0],
    ['with a header of its own', ['/gracedb/x', '-H', `Authorization: Bearer ${OWN}`], 1],
    ['refused', ['/dqsegdb/x'], 1],
    ['refused, into a file', ['/dqsegdb/x', '-o', 'refused'], 1],
    ['not found', ['/nothing', '-o', 'none'], 22],
    ['into a file', ['/gracedb/x', '-o', 'x'], 0],
    ['without a connection', [':1/gracedb/x'], 7],
  ])('%s', async (_, [place = '', ...words], code) => {
    const url = place.startsWith(':1') ? `https://localhost${place}` : site.origin + place
    const printed = await expectClean(['get', `${url}?authz=${PARAMETER}`, '-v', ...words], code)
    // All was said that was asked for.
    expect(printed).toContain('> GET https://localhost')
    expect(printed).toContain('IGWN-AUTH')
  })

  it('that fails before anything leaves', async () => {
    await expectClean(['get', 'http://x.example.org/', '--fail-if-no-auth', '-v'], 1)
    await expectClean(['get', site.origin, '-H', `Authorization ${OWN}`], 2)
    await expectClean(['get', `ftp://albert:${PASSWORD}@x.example.org/`], 2)
    await expectClean(['get', site.origin, '-d', `@${room('none')}`, '-H', `X-Key: ${OWN}`], 26)
  })

  it('by what a server sends back of it', async () => {
    const token = site.mint()
    secrets.push(token, 'cookie-of-a-session', 'signature-of-a-url')
    const headers = {
      'Set-Cookie': 'a=cookie-of-a-session',
      Location: 'https://x.example.org/?sig=signature-of-a-url',
      'X-Echo': `Bearer ${token}`,
    }
    const server = await fileServer({ content: Buffer.from('x') })
    server.mishaps.push({ status: 400, headers, body: `I do not like ${token}` })
    const printed = await expectClean(['get', server.url, '-v', '-o', 'x'], 22)
    expect(printed).toContain('the server says: I do not like [not shown]')
    await server.close()
  })

  it('in what is left of a download', async () => {
    const server = await fileServer({ content: Buffer.alloc(500_000), headers: { ETag: '"v1"' } })
    server.mishaps.push({ breaksAt: 300_000 })
    await expectClean(['get', `${server.url}?authz=${PARAMETER}`, '-o', 'x', '--retry', '0'], 18)
    expectNoSecret(fs.readFileSync(room('x.part.json'), 'utf8'), secrets)
    await server.close()
  })
})

it('of what is not understood of the command line', async () => {
  const token = site.mint()
  secrets.push(token)
  await expectClean(['get', site.origin, `--token=${token}`], 2)
  await expectClean(['get', site.origin, `--passphrase=${PASSPHRASE}`], 2)
  await expectClean(['get', site.origin, '--timeout', token], 2)
  await expectClean([token], 2)
})

it('where a secret stands in the place of its path', async () => {
  const token = site.mint()
  secrets.push(token)
  await expectClean(['explain', site.origin], 0, { BEARER_TOKEN_FILE: token, _CONDOR_CREDS: token })
  await expectClean(
    ['explain', site.origin, '--netrc-file', `machine x login me password ${PASSWORD}`, '--no-token'],
    1,
  )
  await expectClean(['x509', '--cert', alice.key], 1)
  await expectClean(['explain', site.origin, '--passphrase-file', token], 26)
  await expectClean(['get', site.origin, '-o', `${token}/x`], 23)
  await expectClean(['get', site.origin, '-d', `@${token}`], 26)
})
