import fs from 'node:fs'
import path from 'node:path'

/** The known traps of axios and of these protocols. Test names contain the number of the trap that they cover. */
const TRAPS = {
  1: 'own transformRequest, and Content-Length on the second send',
  2: 'interceptors of others, before ours and after; one that copies the config',
  3: 'a second 401; the same token again; challenges that are none, or in odd forms',
  4: 'validateStatus null; a transformResponse that throws',
  5: 'bodies of every kind',
  6: 'a refused stream and one socket',
  7: 'abort before, during and between',
  8: "the caller's own credentials, in every form",
  9: 'redirects of every kind',
  10: 'a 401 at the end of a redirect',
  11: "the caller's beforeRedirect, and maxRedirects 0",
  12: 'proxies with a client certificate',
  13: 'the fetch adapter, and identities over http2',
  14: 'secrets in anything printed',
  15: 'axios-retry and fresh tokens',
  16: 'installed twice, removed, child instances, a source on the same instance',
  17: 'storms of refusals, and renewal by a sibling',
  18: 'certificates renewed, broken, expired, chained',
  19: 'sockets, data:, relative and malformed URLs',
  20: 'line breaks and other characters in a token',
  21: 'types for ESM and CommonJS',
  22: 'a source that fails once and then works',
  23: 'two instances that share nothing',
  24: 'expiry at the edge',
  25: 'token files replaced, truncated, unreadable, folders, FIFOs',
}

function testFiles(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
}

it.each(Object.entries(TRAPS))('trap %s (%s) has a test that names it', (number) => {
  const naming = testFiles(__dirname).filter((file) =>
    new RegExp(`\\(trap ${number}\\)`).test(fs.readFileSync(path.join(__dirname, file), 'utf8')),
  )
  expect(naming).not.toEqual([])
})
