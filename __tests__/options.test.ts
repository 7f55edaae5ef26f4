import axios from 'axios'
import { mergeOptions, resolveOptions, tokenChoice, type ResolvedOptions } from '../lib/options'
import { SciToken } from '../lib/tokens/scitoken'
import { staticToken } from '../lib/tokens/static-token'
import {
  applyAutoRetry,
  applyIgwnAuth,
  explain,
  get,
  igwnAxios,
  post,
  type IgwnAuthOptions,
} from './support/all'
import { thrownBy } from './support/thrown-by'
import { mint, ours, signatureOf } from './support/tokens'

const SWITCH = 'IGWN_AUTH_UTILS_FIND_SCITOKEN'
const withSwitch = (value?: string) => ({ [SWITCH]: value })

describe('options', () => {
  it('that are valid are returned without the undefined ones, and without a prototype', () => {
    const options = {
      token: true,
      tokenAudience: ['https://a', 'https://b'],
      tokenScope: 'read:/ write:/',
      tokenMinTimeLeft: 0,
      url: 'https://host.example.org:8443/api',
      failIfNoAuth: false,
      verify: axios.create(),
    }
    const resolved = resolveOptions({ ...options, tokenIssuer: undefined }, 'options')
    expect(resolved).toEqual({ ...options, netrcFallback: true })
    expect(Object.keys(resolved)).not.toContain('tokenIssuer')
    expect(Object.getPrototypeOf(resolved)).toBeNull()
    expect(Object.keys(resolveOptions({}, 'options'))).toEqual([])
  })

  it.each<[string, object, string]>([
    [
      'an accessor of a class',
      new (class {
        get token() {
          return mint()
        }
      })(),
      'options.token is inherited, and only own properties are options. Copy it into a plain object.',
    ],
    [
      'the prototype',
      Object.create({ cert: false }) as object,
      'options.cert is inherited, and only own properties are options. Copy it into a plain object.',
    ],
    ['a map', new Map([['token', mint()]]), 'options must be a plain object.'],
  ])('that %s has would be ignored, and are an error', async (_, options, message) => {
    const error = (owner: string) => ours('ERR_IGWN_INVALID_OPTION', message.replace('options', owner))
    expect(() => applyIgwnAuth(axios.create(), options)).toThrow(error('options'))
    const request = igwnAxios.get('https://127.0.0.1:1/', { igwnAuth: options })
    await expect(request).rejects.toThrow(error('igwnAuth'))
  })

  it('that are fields of a class are accepted', () => {
    class Session {
      readonly netrc = false
    }
    expect(resolveOptions(new Session(), 'options')).toEqual({ netrc: false })
  })

  it('are each read once: a getter cannot give another value after the check', () => {
    let reads = 0
    const options = {
      get token() {
        return (reads += 1) === 1 ? 'abc' : undefined
      },
    } as IgwnAuthOptions
    expect(tokenChoice(resolveOptions(options, 'options').token, {})).toEqual({ kind: 'given', text: 'abc' })
    expect(reads).toBe(1)
  })

  it('are copied with their lists, so that a later change has no effect', () => {
    const options = { trustedOrigins: ['https://a'], cert: ['/cert', '/key'] as [string, string] }
    const resolved = resolveOptions(options, 'options')
    options.trustedOrigins.push('https://b')
    options.cert[0] = '/other'
    expect(resolved).toEqual({ trustedOrigins: ['https://a'], cert: ['/cert', '/key'] })
  })

  it.each([
    ['igwn_auth', '...'],
    ['token', 'token'],
    ['tokenScope', 'tokenScope'],
    ['token_scope', 'tokenScope'],
    ['cert', 'cert'],
    ['failIfNoAuth', 'failIfNoAuth'],
    ['fail_if_noauth', 'failIfNoAuth'],
    ['force_noauth', 'forceNoAuth'],
    ['force_no_auth', 'forceNoAuth'],
  ])('at the top level of a config, such as %s, are an error', async (key, name) => {
    const misplaced = ours(
      'ERR_IGWN_INVALID_OPTION',
      `${key} has no effect at the top level of a config. Write { igwnAuth: ${name === '...' ? name : `{ ${name}: ... }`} }.`,
    )
    const config = { [key]: true }
    expect(() => igwnAxios.create(config)).toThrow(misplaced)
    for (const send of [
      () => igwnAxios.get('https://127.0.0.1:1/', config),
      () => igwnAxios.create().request({ url: 'https://127.0.0.1:1/', ...config }),
      () => get('https://127.0.0.1:1/', config),
      () => post('https://127.0.0.1:1/', {}, config),
    ])
      await expect(send()).rejects.toThrow(misplaced)
  })

  it('at the top level of a config do not include url, which is an option of axios', () => {
    expect(igwnAxios.create({ url: 'https://host.example.org' }).defaults.url).toBe(
      'https://host.example.org',
    )
  })

  it.each(['token', 'cert', 'scheme', 'netrc'])('are an error when %s is undefined', async (name) => {
    const undefinedOption = (owner: string) =>
      ours('ERR_IGWN_INVALID_OPTION', `${owner}.${name} is undefined. Leave it out to search, or set false.`)
    const options = { [name]: undefined } as IgwnAuthOptions
    expect(() => applyIgwnAuth(axios.create(), options)).toThrow(undefinedOption('options'))
    expect(() => igwnAxios.create({ igwnAuth: options })).toThrow(undefinedOption('igwnAuth'))
    const sending = igwnAxios.get('https://127.0.0.1:1/', { igwnAuth: options })
    await expect(sending).rejects.toThrow(undefinedOption('igwnAuth'))
    await expect(explain('https://127.0.0.1:1/', options)).rejects.toThrow(undefinedOption('options'))
  })

  it('are read as own properties only', () => {
    const polluted = Object.prototype as Record<string, unknown>
    polluted.allowInsecureHttp = true
    try {
      const merged = mergeOptions(resolveOptions({}, 'options'), resolveOptions({ strict: true }, 'igwnAuth'))
      expect(merged.allowInsecureHttp).toBeUndefined()
    } finally {
      delete polluted.allowInsecureHttp
    }
  })

  it.each(['token', 'passphrase'])('do not take a %s from a polluted Object.prototype', (name) => {
    const polluted = Object.prototype as Record<string, unknown>
    polluted[name] = 'of-an-attacker'
    try {
      expect(Object.keys(resolveOptions({ strict: true }, 'options'))).toEqual(['strict'])
    } finally {
      Reflect.deleteProperty(polluted, name)
    }
  })

  it.each([undefined, null, {}, 'axios', () => undefined])(
    'are installed on an axios instance, not on %p',
    (what) => {
      for (const install of [applyIgwnAuth, applyAutoRetry])
        expect(thrownBy(() => install(what as never))).toMatchObject({
          code: 'ERR_IGWN_INVALID_OPTION',
          message: expect.stringMatching(
            /^applyIgwnAuth\(\) needs an axios instance, such as the result of axios\.create\(\); got .+\.$/,
          ) as string,
        })
    },
  )

  const list = 'must be a string or a list of strings, none empty, not'
  const secs = 'must be a number of seconds, 0 or more, not'
  const tokens = (kind: string) =>
    `must be a token, a token source, a function or a boolean, not ${kind}; leave it out to search for a token`

  it.each<[string, unknown, string]>([
    ['token', null, tokens('null')],
    ['token', 7, tokens('a number')],
    ['token', {}, tokens('an object')],
    ['token', ['opensesame'], tokens('an array')],
    ['token', { getToken: 'opensesame' }, tokens('an object')],
    ['tokenAudience', '', `${list} an empty string`],
    ['tokenAudience', 7, `${list} a number`],
    ['tokenAudience', null, `${list} null`],
    ['tokenScope', ['read:/', ''], `${list} a list with something else`],
    ['tokenScope', [7], `${list} a list with something else`],
    ['tokenIssuer', { iss: 'opensesame' }, `${list} an object`],
    ['tokenMinTimeLeft', '60', `${secs} a string`],
    ['tokenMinTimeLeft', -1, `${secs} -1`],
    ['tokenMinTimeLeft', NaN, `${secs} NaN`],
    ['url', 7, 'must be an absolute URL, such as https://host.example.org, not a number'],
    ['url', '/opensesame', 'must be an absolute URL, such as https://host.example.org, not this text'],
    ['url', 'localhost:8080', 'must be an absolute URL, such as https://host.example.org, not this text'],
    ['url', 'mailto:opensesame', 'must be an absolute URL, such as https://host.example.org, not this text'],
    ['url', 'https://', 'must be an absolute URL, such as https://host.example.org, not this text'],
    [
      'url',
      new URL('https://host.example.org'),
      'must be an absolute URL, such as https://host.example.org, not an object',
    ],
    ['forceNoAuth', 'yes', 'must be true or false, not a string'],
    ['failIfNoAuth', 1, 'must be true or false, not a number'],
    ['strict', null, 'must be true or false, not null'],
    ['verify', 'true', 'must be a boolean or an axios instance, not a string'],
    ['verify', {}, 'must be a boolean or an axios instance, not an object'],
    ['verify', () => true, 'must be a boolean or an axios instance, not a function'],
    ['allowInsecureHttp', 'http://opensesame', 'must be true or false, not a string'],
  ])('%s cannot be %p', (name, value, problem) => {
    const error = ours('ERR_IGWN_INVALID_OPTION', `igwnAuth.${name} ${problem}.`)
    expect(() => resolveOptions({ [name]: value }, 'igwnAuth')).toThrow(error)
    expect(problem).not.toContain('opensesame')
  })

  it.each<[unknown, string]>([
    [null, 'null'],
    [true, 'a boolean'],
    [mint(), 'a string'],
    [[], 'an array'],
    [() => ({}), 'a function'],
    [undefined, 'undefined'],
  ])('cannot be %p', (options, kind) => {
    expect(() => resolveOptions(options as object, 'igwnAuth')).toThrow(
      ours('ERR_IGWN_INVALID_OPTION', `igwnAuth must be an object, not ${kind}.`),
    )
  })

  it.each(['tokens', 'scope', 'toString', 'constructor', '__proto__', 'hasOwnProperty'])(
    'have no %s',
    (name) => {
      const options = JSON.parse(`{"${name}": true}`) as object
      expect(() => resolveOptions(options, 'options')).toThrow(
        expect.objectContaining({
          code: 'ERR_IGWN_INVALID_OPTION',
          message: expect.stringMatching(
            `^options has no option "${name}"; there are token, tokenAudience, `,
          ) as string,
        }) as Error,
      )
    },
  )

  it('of a request win over those of the instance, key by key', () => {
    const instance: ResolvedOptions = { tokenScope: 'a', tokenAudience: 'https://a', failIfNoAuth: true }
    expect(mergeOptions(instance, { tokenScope: ['b'], failIfNoAuth: false })).toEqual({
      tokenScope: ['b'],
      tokenAudience: 'https://a',
      failIfNoAuth: false,
    })
    expect(instance).toEqual({ tokenScope: 'a', tokenAudience: 'https://a', failIfNoAuth: true })
  })

  it('forceNoAuth and failIfNoAuth exclude each other', () => {
    const error = ours(
      'ERR_IGWN_INVALID_OPTION',
      'forceNoAuth and failIfNoAuth exclude each other: one sends no credential, the other requires one. Set one of them.',
    )
    expect(() => mergeOptions({ forceNoAuth: true, failIfNoAuth: true }, {})).toThrow(error)
    expect(() => mergeOptions({ forceNoAuth: true }, { failIfNoAuth: true })).toThrow(error)
    expect(mergeOptions({ forceNoAuth: true, failIfNoAuth: false }, {}).forceNoAuth).toBe(true)
  })
})

