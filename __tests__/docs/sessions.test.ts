/**
 * The sessions of the documents, run: what they show is what the command prints. After a change of what it prints,
 * `UPDATE_SESSIONS=1 npx jest docs/sessions` has the documents show that.
 */
import fs from 'node:fs'
import path from 'node:path'
import { secondsFromNow } from '../support/pki'
import { desk, sessionsIn, withSessions, type Desk } from '../support/sessions'
import { startSite, type Site } from '../support/site'

const HOSTS = ['gracedb', 'datafind', 'storage', 'osdf', 'detchar'].map((name) => `${name}.example.org`)
const GRACEDB = 'https://gracedb.example.org'
const TOKEN_FILE = '/run/user/1000/bt_u1000'

let site: Site
let machine: Desk
let proxy: string
let expiredProxy: string
beforeAll(async () => {
  const scopes = { '/api/superevents/': 'gracedb.read', '/api/events/': 'gracedb.write' }
  site = await startSite({ names: HOSTS, issuer: 'https://issuer.example.org', scopes })
  machine = await desk(site)
  const alice = await site.authority.issueUser('Alice Adams')
  proxy = await bundle({})
  expiredProxy = await bundle({
    notBefore: secondsFromNow(-18 * 3600),
    notAfter: secondsFromNow(-6 * 3600 - 60),
  })

  /** A proxy whose number is as long as that in the documents. */
  async function bundle(dates: object): Promise<string> {
    for (;;) {
      const { bundle, name } = await site.authority.issueProxy(alice, dates)
      if (/"\d{10}"/.test(JSON.stringify(name))) return bundle
    }
  }
})
afterAll(async () => {
  await machine.close()
  await site.close()
})

/** A token of the machine, with most of an hour left. */
const token = (claims: object = {}, expiresIn = 3599) => site.mint({ aud: GRACEDB, ...claims }, { expiresIn })

/** What is on the machine, by the heading that a session stands under. */
const SCENES: Record<string, () => void> = {
  'No token was found': () => undefined,
  'The token has expired': () => {
    machine.put(TOKEN_FILE, token({}, -9000))
  },
  'The token is for another server': () => {
    machine.put(TOKEN_FILE, token())
  },
  'The token lacks the scope': () => {
    machine.put(TOKEN_FILE, token())
    machine.put('/home/albert.einstein/event.json', '{}')
  },
  'No scope of the token covers the path': () => {
    machine.put(TOKEN_FILE, token({ aud: 'ANY', scope: 'storage.read:/grid/O3' }))
  },
  'A variable does not contain a token': () => {
    machine.env.BEARER_TOKEN = `Bearer ${token()}`
  },
  'The proxy certificate has expired': () => {
    machine.put('/tmp/x509up_u1000', expiredProxy)
  },
  'Other users can read the netrc file': () => {
    machine.put('/home/albert.einstein/.netrc', 'machine detchar.example.org login me password x', 0o644)
  },
  'The URL uses plain HTTP': () => {
    machine.put(TOKEN_FILE, token({ aud: 'ANY' }))
  },
  'The server certificate is not trusted': () => {
    machine.env.NODE_EXTRA_CA_CERTS = ''
  },
  explain: () => {
    machine.put(TOKEN_FILE, token())
    machine.put('/tmp/x509up_u1000', proxy)
  },
}
for (const heading of ['request', 'token', 'x509']) SCENES[heading] = SCENES.explain!

describe.each(['docs/troubleshooting.md', 'docs/command-line.md'])('%s', (name) => {
  const file = path.join(__dirname, '..', '..', name)
  const document = fs.readFileSync(file, 'utf8')
  const sessions = sessionsIn(document)
  const printed: string[] = []

  it.each(sessions.map(({ heading, command, shown }) => [heading, command, shown] as const))(
    '%s: %s',
    async (heading, command, shown) => {
      machine.clear()
      SCENES[heading]!()
      const prints = await machine.type(command)
      printed.push(prints)
      if (!process.env.UPDATE_SESSIONS) expect(prints).toBe(shown)
    },
  )

  afterAll(() => {
    if (process.env.UPDATE_SESSIONS) fs.writeFileSync(file, withSessions(document, printed))
  })
})

it('shows ten refusals, and links to each at the top', () => {
  const page = fs.readFileSync(path.join(__dirname, '../../docs/troubleshooting.md'), 'utf8')
  const listed = Array.from(
    page.slice(0, page.indexOf('\n## ')).matchAll(/\]\(#(.*?)\)/g),
    ([, anchor]) => anchor,
  )
  const sections = Array.from(page.matchAll(/^## (.*)$/gm), ([, title = '']) => title).slice(0, -1)
  expect(listed).toHaveLength(10)
  expect(listed).toEqual(sections.map((title) => title.toLowerCase().replaceAll(' ', '-')))
})
