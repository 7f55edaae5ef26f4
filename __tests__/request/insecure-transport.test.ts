import { isInsecure } from '../../lib/request/insecure-transport'

const check = (url: string, proxy?: Parameters<typeof isInsecure>[1]) => isInsecure(new URL(url), proxy)

afterEach(() => {
  for (const name of ['http_proxy', 'HTTP_PROXY', 'all_proxy', 'no_proxy', 'NO_PROXY'])
    delete process.env[name]
})

it.each([
  ['https://host.example.org', false],
  ['https://127.0.0.1', false],
  ['http://host.example.org', true],
  ['http://localhost', false],
  ['http://LOCALHOST:8080/a', false],
  ['http://127.0.0.1:8080', false],
  ['http://127.255.0.1', false],
  ['http://127.1', false],
  ['http://0x7f000001', false],
  ['http://2130706433', false],
  ['http://[::1]:8080', false],
  ['http://[0:0:0:0:0:0:0:1]', false],
  ['http://localhost.example.org', true],
  ['http://127.0.0.1.example.org', true],
  ['http://x127.0.0.1.example.org', true],
  ['http://128.0.0.1', true],
  ['http://10.127.0.0', true],
  ['http://[::2]', true],
  ['http://0.0.0.0', true],
  ['http://127.0.0.1@host.example.org', true],
  ['http://host.example.org/?http://localhost', true],
])('%s is insecure: %s', (url, insecure) => {
  expect(check(url)).toBe(insecure)
})

describe('with a network proxy', () => {
  it('loopback is insecure too, and https is not', () => {
    const proxy = { host: 'proxy.example.org', port: 3128 }
    expect(check('http://localhost', proxy)).toBe(true)
    expect(check('https://host.example.org', proxy)).toBe(false)
  })

  it('of the environment it is the same, unless no_proxy or the option excludes it', () => {
    process.env.http_proxy = 'http://proxy.example.org:3128'
    expect(check('http://localhost')).toBe(true)
    expect(check('http://localhost', false)).toBe(false)
    expect(check('http://host.example.org', false)).toBe(true)
    process.env.no_proxy = 'localhost'
    expect(check('http://localhost')).toBe(false)
    expect(check('http://127.0.0.1')).toBe(true)
  })

  it('in an empty variable nothing changes', () => {
    process.env.http_proxy = ''
    expect(check('http://localhost')).toBe(false)
  })
})
