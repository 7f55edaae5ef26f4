import axios, { AxiosHeaders, type AxiosAdapter } from 'axios'
import { connectionDefaults, newInstance, plainInstance } from '../../lib/formats/plain-instance'

/** Responds with the config of the request. */
const echo: AxiosAdapter = (config) =>
  Promise.resolve({ data: config, status: 200, statusText: '', headers: new AxiosHeaders(), config })

const credentials = { username: 'me', password: 'secret' }

it('a plain instance has the defaults of the other as they are now, without its interceptors and credentials', async () => {
  const instance = axios.create({ adapter: echo, auth: credentials, timeout: 7, params: { a: 1 } })
  instance.defaults.igwnAuth = { token: 'secret' }
  instance.defaults.headers.common.AUTHORIZATION = 'Bearer secret'
  instance.defaults.headers.get.authorization = 'Bearer secret'
  instance.defaults.headers.get['X-Kept'] = 'yes'
  instance.interceptors.request.use(() => {
    throw new Error('an interceptor of the other instance')
  })
  const { config } = await plainInstance(instance).get('http://localhost/')
  expect(config).toMatchObject({ timeout: 7, params: { a: 1 } })
  expect(config.auth).toBeUndefined()
  expect(config.igwnAuth).toBeUndefined()
  expect(config.headers.toJSON()).toMatchObject({ 'X-Kept': 'yes' })
  expect(JSON.stringify(config.headers)).not.toMatch(/authorization|secret/i)
})

it('the other instance keeps its credentials', () => {
  const instance = axios.create({ auth: credentials })
  instance.defaults.headers.common.Authorization = 'Bearer secret'
  plainInstance(instance)
  expect(instance.defaults.auth).toEqual(credentials)
  expect(instance.defaults.headers.common.Authorization).toBe('Bearer secret')
})

it('a new instance has the given defaults alone', () => {
  expect(newInstance({ timeout: 7 }).defaults).toEqual({ timeout: 7 })
  expect(newInstance().defaults).toEqual({})
})

it('the defaults of a connection are those that decide how it is made, not what is sent', () => {
  const made = { adapter: echo, proxy: false, timeout: 7, maxRate: 9 } as const
  const sent = { auth: credentials, headers: { a: '1' }, params: {}, baseURL: 'https://x', data: 1 }
  expect(connectionDefaults({ defaults: { ...made, ...sent, httpsAgent: undefined } })).toEqual(made)
})