describe('the environment switch', () => {
  const cases = (words: string[]) =>
    words.flatMap((word) => [word, word.toUpperCase(), word[0]!.toUpperCase() + word.slice(1)])

  it.each(cases(['y', 'yes', 'true', '1']))('%s requires', (value) => {
    expect(tokenChoice(undefined, withSwitch(value))).toEqual({ kind: 'discover', required: true })
  })

  it.each(cases(['n', 'no', 'false', '0']))('%s disables', (value) => {
    expect(tokenChoice(undefined, withSwitch(value))).toEqual({ kind: 'never' })
  })

  it.each([undefined, ''])('%p is the same as unset', (value) => {
    expect(tokenChoice(undefined, withSwitch(value))).toEqual({ kind: 'discover', required: false })
  })

  it.each(['on', 'off', 'Y ', ' 1', '2', 'ja', 'none', 'enable', mint()])(
    '%j is an error that lists the valid values, and repeats only a short plain word',
    (value) => {
      const error = ours(
        'ERR_IGWN_INVALID_ENVIRONMENT',
        `${SWITCH} has the invalid value${/^[A-Za-z]+$/.test(value) ? ` "${value}"` : ''}. Use one of y, yes, true, 1 to require, one of n, no, false, 0 to disable, or unset it.`,
      )
      expect(() => tokenChoice(undefined, withSwitch(value))).toThrow(error)
    },
  )

  it('is overridden by the option', () => {
    expect(tokenChoice(false, withSwitch('yes'))).toEqual({ kind: 'never' })
    expect(tokenChoice(true, withSwitch('no'))).toEqual({ kind: 'discover', required: true })
    expect(tokenChoice('abc', withSwitch('on'))).toEqual({ kind: 'given', text: 'abc' })
  })
})

