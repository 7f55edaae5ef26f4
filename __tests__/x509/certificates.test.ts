import { X509Certificate } from 'node:crypto'
import { distinguishedName, proxyChain } from '../../lib/x509/certificates'
import { createAuthority } from '../support/pki'

it('a distinguished name is one line without control characters', () => {
  expect(distinguishedName('DC=org\nCN=Alice\u202e Adams')).toBe('/DC=org/CN=Alice? Adams')
  expect(distinguishedName(undefined)).toBe('(no name)')
})

it('the chain of a proxy ends at the certificate of the user; without that it is incomplete', async () => {
  const authority = await createAuthority()
  const proxy = await authority.issueProxy(await authority.issueUser('Alice Adams'))
  const [first, user] = [proxy.certificate, proxy.chain].map((text) => new X509Certificate(text))
  expect(proxyChain([first!, user!])).toEqual([first, user])
  expect(proxyChain([first!])).toEqual({ proxy: first })
  expect(proxyChain([])).toEqual([])
})
