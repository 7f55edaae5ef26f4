import { AxiosHeaders, type InternalAxiosRequestConfig } from 'axios'
import FormDataPackage from 'form-data'
import { newContext, rememberSecrets } from '../../lib/request/context'
import type { Credentials } from '../../lib/schemes/credentials'

const base64 = (text: string) => Buffer.from(text).toString('base64')

function contextOf(
  config: Partial<InternalAxiosRequestConfig> & { url?: string } = {},
  authenticated = false,
) {
  const { url = 'https://x.example.org/a' } = config
  const caller = { ...config, url, headers: AxiosHeaders.from(config.headers) }
  return newContext(caller as InternalAxiosRequestConfig, undefined, new URL(url), {}, authenticated)
}

/** What a request remembers as secret when it is sent. */
function secretsOf(credentials: Omit<Credentials, 'reasons'>, context = contextOf(), isProxied = false) {
  rememberSecrets(context, { ...credentials, reasons: [] }, isProxied)
  return context.secrets
}

describe('a request remembers as secret', () => {
  it('its token, or the password and both as Basic credentials', () => {
    expect(secretsOf({ authorization: 'Bearer abc', token: 'abc' })).toEqual(['abc'])
    const basic = { username: 'me', password: 'pw' }
    const both = base64('me:pw')
    expect(secretsOf({ authorization: `Basic ${both}`, basic })).toEqual(['pw', both])
    expect(secretsOf({})).toEqual([])
  })

  it('what a scheme wrote into fields, the body and the URL, and each longer word of it', () => {
    const changes = {
      headers: { Authorization: 'OAuth oauth_consumer_key="key-of-me", oauth_token=token-of-alice' },
      body: 'a=short&assertion=a%20part+another-part ',
      url: new URL('https://x.example.org/?access_token=in%2Dthe%2Durl'),
    }
    const secrets = secretsOf({ changes })
    expect(secrets).toEqual(
      expect.arrayContaining([
        changes.headers.Authorization,
        changes.body.trim(),
        '?access_token=in%2Dthe%2Durl',
        'a part another-part',
        'another-part',
        'in-the-url',
        'token-of-alice',
      ]),
    )
    for (const word of ['oauth_consumer_key', 'key-of-me', 'assertion', 'short', ''])
      expect(secrets).not.toContain(word)
    expect(new Set(secrets).size).toBe(secrets.length)
    expect(secretsOf({ changes: { headers: { Authorization: 'MAC 123456789' } } })).toEqual(['MAC 123456789'])
    expect(secretsOf({ changes: { headers: { Authorization: 'MAC 1234567890' } } })).toContain('1234567890')
  })

  it('what it carried before, once', () => {
    const context = contextOf()
    expect(secretsOf({ token: 'one' }, context)).toEqual(['one'])
    context.sends += 1
    expect(secretsOf({ token: 'two' }, context)).toEqual(['one', 'two'])
    expect(secretsOf({ token: 'one' }, context)).toEqual(['one', 'two'])
  })

  it('the password of its network proxy', () => {
    const proxy = { host: 'proxy.example.org', port: 3128, auth: { username: 'me', password: 'pw' } }
    const context = contextOf({ proxy })
    expect(secretsOf({ token: 'abc' }, context, true)).toEqual(['abc', 'pw', base64('me:pw')])
    expect(secretsOf({ token: 'abc' }, context, false)).toEqual(['abc'])
  })

  it.each<[Partial<InternalAxiosRequestConfig>, string[]]>([
    [{ headers: { 'X-Own': 'other text', AUTHORIZATION: 'Own word' } as never }, ['word']],
    [{ auth: { username: 'me', password: 'pw' } }, ['pw', base64('me:pw')]],
    [{ url: 'https://me:a%20b@x.example.org/' }, ['a b', base64('me:a b')]],
    [{ url: 'https://me@x.example.org/' }, [base64('me:')]],
    [
      { headers: { Authorization: false } as never, auth: { username: 'a', password: 'b' } },
      ['b', base64('a:b')],
    ],
  ])("the caller's own credentials: %j", (config, secrets) => {
    expect(secretsOf({ token: 'not sent' }, contextOf(config, true))).toEqual(secrets)
  })
})

describe('before the first send', () => {
  it('a request has not been redirected, sent, or withheld from', () => {
    expect(contextOf()).toMatchObject({
      authenticated: false,
      crossOrigin: false,
      withoutCredentials: false,
      carriedOver: undefined,
      retried: false,
      formParts: undefined,
      progress: undefined,
      sends: 0,
      secrets: [],
      spent: 0,
      hasLeft: false,
      notRetried: undefined,
    })
  })

  it('a form and listeners to progress are noticed', () => {
    const form = new FormDataPackage()
    form.append('a', '1')
    expect(contextOf({ data: form }).formParts?.join('')).toBe(form.getBuffer().toString())
    for (const name of ['onUploadProgress', 'onDownloadProgress'])
      expect(contextOf({ [name]: () => undefined }).progress).toBeDefined()
  })
})
