/** The examples about data, with a federation that has the names of OSDF. */
import fs from 'node:fs'
import path from 'node:path'
import { processEnvironment } from '../../lib/environment'
import { programExample, runExample, testExamples } from '../support/examples'
import { createFederation, type TestFederation } from '../support/federation'
import { mint } from '../support/tokens'
import { createAuthority } from '../support/pki'
import { leadHosts } from '../support/redirect-hosts'

const NAMES = {
  director: 'https://osg-htc.org',
  'cache-1': 'https://cache-1.example.org',
  'cache-2': 'https://cache-2.example.org',
  source: 'https://origin.example.org',
}
const folder = process.env.XDG_RUNTIME_DIR ?? ''

let federation: TestFederation
let stop: () => void

beforeAll(async () => {
  const authority = await createAuthority()
  const names = Object.values(NAMES).map((origin) => new URL(origin).hostname)
  const { certificate: cert, key } = await authority.issueServer({ names })
  federation = await createFederation({ cert, key }, { names: NAMES })
  const ports = Object.entries(NAMES).map(([name, origin]) => [
    new URL(origin).hostname,
    federation.ports[name] ?? 0,
  ])
  stop = leadHosts(Object.fromEntries(ports) as Record<string, number>, authority.certificate)
  fs.writeFileSync(path.join(folder, 'ca.pem'), authority.certificate)
  process.env.SSL_CERT_FILE = path.join(folder, 'ca.pem')
  federation.source.faults = { digest: 'adler32=1' }
  federation.objects.set('/igwn/other/f.txt', Buffer.from('another frame'))
  process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
})
afterAll(() => {
  delete process.env.BEARER_TOKEN
  stop()
})

const run = (example: Parameters<typeof runExample>[0]) =>
  runExample(example, { folder, slashTmp: processEnvironment.temporaryFolder })

describe('docs/data.md', () => {
  testExamples('docs/data.md', () => ({ run }))
})

it('the program osdf.ts runs and prints what it shows', async () => {
  const example = programExample('osdf.ts')
  expect(await run(example)).toEqual(example.prints)
})
