/** What happens with an axios that is too old, or mocked. */
import type { AxiosInstance } from 'axios'
import type * as Package from '../../lib/index'
import { ours } from '../support/tokens'

describe('applyIgwnAuth', () => {
  let applyIgwnAuth: typeof Package.applyIgwnAuth
  let instance: AxiosInstance
  /** The version of the axios that the package loaded. */
  const loaded: { VERSION?: string | undefined } = {}

  beforeAll(async () => {
    const actual = jest.requireActual<{ default: typeof import('axios').default }>('axios')
    const axios = Object.create(actual.default, {
      VERSION: { get: () => loaded.VERSION },
    }) as typeof actual.default
    jest.doMock('axios', () => ({ ...actual, default: axios, __esModule: true }))
    ;({ applyIgwnAuth } = await import('../../lib/index'))
    instance = actual.default.create()
  })
  afterAll(() => {
    jest.dontMock('axios')
    jest.resetModules()
  })

  it.each(['1.18.0', '1.99.1', undefined])('accepts axios %s', (VERSION) => {
    loaded.VERSION = VERSION
    expect(applyIgwnAuth(instance, { token: 'abc' })).toBe(instance)
  })

  it.each(['1.17.9', '0.30.0', '2.0.0'])('is an error with axios %s', (VERSION) => {
    loaded.VERSION = VERSION
    expect(() => applyIgwnAuth(instance)).toThrow(
      ours(
        'ERR_IGWN_INVALID_OPTION',
        `axios ${VERSION} is installed, and axios-igwn-auth needs >=1.18 <2. Run: npm install axios@1`,
      ),
    )
  })
})

it("is imported under jest.mock('axios'), with a clear error on use", async () => {
  jest.doMock('axios', () => jest.createMockFromModule('axios'))
  const { igwnAxios, get } = await import('../../lib/index')
  for (const use of [() => igwnAxios.create(), () => igwnAxios.get('https://x.example.org'), () => get('x')])
    expect(use).toThrow(
      "axios.create() returned undefined, as under jest.mock('axios'). Mock the adapter instead, or mock 'axios-igwn-auth' too.",
    )
})
