import fs from 'node:fs'
import path from 'node:path'
import axios from 'axios'
import fc from 'fast-check'
import { mergeOptions, resolveOptions } from '../../lib/options'
import { applyIgwnAuth, igwnAxios, type IgwnAuthOptions } from '../support/all'
import { mint } from '../support/tokens'
import { runs, SEEDED } from '../support/properties'
import { serve, type TestServer } from '../support/server'

/** A token and a netrc entry that are found. */
const discovered = mint({ aud: 'ANY', scope: 'read:/' })
const BASIC = `Basic ${Buffer.from('albert:sesame').toString('base64')}`

let server: TestServer
beforeAll(async () => {
  server = await serve(() => ({}))
  process.env.BEARER_TOKEN = discovered
  const netrc = path.join(process.env.HOME!, '.netrc')
  fs.writeFileSync(netrc, 'machine 127.0.0.1 login albert password sesame', { mode: 0o600 })
})
afterAll(async () => {
  await server.close()
  delete process.env.BEARER_TOKEN
})

const options: fc.Arbitrary<IgwnAuthOptions> = fc.record(
  {
    // An own undefined is an error for these two.
    token: fc.constantFrom('aaa', 'bbb', true, false),
    netrc: fc.constantFrom(true, false),
    tokenScope: fc.constantFrom('read:/a', 'write:/', undefined),
    forceNoAuth: fc.constantFrom(true, false, undefined),
    failIfNoAuth: fc.constantFrom(true, false, undefined),
  },
  { requiredKeys: [] },
)

/** Without the undefined options, which count as absent. */
const present = (one: IgwnAuthOptions): IgwnAuthOptions =>
  Object.fromEntries(Object.entries(one).filter(([, value]) => value !== undefined))

const isContradiction = ({ forceNoAuth, failIfNoAuth }: IgwnAuthOptions) =>
  Boolean(forceNoAuth && failIfNoAuth)

/** The header that is sent with these options, or the code of the error. */
function outcomeOf({ token, tokenScope, netrc, forceNoAuth, failIfNoAuth }: IgwnAuthOptions) {
  if (forceNoAuth) return { sent: undefined }
  if (typeof token === 'string') return { sent: `Bearer ${token}` }
  const isFound = tokenScope !== 'write:/'
  if (token !== false && isFound) return { sent: `Bearer ${discovered}` }
  if (token === true) return { code: 'ERR_IGWN_TOKEN_NOT_FOUND' }
  if (netrc !== false) return { sent: BASIC }
  return failIfNoAuth ? { code: 'ERR_IGWN_NO_CREDENTIAL' } : { sent: undefined }
}

async function outcomeOn(send: () => Promise<unknown>) {
  const before = server.seen.length
  try {
    await send()
  } catch (error) {
    expect(server.seen.length).toBe(before)
    return { code: (error as { code: string }).code }
  }
  expect(server.seen.length).toBe(before + 1)
  return { sent: server.authorizations[before] }
}

describe(`options ${SEEDED}`, () => {
  it('of a request override those of its instance, which override those of the instance that created it', async () => {
    await fc.assert(
      fc.asyncProperty(options, options, options, async (first, second, third) => {
        const levels = [present(first), { ...present(first), ...present(second) }]
        const all = { ...levels[1], ...present(third) }
        const make = () => igwnAxios.create({ igwnAuth: first, proxy: false }).create({ igwnAuth: second })
        if (levels.some(isContradiction)) {
          expect(make).toThrow('exclude each other')
          return
        }
        const outcome = await outcomeOn(() => make().get(server.origin, { igwnAuth: third }))
        expect(outcome).toEqual(isContradiction(all) ? { code: 'ERR_IGWN_INVALID_OPTION' } : outcomeOf(all))
      }),
      runs(60),
    )
  })

  it('of a request override the defaults of axios, which override the installed ones', async () => {
    await fc.assert(
      fc.asyncProperty(
        options.filter((one) => !isContradiction(one)),
        options,
        options,
        async (installed, defaults, request) => {
          const instance = applyIgwnAuth(axios.create({ proxy: false }), installed)
          instance.defaults.igwnAuth = present(defaults)
          const all = { ...present(installed), ...present(defaults), ...present(request) }
          const outcome = await outcomeOn(() => instance.get(server.origin, { igwnAuth: present(request) }))
          expect(outcome).toEqual(isContradiction(all) ? { code: 'ERR_IGWN_INVALID_OPTION' } : outcomeOf(all))
        },
      ),
      runs(60),
    )
  })

  it('are merged with the same result in any grouping, and are not changed', () => {
    const harmless = options.map(({ forceNoAuth: _, ...others }) => others)
    fc.assert(
      fc.property(harmless, harmless, harmless, (a, b, c) => {
        const [one, two, three] = [a, b, c].map((each) => Object.freeze(resolveOptions(each, 'options')))
        const left = mergeOptions(mergeOptions(one!, two!), three!)
        expect(mergeOptions(one!, mergeOptions(two!, three!))).toEqual(left)
        expect(mergeOptions(left, {})).toEqual(left)
        expect(mergeOptions({}, left)).toEqual(left)
      }),
    )
  })
})
