/** The examples about oidc-agent and CI identities: a stand-in for the agent and for Actions, and a real provider. */
import path from 'node:path'
import { programExample, runExample, testExamples } from '../support/examples'
import { serveAgent, type AgentStandIn } from '../support/oidc-agent'
import { startOpenIdProvider, type OpenIdProvider } from '../support/openid-provider'
import { leadHosts } from '../support/redirect-hosts'
import { serve } from '../support/server'
import { put } from '../support/tokens'

const folder = String(process.env.HOME)
const issuer = 'https://issuer.example.org'
const variables: Record<string, string> = {}
let provider: OpenIdProvider | undefined
let agent: AgentStandIn | undefined
let stopLeading: (() => void) | undefined

beforeAll(async () => {
  const exchange = ['urn:ietf:params:oauth:grant-type:token-exchange']
  const client = { token_endpoint_auth_method: 'none', redirect_uris: [], response_types: [] }
  const made = await startOpenIdProvider({
    issuer,
    names: ['issuer.example.org', 'gracedb.example.org'],
    clients: () => [{ ...client, client_id: 'ci', grant_types: exchange }],
  })
  provider = made
  stopLeading = leadHosts(made.port, made.ca)
  const mint = (sub: string, aud: string) => made.mint({ sub, aud, scope: 'gracedb.read' })
  const actions = await serve(({ url }) => {
    const audience = new URL(url, issuer).searchParams.get('audience') ?? ''
    return { body: JSON.stringify({ value: mint('repo:igwn/alerts:ref:refs/heads/main', audience) }) }
  })
  agent = await serveAgent(path.join(folder, 'agent', 's'), ({ audience }) => ({
    status: 'success',
    access_token: mint('albert', String(audience)),
    issuer,
  }))
  put(path.join(folder, 'identity', 'token'), mint('system:serviceaccount:igwn:alerts', issuer))
  Object.assign(variables, {
    SSL_CERT_FILE: put(path.join(folder, 'ca.pem'), made.ca),
    OIDC_SOCK: agent.socket,
    ACTIONS_ID_TOKEN_REQUEST_URL: `${actions.origin}/?api-version=2.0`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-token',
  })
  Object.assign(process.env, variables)
}, 60_000)

afterAll(async () => {
  for (const name of Object.keys(variables)) Reflect.deleteProperty(process.env, name)
  stopLeading?.()
  await Promise.all([agent?.close(), provider?.close()])
})

const run = (example: Parameters<typeof runExample>[0]) =>
  runExample(example, { folder, slashTmp: `${folder}/tmp` })

describe('docs/agents-and-ci.md', () => {
  testExamples('docs/agents-and-ci.md', () => ({ run }))
})

it('the program ci-job.ts runs and prints what it shows', async () => {
  const example = programExample('ci-job.ts')
  expect(await run(example)).toEqual(example.prints)
}, 60_000)
