/** No command prints a secret, whatever the outcome and the verbosity, except `token --print`. */
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

/** Runs the command and checks its output. */
async function expectClean(
  words: readonly string[],
  code: number,
  more: NodeJS.ProcessEnv = {},
): Promise<string> {
  const ended = await igwnAuth(words, { env: { ...env, ...more }, cwd: room('') })
  expect({ words, code: ended.code, stderr: ended.stderr }).toMatchObject({ code })
  expectNoSecret(ended.stderr, secrets)
  // This server repeats the URL in its response, which is printed.
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

it('explain prints no secret', async () => {
  const url = `${site.origin}/gracedb/x?authz=${PARAMETER}#${PARAMETER}`
  for (const more of [[], ['--json'], named(), ['--no-token'], ['--scope', 'x.write', '--json']])
    await expectClean(['explain', url, ...more], 0)
  await expectClean(['explain', url.replace('//', `//albert:${PASSWORD}@`)], 0)
  await expectClean(['explain', url, '--no-token', '--no-x509', '--no-netrc'], 1)
})

it('token without --print prints no secret', async () => {
  for (const more of [[], ['--json'], ['--decode'], ['--decode', '--json']])
    await expectClean(['token', ...more], 0)
  await expectClean(['token', '--scope', 'x.write'], 1)
  expect((await igwnAuth(['token', '--print'], { env })).stdout.trim().length).toBeGreaterThan(100)
})

it('x509 prints no secret', async () => {
  for (const more of [[], ['--json'], named()]) await expectClean(['x509', ...more], 0)
  put(room('wrong'), `not ${PASSPHRASE}`)
  await expectClean(['x509', ...named().slice(0, 4), '--passphrase-file', room('wrong')], 1)
  await expectClean(['x509', '--cert', room('cert.pem')], 1)
})

describe('request', () => {
  it.each<[string, string[], number]>([
    ['with a token', ['/gracedb/x'], 0],
    ['with headers', ['/gracedb/x', '-i'], 0],
    ['with Basic credentials', ['/logbook/x', '--no-token'], 0],
    ['with a certificate', ['/grid/x'], 0],
    ['with an own header', ['/gracedb/x', '-H', `Authorization: Bearer ${OWN}`], 1],
    ['refused', ['/dqsegdb/x'], 1],
    ['refused, into a file', ['/dqsegdb/x', '-o', 'refused'], 1],
    ['not found', ['/nothing', '-o', 'none'], 22],
    ['into a file', ['/gracedb/x', '-o', 'x'], 0],
    ['without a connection', [':1/gracedb/x'], 7],
  ])('%s', async (_, [place = '', ...words], code) => {
    const url = place.startsWith(':1') ? `https://localhost${place}` : site.origin + place
    const printed = await expectClean(['get', `${url}?authz=${PARAMETER}`, '-v', ...words], code)
    // The verbose output is there.
    expect(printed).toContain('> GET https://localhost')
    expect(printed).toContain('IGWN-AUTH')
  })

  it('that fails before it is sent', async () => {
    await expectClean(['get', 'http://x.example.org/', '--fail-if-no-auth', '-v'], 1)
    await expectClean(['get', site.origin, '-H', `Authorization ${OWN}`], 2)
    await expectClean(['get', `ftp://albert:${PASSWORD}@x.example.org/`], 2)
    await expectClean(['get', site.origin, '-d', `@${room('none')}`, '-H', `X-Key: ${OWN}`], 26)
  })

  it('that the server repeats in its response', async () => {
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
    expect(printed).toContain('the server says: I do not like [hidden]')
    await server.close()
  })

  it('in the sidecar file of a download', async () => {
    const server = await fileServer({ content: Buffer.alloc(500_000), headers: { ETag: '"v1"' } })
    server.mishaps.push({ breaksAt: 300_000 })
    await expectClean(['get', `${server.url}?authz=${PARAMETER}`, '-o', 'x', '--retry', '0'], 18)
    expectNoSecret(fs.readFileSync(room('x.part.json'), 'utf8'), secrets)
    await server.close()
  })
})

it('an invalid command line is reported without its secrets', async () => {
  const token = site.mint()
  secrets.push(token)
  await expectClean(['get', site.origin, `--token=${token}`], 2)
  await expectClean(['get', site.origin, `--passphrase=${PASSPHRASE}`], 2)
  await expectClean(['get', site.origin, '--timeout', token], 2)
  await expectClean([token], 2)
})

it('a secret in place of a path is not printed', async () => {
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