describe('the token option', () => {
  it('is a token in any form', () => {
    const text = mint()
    for (const token of [text, Buffer.from(text), SciToken.deserialize(text)])
      expect(tokenChoice(token, withSwitch())).toEqual({ kind: 'given', text })
  })

  it('is a source, or a function', async () => {
    const source = { getToken: () => 'abc' }
    expect(tokenChoice(source, withSwitch())).toEqual({ kind: 'source', source })
    // Its text was checked when it was made.
    expect(tokenChoice(staticToken('abc'), withSwitch())).toEqual({ kind: 'given', text: 'abc' })
    const choice = tokenChoice(async () => 'abc', withSwitch())
    expect(choice.kind === 'source' && (await choice.source.getToken({}))).toBe('abc')
  })

  it('that cannot be sent is an error that does not repeat it', () => {
    const text = mint()
    const token = `${text}\r\nX-Evil: 1`
    expect(() => tokenChoice(token, withSwitch())).toThrow(
      expect.objectContaining({
        code: 'ERR_IGWN_TOKEN_MALFORMED',
        message: expect.stringContaining('the token option is not a bearer token: character ') as string,
        stack: expect.not.stringContaining(signatureOf(text)) as string,
      }) as Error,
    )
  })
})

describe('the requirements', () => {
  const of = async (url: string, options: IgwnAuthOptions = {}) => (await explain(url, options)).requirements

  it('have the audience of the URL', async () => {
    expect(await of('https://host.example.org:8443/a')).toEqual({
      audience: ['https://host.example.org', 'https://host.example.org:8443'],
      scope: [],
      issuer: [],
      minTimeLeft: 60,
    })
  })

  it('have what the options name', async () => {
    const options = {
      tokenAudience: 'ANY',
      tokenScope: ['a b', 'c'],
      tokenIssuer: 'https://i',
      tokenMinTimeLeft: 0,
    }
    expect(await of('https://host.example.org', options)).toEqual({
      audience: ['ANY'],
      scope: ['a', 'b', 'c'],
      issuer: ['https://i'],
      minTimeLeft: 0,
    })
  })

  it('have the audience of `url` for requests to its host and port only', async () => {
    const url = 'https://host.example.org:8443/api'
    expect((await of('https://host.example.org:8443/a', { url })).audience).toEqual([
      'https://host.example.org',
      'https://host.example.org:8443',
    ])
    expect((await of('https://other.example.org/a', { url })).audience).toEqual(['https://other.example.org'])
    expect((await of('https://host.example.org.evil.org/a', { url })).audience).toEqual([
      'https://host.example.org.evil.org',
    ])
  })
})
