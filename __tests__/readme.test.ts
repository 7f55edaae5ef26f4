/**
 * The examples of the README, run against a site on this machine.
 *
 * The examples keep their hosts: connections to `*.example.org` are led to the site where https makes them, by an agent
 * of Node's or of the example's own. So the URL, the audience, the certificate's name and every message are as written,
 * which rewriting the hosts in the text would not give.
 */
import fs from 'node:fs'
import https from 'node:https'
import type { Socket } from 'node:net'
import path from 'node:path'
import axios from 'axios'
import { applyIgwnAuth } from '../lib/index'
import { examplesIn, fencesIn, runExample } from './support/examples'
import type { Issued } from './support/pki'
import { startSite, type Site } from './support/site'

const ROOT = path.join(__dirname, '..')
const readme = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8')

const ISSUER = 'https://issuer.example.org'
const SERVICES = ['https://gracedb.example.org', 'https://datafind.example.org']
/** For these there is no token on the machine. */
const OTHERS = ['https://dqsegdb.example.org', 'https://storage.example.org', 'https://detchar.example.org']

const LOGIN = { user: 'albert.einstein', password: 'over the rainbow' }

const examples = examplesIn(readme)

let site: Site
const folder = process.env.XDG_RUNTIME_DIR ?? ''
const slashTmp = path.join(folder, '..', 'slash-tmp')
/** Where a search looks for that of whoever runs the tests, who alone may own it. */
const proxyFile = path.join(slashTmp, `x509up_u${process.getuid?.() ?? 1000}`)
const { createConnection } = https.Agent.prototype as unknown as Record<string, Connect>

type Connect = (this: https.Agent, options: https.AgentOptions, ...rest: unknown[]) => Socket

beforeAll(async () => {
  const names = [ISSUER, ...SERVICES, ...OTHERS].map((origin) => new URL(origin).hostname)
  const scopes = {
    '/api/superevents/': 'gracedb.read',
    '/api/version': 'gwdatafind.read',
    '/dq': 'dqsegdb.read',
  }
  site = await startSite({ names, issuer: ISSUER, scopes, login: `${LOGIN.user}:${LOGIN.password}`, issue })
  Object.assign(https.Agent.prototype, {
    createConnection(this: https.Agent, options: https.AgentOptions, ...rest: unknown[]) {
      const { host = '', ca = site.ca } = options
      const led = host.endsWith('.example.org')
        ? { ...options, host: '127.0.0.1', port: site.port, servername: host, ca }
        : options
      return createConnection?.call(this, led, ...rest)
    },
  })
  await furnish()
})

/** What user 1000, as in the examples, has on the machine: a token for two services, a proxy, a certificate, a login. */
async function furnish(): Promise<void> {
  const put = (file: string, text: string) => {
    fs.writeFileSync(file, text, { mode: 0o600 })
  }
  const { authority } = site
  process.geteuid = () => 1000
  put(path.join(folder, 'bt_u1000'), site.mint({ aud: SERVICES, scope: 'gracedb.read gwdatafind.read' }))
  put(proxyFile, (await authority.issueProxy(await authority.issueUser('Alice Adams'))).bundle)
  const robot: Issued = await authority.issueUser('Robot Smith')
  put(path.join(folder, 'robotcert.pem'), robot.certificate)
  put(path.join(folder, 'robotkey.pem'), robot.key)
  const { user, password } = LOGIN
  put(
    path.join(process.env.HOME ?? '', '.netrc'),
    `machine detchar.example.org login ${user} password "${password}"`,
  )
  put(path.join(folder, 'grid-ca.pem'), site.ca)
  // Not by X509_CERT_DIR, which has Node's own authorities parsed anew in each example.
  process.env.SSL_CERT_FILE = path.join(folder, 'grid-ca.pem')
}

/** What the portal gives for one service: first a token that the service would not have, then good ones. */
let issued = 0
function issue(): string {
  const forged = (issued += 1) === 1
  return site.mint({ aud: 'https://dqsegdb.example.org', scope: 'dqsegdb.read' }, { forged })
}

afterAll(async () => {
  Object.assign(https.Agent.prototype, { createConnection })
  await site.close()
})

it.each(examples.map((example, index) => [index + 1, example.heading, example] as const))(
  'example %i (%s) runs, and prints what it says',
  async (_index, _heading, example) => {
    expect(example.prints).not.toEqual([])
    expect(await runExample(example, { folder, slashTmp, normal })).toEqual(example.prints.map(normal))
  },
)

it('has no example in a language that is not run', () => {
  expect(new Set(fencesIn(readme).map(({ language }) => language))).toEqual(
    new Set(['ts', 'js', 'sh', 'text']),
  )
})

it('names the two commands that show the package and test it, and both exist', () => {
  expect(readme).toMatch(/^npm install && npm run demo$/m)
  expect(readme).toMatch(/^npm install && npm test$/m)
  const { scripts } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    scripts: object
  }
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(['demo', 'test']))
})

it('has a row for every option there is, and for no other', () => {
  let message = ''
  try {
    applyIgwnAuth(axios.create(), { nonsense: 1 } as object)
  } catch (error) {
    message = (error as Error).message
  }
  const options = /there are (.*)\.$/.exec(message)?.[1]?.split(', ')
  expect(rows('Options').sort()).toEqual(options?.sort())
})

it('has a row for every code of an error that the package throws, and for no other', () => {
  const sources = fs
    .readdirSync(path.join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && file !== 'errors.ts')
    .map((file) => fs.readFileSync(path.join(ROOT, 'lib', file), 'utf8'))
  const thrown = new Set(sources.join('').match(/(?<=')ERR_IGWN_\w+(?=')/g))
  expect(rows('Errors').sort()).toEqual([...thrown].sort())
})

it('names every code of a reason', () => {
  const source = fs.readFileSync(path.join(ROOT, 'lib/errors.ts'), 'utf8')
  const union = /type ReasonCode =([^]*?)\n\n/.exec(source)?.[1] ?? ''
  const known = Array.from(union.matchAll(/^ +\| '(.*)'$/gm), ([, code]) => `\`${code}\``)
  expect(known.length).toBeGreaterThan(20)
  expect(known.filter((code) => !section('Errors').includes(code))).toEqual([])
})

function section(heading: string): string {
  const begin = readme.indexOf(`\n## ${heading}\n`)
  return readme.slice(begin, readme.indexOf('\n## ', begin + 1))
}

/** What the rows of the table in a section are about. */
function rows(heading: string): (string | undefined)[] {
  return Array.from(section(heading).matchAll(/^\| `(\w+)`/gm), ([, name]) => name)
}

/** The folders of this test under the names that people know, and one time for all. */
function normal(text: string): string {
  return text
    .replaceAll(proxyFile, '/tmp/x509up_u1000')
    .replaceAll(folder, '/run/user/1000')
    .replaceAll(slashTmp, '/tmp')
    .replace(/CN=\d+/, 'CN=N')
    .replace(/\n.*grid-ca.pem.*/, '') // which serves this test alone
    .replace(/expiresAt: \d+/, 'expiresAt: 1767225600')
}
