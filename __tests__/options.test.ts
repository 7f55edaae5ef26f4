import axios from 'axios'
import { checkOptions, environmentSwitch, mergeOptions, queryFor, tokenChoice } from '../lib/options'
import { SciToken } from '../lib/tokens/scitoken'
import { staticToken } from '../lib/tokens/static-token'
import { processEnvironment, type Environment } from '../lib/environment'
import { applyAutoRetry, applyIgwnAuth, igwnAxios } from './support/all'
import { thrownBy } from './support/thrown-by'
import { mint, ours, signatureOf } from './support/tokens'

const SWITCH = 'IGWN_AUTH_UTILS_FIND_SCITOKEN'
const withSwitch = (value?: string): Environment => ({ ...processEnvironment, env: { [SWITCH]: value } })

describe('options', () => {
  it('that fit come back without the undefined ones', () => {
    const options = {
      token: true,
      tokenAudience: ['https://a', 'https://b'],
      tokenScope: 'read:/ write:/',
      tokenMinTimeLeft: 0,
      url: 'https://host.example.org:8443/api',
      failIfNoAuth: false,
      verify: axios.create(),
    }
    const checked = checkOptions({ ...options, tokenIssuer: undefined }, 'options')
    expect(checked).toStrictEqual(options)
    expect(checkOptions({}, 'options')).toEqual({})
  })

  it.each(['token', 'tokenScope', 'cert', 'failIfNoAuth'])(
    'that stand in the config itself, as %s, are an error',
    (name) => {
      expect(() => igwnAxios.create({ [name]: true })).toThrow(
        ours(
          'ERR_IGWN_INVALID_OPTION',
          `${name} stands in the config itself, where nothing reads it: write igwnAxios.create({ igwnAuth: { ${name}: ... } }).`,
        ),
      )
      expect(igwnAxios.create({ url: 'https://host.example.org' }).defaults.url).toBe(
        'https://host.example.org',
      )
    },
  )

  it.each([undefined, null, {}, 'axios', () => undefined])(
    'are for an axios instance, not for %p',
    (what) => {
      for (const install of [applyIgwnAuth, applyAutoRetry])
        expect(thrownBy(() => install(what as never))).toMatchObject({
          code: 'ERR_IGWN_INVALID_OPTION',
          message: expect.stringMatching(
            /^What this is to be installed on must be an axios instance, as axios\.create\(\) makes one, not .+\.$/,
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
    ['url', 7, 'must be an absolute URL, as https://host.example.org, not a number'],
    ['url', '/opensesame', 'must be an absolute URL, as https://host.example.org, not this text'],
    ['url', 'localhost:8080', 'must be an absolute URL, as https://host.example.org, not this text'],
    ['url', 'mailto:opensesame', 'must be an absolute URL, as https://host.example.org, not this text'],
    ['url', 'https://', 'must be an absolute URL, as https://host.example.org, not this text'],
    [
      'url',
      new URL('https://host.example.org'),
      'must be an absolute URL, as https://host.example.org, not an object',
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
    expect(() => checkOptions({ [name]: value }, 'igwnAuth')).toThrow(error)
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
    expect(() => checkOptions(options as object, 'igwnAuth')).toThrow(
      ours('ERR_IGWN_INVALID_OPTION', `igwnAuth must be an object, not ${kind}.`),
    )
  })

  it.each(['tokens', 'scope', 'toString', 'constructor', '__proto__', 'hasOwnProperty'])(
    'have no %s',
    (name) => {
      const options = JSON.parse(`{"${name}": true}`) as object
      expect(() => checkOptions(options, 'options')).toThrow(
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
    const instance = { tokenScope: 'a', tokenAudience: 'https://a', failIfNoAuth: true }
    expect(mergeOptions(instance, { tokenScope: ['b'], failIfNoAuth: false })).toEqual({
      tokenScope: ['b'],
      tokenAudience: 'https://a',
      failIfNoAuth: false,
    })
    expect(instance).toEqual({ tokenScope: 'a', tokenAudience: 'https://a', failIfNoAuth: true })
  })

  it('forceNoAuth and failIfNoAuth together contradict each other', () => {
    const error = ours(
      'ERR_IGWN_INVALID_OPTION',
      'forceNoAuth and failIfNoAuth contradict each other: one sends no credential, the other sends nothing without one. ' +
        'Set one of them.',
    )
    expect(() => mergeOptions({ forceNoAuth: true, failIfNoAuth: true }, {})).toThrow(error)
    expect(() => mergeOptions({ forceNoAuth: true }, { failIfNoAuth: true })).toThrow(error)
    expect(mergeOptions({ forceNoAuth: true, failIfNoAuth: false }, {}).forceNoAuth).toBe(true)
  })
})

describe('the switch', () => {
  const cases = (words: string[]) =>
    words.flatMap((word) => [word, word.toUpperCase(), word[0]!.toUpperCase() + word.slice(1)])

  it.each(cases(['y', 'yes', 'true', '1']))('%s requires', (value) => {
    expect(environmentSwitch({ [SWITCH]: value }, SWITCH)).toBe(true)
    expect(tokenChoice(undefined, withSwitch(value))).toEqual({ kind: 'discover', required: true })
  })

  it.each(cases(['n', 'no', 'false', '0']))('%s disables', (value) => {
    expect(environmentSwitch({ [SWITCH]: value }, SWITCH)).toBe(false)
    expect(tokenChoice(undefined, withSwitch(value))).toEqual({ kind: 'never' })
  })

  it.each([undefined, ''])('%p leaves the choice', (value) => {
    expect(environmentSwitch({ [SWITCH]: value }, SWITCH)).toBeUndefined()
    expect(tokenChoice(undefined, withSwitch(value))).toEqual({ kind: 'discover', required: false })
  })

  it.each(['on', 'off', 'Y ', ' 1', '2', 'ja', 'none', 'enable'])(
    '%j means nothing: an error says so',
    (value) => {
      const error = ours(
        'ERR_IGWN_INVALID_ENVIRONMENT',
        `${SWITCH} is set to a value that means nothing. Use one of y, yes, true, 1 to require, one of n, no, false, 0 to disable, or unset it.`,
      )
      expect(() => environmentSwitch({ [SWITCH]: value }, SWITCH)).toThrow(error)
      expect(() => tokenChoice(undefined, withSwitch(value))).toThrow(error)
    },
  )

  it('gives way to the option', () => {
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
    // Checked when it was made, it is as good as a text.
    expect(tokenChoice(staticToken('abc'), withSwitch())).toEqual({ kind: 'given', text: 'abc' })
    const choice = tokenChoice(async () => 'abc', withSwitch())
    expect(choice.kind === 'source' && (await choice.source.getToken({}))).toBe('abc')
  })

  it('that could not be sent is an error which does not repeat it', () => {
    const token = `${mint()}\r\n`
    expect(() => tokenChoice(token, withSwitch())).toThrow(
      expect.objectContaining({
        code: 'ERR_IGWN_TOKEN_MALFORMED',
        message: expect.stringContaining('the token option is no bearer token: character ') as string,
        stack: expect.not.stringContaining(signatureOf(token).trim()) as string,
      }) as Error,
    )
  })
})

describe('the query', () => {
  const of = (url: string, options: Parameters<typeof queryFor>[1] = {}) => queryFor(new URL(url), options)

  it('is for the audience of the URL', () => {
    expect(of('https://host.example.org:8443/a')).toEqual({
      audience: ['https://host.example.org', 'https://host.example.org:8443'],
      scope: [],
      issuer: [],
      minTimeLeft: 60,
    })
  })

  it('is as the options say', () => {
    const options = {
      tokenAudience: 'ANY',
      tokenScope: ['a b', 'c'],
      tokenIssuer: 'https://i',
      tokenMinTimeLeft: 0,
    }
    expect(of('https://host.example.org', options)).toEqual({
      audience: ['ANY'],
      scope: ['a', 'b', 'c'],
      issuer: ['https://i'],
      minTimeLeft: 0,
    })
  })

  it('is for the service that `url` names when the request goes to its host, else for its own', () => {
    const url = 'https://host.example.org:8443/api'
    expect(of('https://host.example.org:8443/a', { url }).audience).toEqual([
      'https://host.example.org',
      'https://host.example.org:8443',
    ])
    expect(of('https://other.example.org/a', { url }).audience).toEqual(['https://other.example.org'])
    expect(of('https://host.example.org.evil.org/a', { url }).audience).toEqual([
      'https://host.example.org.evil.org',
    ])
  })
})
