/** The examples about OAuth 2, run against a real provider and services that accept its tokens. */
import { createPrivateKey } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { webLogin } from '../../lib/oauth2'
import { browse } from '../support/browser'
import { programExample, runExample, testExamples, type Example } from '../support/examples'
import { leadHosts } from '../support/redirect-hosts'
import { startOpenIdProvider, type OpenIdProvider } from '../support/openid-provider'

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

/** The files that the examples use. */
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

/** Sets REFRESH_TOKEN and BEARER_TOKEN, as after an earlier login. */
async function logIn(): Promise<void> {
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

/** Acts as the person: opens a printed URL, and enters a printed code. */
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

async function run(example: Example): Promise<string[]> {
  await logIn()
  // The client `dpop` is registered with another secret.
  if (example.code.includes("clientId: 'dpop'")) process.env.CLIENT_SECRET = 'secret of dpop'
  else process.env.CLIENT_SECRET = CLIENT_SECRET
  return runExample(example, {
    folder,
    slashTmp: `${folder}/tmp`,
    normal,
    globals: { openBrowser, visit },
  })
}

describe.each([
  'docs/oauth2.md',
  'docs/oauth2-clients.md',
  'docs/oauth2-tokens.md',
  'docs/oauth2-web-login.md',
  'docs/oauth2-dpop-and-mtls.md',
])('%s', (name) => {
  testExamples(name, () => ({ run }))
})

it.each([
  'client-credentials.ts',
  'device-code.ts',
  'authorization-code.ts',
  'refresh-token.ts',
  'jwt-bearer.ts',
  'token-exchange.ts',
])('the program %s runs and prints what it shows', async (name) => {
  const example = programExample(name)
  expect(await run(example)).toEqual(example.prints)
})
