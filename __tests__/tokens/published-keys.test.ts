import { publishedKeys } from '../../lib/tokens/published-keys'
import { createSigningKey } from '../support/tokens'

it('keys of 100 publishers are kept at most, since tokens name their issuer', async () => {
  const { jwk } = createSigningKey('a')
  const fetchKeys = jest.fn((publisher: string) => Promise.resolve(publisher === '' ? [] : [jwk]))
  const keysOf = publishedKeys(fetchKeys)
  const ask = (publisher: string) => keysOf(publisher, { kid: 'a', alg: 'ES256' })
  for (let i = 0; i < 100; i++) await ask(`https://${i}.example.org`)
  expect(await ask('https://0.example.org')).toMatchObject({ isFresh: false, keys: [{ type: 'public' }] })
  expect(fetchKeys).toHaveBeenCalledTimes(100)
  await ask('https://100.example.org')
  expect(await ask('https://0.example.org')).toMatchObject({ isFresh: true, keys: [{ type: 'public' }] })
  expect(fetchKeys).toHaveBeenCalledTimes(102)
})
