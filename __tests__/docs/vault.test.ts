/** The examples of docs/vault.md, with a Vault server at vault.example.org. */
import fs from 'node:fs'
import path from 'node:path'
import { exampleMachine, type ExampleMachine } from '../support/example-machine'
import { testExamples } from '../support/examples'
import { leadHosts } from '../support/redirect-hosts'
import { serve, type TestServer } from '../support/server'
import { room } from '../support/tokens'

jest.mock('node:timers/promises', () => jest.requireActual<object>('../support/short-pauses'))

let machine: ExampleMachine
let vault: TestServer | undefined
let stopRedirects: (() => void) | undefined
const { geteuid = () => 0 } = process

beforeAll(async () => {
  machine = await exampleMachine()
  // The files belong to the user of the tests, not to user 1000 of the examples.
  process.geteuid = geteuid
  const { certificate: cert, key } = await machine.site.authority.issueServer({
    names: ['vault.example.org'],
  })
  vault = await serve(
    ({ method, url }) => {
      const auth = {
        client_token: 'hvs.example',
        policies: ['oidc-igwn_default'],
        lease_duration: 604_800,
        metadata: { credkey: 'albert.einstein', oauth2_refresh_token: 'refresh' },
      }
      const data = url.endsWith('/auth_url')
        ? {
            auth_url: 'https://idp.example.org/device',
            user_code: 'WDJB-MJHT',
            state: 's',
            poll_interval: '1',
          }
        : { access_token: machine.site.mint({ aud: 'https://gracedb.example.org', scope: scopeIn(url) }) }
      if (url.endsWith('/poll')) return { body: JSON.stringify({ auth }) }
      if (method === 'DELETE' || (method === 'POST' && url.includes('/creds/')))
        return { status: 204, body: '' }
      return { body: JSON.stringify({ data }) }
    },
    { tls: { cert, key } },
  )
  stopRedirects = leadHosts({ 'vault.example.org': vault.port }, machine.site.ca)
  const folder = room('.config/htgettoken')
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(path.join(folder, 'credkey-igwn-default'), 'albert.einstein\n')
  fs.writeFileSync(vaultTokenFile(), 'hvs.example\n', { mode: 0o600 })
})
afterAll(async () => {
  stopRedirects?.()
  await vault?.close()
  await machine.close()
})

const scopeIn = (url: string) => new URL(url, 'https://v').searchParams.get('scopes') ?? 'gracedb.read'
const vaultTokenFile = () => path.join(process.env.XDG_RUNTIME_DIR!, '../slash-tmp', `vt_u${geteuid()}`)

/** As user 1000 sees it. */
const asShown = (text: string) =>
  text.replaceAll(`t_u${geteuid()}`, 't_u1000').replaceAll(process.env.HOME!, '~')

describe('docs/vault.md', () => {
  testExamples('docs/vault.md', () => ({
    prints: (example) => machine.prints(example),
    async run(example) {
      // A login with a browser is needed without the files of an earlier one.
      if (example.heading === 'Log in') {
        fs.rmSync(vaultTokenFile(), { force: true })
        fs.rmSync(room('.config'), { recursive: true, force: true })
      }
      return (await machine.run(example)).map(asShown)
    },
  }))
})
