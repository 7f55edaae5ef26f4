/** The examples of docs/oauth2.md, run against a real provider, and services that take its tokens. */
import { createPrivateKey } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { webLogin } from '../../lib/oauth2'
import { browse } from '../support/browser'
import { examplesIn, fencesIn, programExample, runExample, type Example } from '../support/examples'
import { leadHosts } from '../support/redirect-hosts'
import { startOpenIdProvider, type OpenIdProvider } from '../support/openid-provider'

const document = fs.readFileSync(path.join(__dirname, '../../docs/oauth2.md'), 'utf8')
const folder = String(process.env.HOME)
const issuer = 'https://issuer.example.org'
const CLIENT_SECRET = 'over the rainbow'

let provider: OpenIdProvider
let stopLeading: () => void

beforeAll(async () => {
  const names = ['issuer', 'gracedb', 'datafind', 'old'].map((name) => `${name}.example.org`)
  const robot = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }
  const secret = { client_secret: CLIENT_SECRET }
  provider = await startOpenIdProvider({
    issuer,
    names,
    clients: ({ ec }) => [
      { ...robot, ...secret, client_id: 'detchar-bot' },
      {
        ...robot,
        client_id: 'detchar-robot',
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        jwks: { keys: [ec] },
      },
      {
        ...secret,
        client_id: 'portal',
        redirect_uris: ['https://portal.example.org/callback'],
        response_types: ['code'],
        grant_types: [
          'authorization_code',
          'refresh_token',
          'password',
          'urn:ietf:params:oauth:grant-type:token-exchange',
        ],
      },
      {
        client_id: 'gw-cli',
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        redirect_uris: ['http://127.0.0.1/callback'],
        response_types: ['code'],
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      },
    ],
  })
  stopLeading = leadHosts(provider.port, provider.ca)
  furnish()
}, 30_000)

afterAll(async () => {
  stopLeading()
  await provider.close()
})

/** The files of whoever runs the examples. */
function furnish(): void {
  const put = (name: string, text: string) => {
    fs.writeFileSync(path.join(folder, name), text, { mode: 0o600 })
    return path.join(folder, name)
  }
  const passphrase = 'open sesame'
  const encrypted = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase } as const
  put('robot-key.pem', createPrivateKey(provider.keys.ec).export(encrypted) as string)
  put('robotcert.pem', provider.certificates.mtls.certificate)
  put('robotkey.pem', provider.certificates.mtls.key)
  put('service-account.pem', provider.keys.serviceAccount)
  Object.assign(process.env, {
    CLIENT_SECRET,
    PASSPHRASE: passphrase,
    SSL_CERT_FILE: put('ca.pem', provider.ca),
  })
}

/** Tokens that somebody has already. */
async function alreadyThere(): Promise<void> {
  const steps = webLogin({ issuer, axios: provider.http, clientId: 'portal', clientSecret: CLIENT_SECRET })
  const { url, login } = await steps.authorizationUrl({
    redirectUri: 'https://portal.example.org/callback',
    scope: 'offline_access gracedb.read',
    audience: 'https://gracedb.example.org',
    params: { prompt: 'consent' },
  })
  const token = await steps.handleCallback(await visit(url), login)
  process.env.REFRESH_TOKEN = token.refresh_token
  process.env.BEARER_TOKEN = provider.mint({ sub: 'albert', aud: 'ANY', scope: 'gracedb.read' })
}

/** A person who sees a URL on a terminal opens it, and one who sees a code enters it on their telephone. */
function normal(text: string): string {
  const url = /^Open (\S+\?\S+)$/.exec(text)?.[1]
  if (url !== undefined) {
    void browse(provider.http, url)
    return text.replace(/\?.*/, '?…')
  }
  const code = /enter ([A-Z-]{9})\./.exec(text)?.[1]
  if (code === undefined) return text
  void browse(provider.http, `${issuer}/device?user_code=${code}`)
  return text.replace(code, 'WDJB-MJHT')
}

const openBrowser = (url: string) => browse(provider.http, url)
const visit = async (url: string) =>
  (await browse(provider.http, url, 'https://portal.example.org/callback')).url.href

async function printsWhatItSays(example: Example): Promise<void> {
  await alreadyThere()
  // Its client is registered with a secret of its own.
  if (example.code.includes("clientId: 'dpop'")) process.env.CLIENT_SECRET = 'secret of dpop'
  else process.env.CLIENT_SECRET = CLIENT_SECRET
  expect(example.prints).not.toEqual([])
  const environment = { folder, slashTmp: `${folder}/tmp`, normal, globals: { openBrowser, visit } }
  expect(await runExample(example, environment)).toEqual(example.prints)
}

it.each(examplesIn(document).map((example, index) => [index + 1, example.heading, example] as const))(
  'example %i (%s) runs, and prints what it says',
  async (_index, _heading, example) => printsWhatItSays(example),
)

it.each([
  'client-credentials.ts',
  'device-code.ts',
  'authorization-code.ts',
  'refresh-token.ts',
  'jwt-bearer.ts',
  'token-exchange.ts',
])('the program %s runs, and prints what it says', async (name) => printsWhatItSays(programExample(name)))

it('has no example in a language that is not run', () => {
  expect(new Set(fencesIn(document).map(({ language }) => language))).toEqual(new Set(['ts', 'js']))
})
