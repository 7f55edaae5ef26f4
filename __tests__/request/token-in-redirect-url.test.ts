/**
 * A server that puts the token it was shown into the URL that it sends to, as redirectors of XRootD do:
 * `Location: http://data.example.org/f?authz=Bearer%20...`, in clear text unless they are told otherwise (`http.desthttps`).
 */
import path from 'node:path'
import type { AxiosError } from 'axios'
import { igwnAxios } from '../../lib/index'
import { expectNoSecret } from '../support/expect-no-secret'
import { mint } from '../support/make-token'
import { createAuthority } from '../support/pki'
import { serverGroup, type TestServer } from '../support/server'
import { ours, put } from '../support/tokens'

const servers = serverGroup()
let token: string
let proxy: TestServer

/** Sends to this server, with the token in the URL. */
async function redirectorTo(origin: string): Promise<TestServer> {
  const authority = await createAuthority()
  const { certificate: cert, key } = await authority.issueServer()
  process.env.REQUESTS_CA_BUNDLE = put(path.join(String(process.env.HOME), 'ca.pem'), authority.certificate)
  const answer = ({ headers }: { headers: { authorization?: string | undefined } }) => ({
    status: 302,
    headers: { Location: `${origin}/f?authz=${encodeURIComponent(headers.authorization ?? '')}` },
  })
  return await servers.serve(answer, { host: 'localhost', tls: { cert, key } })
}

beforeEach(async () => {
  token = process.env.BEARER_TOKEN = mint({ aud: 'ANY' })
  // Stands in the place of all servers in clear text.
  proxy = await servers.serve(() => ({}))
  process.env.HTTP_PROXY = proxy.origin
})

afterEach(async () => {
  for (const name of ['HTTP_PROXY', 'BEARER_TOKEN', 'REQUESTS_CA_BUNDLE']) delete process.env[name]
  await servers.close()
})

it('is not sent in clear text', async () => {
  const redirector = await redirectorTo('http://data.example.org')
  await expect(igwnAxios.get(`${redirector.origin}/f`)).rejects.toThrow(
    ours(
      'ERR_IGWN_INSECURE_TRANSPORT',
      'The server redirects to data.example.org over clear-text http, with the token in the URL, where everybody on the way ' +
        'can read it. It was not followed. Have the server redirect to https; or set allowInsecureHttp where nobody listens.',
    ),
  )
  expect(redirector.authorizations).toEqual([`Bearer ${token}`])
  expect(proxy.seen.filter(({ url }) => url.includes(token))).toEqual([])
})

it('is in nothing that is printed of a redirect that is not followed', async () => {
  const redirector = await redirectorTo('https://data.example.org')
  const error: unknown = await igwnAxios
    .get(`${redirector.origin}/f`, { maxRedirects: 0 })
    .catch((reason: unknown) => reason)
  expect(redirector.authorizations).toEqual([`Bearer ${token}`])
  expectNoSecret(error, [token])
  // For code it is there.
  expect((error as AxiosError).response?.headers.location).toContain(token)
})
