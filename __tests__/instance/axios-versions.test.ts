/** What happens with an axios that is too old, or mocked. */
import type { AxiosInstance } from 'axios'
import type * as Package from '../../lib/index'

afterEach(() => {
  jest.resetModules()
  jest.dontMock('axios')
})

/** The package, with an axios that has other properties. */
async function packageWith(properties: object): Promise<typeof Package & { instance: AxiosInstance }> {
  jest.resetModules()
  const actual = jest.requireActual<Record<string, unknown>>('axios')
  const mocked = Object.assign(Object.create(actual) as object, properties)
  jest.doMock('axios', () => ({
    ...actual,
    default: Object.assign(Object.create(actual.default as object) as object, properties),
    ...mocked,
    __esModule: true,
  }))
  const loaded = await import('../../lib/index')
  const { default: axios } = jest.requireActual<typeof import('axios')>('axios')
  return Object.assign(Object.create(loaded) as typeof Package, { instance: axios.create() })
}

describe('applyIgwnAuth', () => {
  it.each(['1.18.0', '1.99.1', undefined])('accepts axios %s', async (VERSION) => {
    const { applyIgwnAuth, instance } = await packageWith({ VERSION })
    expect(applyIgwnAuth(instance, { token: 'abc' })).toBe(instance)
  })

  it.each(['1.17.9', '0.30.0', '2.0.0'])('is an error with axios %s', async (VERSION) => {
    const loaded = packageWith({ VERSION }).then(({ applyIgwnAuth, instance }) => applyIgwnAuth(instance))
    await expect(loaded).rejects.toMatchObject({
      code: 'ERR_IGWN_INVALID_OPTION',
      message: `axios ${VERSION} is installed, and axios-igwn-auth needs >=1.18 <2. Run: npm install axios@1`,
    })
  })
})

it("is imported under jest.mock('axios'), with a clear error on use", async () => {
  jest.resetModules()
  jest.doMock('axios', () => jest.createMockFromModule('axios'))
  const { igwnAxios, get } = await import('../../lib/index')
  for (const use of [() => igwnAxios.create(), () => igwnAxios.get('https://x.example.org'), () => get('x')])
    expect(use).toThrow(
      "axios.create() returned undefined, as under jest.mock('axios'). Mock the adapter instead, or mock 'axios-igwn-auth' too.",
    )
})
