/** The examples of docs/write-a-scheme.md, run against a server that asks for Negotiate. */
import path from 'node:path'
import { runExample, testExamples } from '../support/examples'
import { createAuthority } from '../support/pki'
import { leadHosts } from '../support/redirect-hosts'
import { serve, type TestServer } from '../support/server'

let server: TestServer
let end: () => void

beforeAll(async () => {
  const authority = await createAuthority()
  const names = ['gracedb.example.org', 'kerberos.example.org']
  const { certificate: cert, key } = await authority.issueServer({ names })
  server = await serve(
    ({ headers: { host, authorization } }) => {
      const scheme = host?.startsWith('kerberos') ? 'Negotiate' : 'Bearer'
      return authorization?.startsWith(scheme)
        ? { body: JSON.stringify({ authorization }) }
        : { status: 401, headers: { 'www-authenticate': scheme } }
    },
    { tls: { cert, key } },
  )
  end = leadHosts(server.port, authority.certificate)
})
afterAll(async () => {
  end()
  await server.close()
})

const folder = process.env.XDG_RUNTIME_DIR ?? ''

testExamples('docs/write-a-scheme.md', () => ({
  run: (example) => runExample(example, { folder, slashTmp: path.join(folder, '..', 'slash-tmp') }),
}))

it('sends the signature and the ticket', () => {
  expect(server.seen[0]?.headers['x-signature']).toMatch(/^[0-9a-f]{64}$/)
  expect(server.authorizations.slice(-2)).toEqual([undefined, expect.stringMatching(/^Negotiate /)])
})
