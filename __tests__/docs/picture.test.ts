/**
 * docs/explain.svg shows what `igwn-auth explain` prints. `UPDATE_SESSIONS=1 npx jest docs/picture` draws it again.
 */
import fs from 'node:fs'
import path from 'node:path'
import { terminalPicture } from '../../demo/terminal-picture'
import { desk, type Desk } from '../support/sessions'
import { startSite, type Site } from '../support/site'

const FILE = path.join(__dirname, '../../docs/explain.svg')
const COMMAND = 'igwn-auth explain https://gracedb.example.org/api/events/ --scope gracedb.write'

let site: Site
let host: Desk
beforeAll(async () => {
  site = await startSite({ names: ['gracedb.example.org'], issuer: 'https://issuer.example.org' })
  host = await desk(site)
})
afterAll(async () => {
  await host.close()
  await site.close()
})

it('shows the output of a real run', async () => {
  const aud = 'https://gracedb.example.org'
  host.env.BEARER_TOKEN = site.mint({ aud, scope: 'gracedb.write' }, { expiresIn: -9000 })
  host.put('/run/user/1000/bt_u1000', site.mint({ aud }, { expiresIn: 3599 }))
  const picture = terminalPicture(COMMAND, await host.type(COMMAND))
  if (process.env.UPDATE_SESSIONS) fs.writeFileSync(FILE, picture)
  expect(fs.readFileSync(FILE, 'utf8')).toBe(picture)
})
