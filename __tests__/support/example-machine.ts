/**
 * The host and the servers that the examples of the documents use: user 1000 has a token for two services, a proxy, a
 * certificate, and a netrc entry.
 */
import fs from 'node:fs'
import path from 'node:path'
import { runExample, type Example } from './examples'
import { leadHosts } from './redirect-hosts'
import type { Issued } from './pki'
import { startSite, type Site } from './site'

export interface ExampleMachine {
  readonly site: Site
  /** Runs an example. Resolves to what it printed. */
  run(example: Example): Promise<string[]>
  /** What an example shows as printed, normalized in the same way. */
  prints(example: Example): string[]
  close(): Promise<void>
}

const ISSUER = 'https://issuer.example.org'
const SERVICES = ['https://gracedb.example.org', 'https://datafind.example.org']
/** Services without a token on this host. */
const OTHERS = ['https://dqsegdb.example.org', 'https://storage.example.org', 'https://detchar.example.org']

const LOGIN = { user: 'albert.einstein', password: 'over the rainbow' }

export async function exampleMachine(): Promise<ExampleMachine> {
  const folder = process.env.XDG_RUNTIME_DIR ?? ''
  const slashTmp = path.join(folder, '..', 'slash-tmp')
  /** The default proxy file of the user who runs the tests, who must own it. */
  const proxyFile = path.join(slashTmp, `x509up_u${process.getuid?.() ?? 1000}`)
  const { geteuid } = process
  /** Root may read the files of all users, so the examples have another id. */
  const euid = geteuid?.() || 1000

  const names = [ISSUER, ...SERVICES, ...OTHERS].map((origin) => new URL(origin).hostname)
  const scopes = {
    '/api/superevents/': 'gracedb.read',
    '/api/version': 'gwdatafind.read',
    '/dq': 'dqsegdb.read',
  }
  /** The portal issues a token that the service refuses, then valid ones. */
  let issued = 0
  const issue = () => {
    const forged = (issued += 1) === 1
    return site.mint({ aud: 'https://dqsegdb.example.org', scope: 'dqsegdb.read' }, { forged })
  }
  const site = await startSite({
    names,
    issuer: ISSUER,
    scopes,
    login: `${LOGIN.user}:${LOGIN.password}`,
    issue,
  })
  const stopRedirects = leadHosts(site.port, site.ca)
  await writeCredentials()

  async function writeCredentials(): Promise<void> {
    const put = (file: string, text: string) => {
      fs.writeFileSync(file, text, { mode: 0o600 })
    }
    const { authority } = site
    process.geteuid = () => euid
    const token = site.mint({ aud: SERVICES, scope: 'gracedb.read gwdatafind.read' })
    put(path.join(folder, `bt_u${euid}`), token)
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
    // With X509_CERT_DIR, each example would parse the root certificates of Node.js again.
    process.env.SSL_CERT_FILE = path.join(folder, 'grid-ca.pem')
  }

  /** Replaces the folders of this test by the usual ones, and expiry times by a constant. */
  function normal(text: string): string {
    return text
      .replaceAll(proxyFile, '/tmp/x509up_u1000')
      .replaceAll(`bt_u${euid}`, 'bt_u1000')
      .replaceAll(folder, '/run/user/1000')
      .replaceAll(slashTmp, '/tmp')
      .replace(/CN=\d+/, 'CN=N')
      .replace(/\n.*grid-ca.pem.*/, '') // the CA bundle of this test
      .replace(/expiresAt: \d+/, 'expiresAt: 1767225600')
  }

  return {
    site,
    run: (example) => runExample(example, { folder, slashTmp, normal }),
    prints: ({ prints }) => prints.map(normal),
    async close() {
      stopRedirects()
      Object.assign(process, { geteuid })
      await site.close()
    },
  }
}
