import fs from 'node:fs'
import { kerberosToken } from '../../lib/vault/kerberos'

const before = process.env.KRB5_CONFIG
afterEach(() => {
  if (before === undefined) delete process.env.KRB5_CONFIG
  else process.env.KRB5_CONFIG = before
})

it('turns reverse DNS off for each negotiation alone, one after the other, and restores the variable', async () => {
  process.env.KRB5_CONFIG = '/mine.conf'
  let running = 0
  const seen: string[] = []
  const kerberos = {
    async initializeClient(service: string) {
      expect((running += 1)).toBe(1)
      const [file = '', rest] = process.env.KRB5_CONFIG?.split(':') ?? []
      expect(fs.readFileSync(file, 'utf8')).toBe('[libdefaults]\n  rdns = false\n')
      expect(rest).toBe('/mine.conf')
      seen.push(file)
      return {
        async step() {
          await new Promise((resolve) => setTimeout(resolve, 5))
          expect(process.env.KRB5_CONFIG).toBe(`${file}:/mine.conf`)
          running -= 1
          if (seen.length === 2) throw new Error('Ticket expired')
          return `token for ${service}`
        },
      }
    },
  }
  const all = await Promise.all(['a', 'b', 'c'].map((host) => kerberosToken(host, kerberos)))
  expect(all).toEqual([
    { token: 'token for host@a' },
    { code: 'expired', problem: 'has an expired ticket. Run kinit' },
    { token: 'token for host@c' },
  ])
  expect(process.env.KRB5_CONFIG).toBe('/mine.conf')
  expect(seen.filter((file) => fs.existsSync(file))).toEqual([])
})

it('without a configuration of its own, that of the host is used, and none is left', async () => {
  delete process.env.KRB5_CONFIG
  const initializeClient = async () => ({ step: async () => String(process.env.KRB5_CONFIG) })
  expect(await kerberosToken('a', { initializeClient })).toEqual({
    token: expect.stringMatching(/^\/.*\.conf:\/etc\/krb5\.conf$/) as string,
  })
  expect(process.env.KRB5_CONFIG).toBeUndefined()
})

it('says what to install if the package is missing', async () => {
  expect(await kerberosToken('a', undefined)).toEqual({
    code: 'unsupported',
    problem: 'is not available: the package kerberos is not installed. Run npm install kerberos',
  })
})
