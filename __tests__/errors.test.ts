import { execFileSync } from 'node:child_process'
import path from 'node:path'
import axios, { type AxiosAdapter } from 'axios'
import { applyIgwnAuth, IgwnAuthError, isIgwnAuthError, type IgwnAxiosError } from '../lib/index'
import { mint } from './support/tokens'

const REASON = { code: 'expired', source: 'BEARER_TOKEN', message: 'BEARER_TOKEN expired' } as const

it('toJSON of an IgwnAuthError has message, code, summary and reasons', () => {
  const error = new IgwnAuthError('ERR_IGWN_NO_CREDENTIAL', 'No credential.', { reasons: [REASON] })
  expect(JSON.parse(JSON.stringify(error))).toEqual({
    name: 'IgwnAuthError',
    message: 'No credential.',
    code: 'ERR_IGWN_NO_CREDENTIAL',
    summary: 'No credential.',
    reasons: [REASON],
  })
})

it('toJSON of an error of axios has message, code, summary and reasons, and no token', async () => {
  const token = mint()
  const adapter: AxiosAdapter = (config) => {
    const response = { status: 401, statusText: '', data: '', headers: {}, config }
    return Promise.reject(new axios.AxiosError('refused', 'ERR_BAD_REQUEST', config, {}, response))
  }
  const error: unknown = await applyIgwnAuth(axios.create({ adapter }), { token })
    .get('https://x.example.org/')
    .catch((failure: unknown) => failure)
  const shown = (error as IgwnAxiosError).toJSON() as Record<string, unknown>
  expect(shown).toMatchObject({ message: 'refused', code: 'ERR_BAD_REQUEST', status: 401 })
  expect(shown.summary).toBe((error as IgwnAxiosError).igwnAuth?.summary)
  expect(shown.reasons).toEqual((error as IgwnAxiosError).igwnAuth?.reasons)
  expect(JSON.stringify(shown)).not.toContain(token)
})

it('loggers that copy enumerable properties, such as pino and winston, get code and reasons, and of a refusal the summary', async () => {
  // As pino-std-serializers does it; winston's errors() uses Object.assign.
  const copied = (error: object) => {
    const copy: Record<string, unknown> = {}
    for (const key in error) copy[key] = (error as Record<string, unknown>)[key]
    return copy
  }
  const ours = new IgwnAuthError('ERR_IGWN_NO_CREDENTIAL', 'No credential.', { reasons: [REASON] })
  expect(copied(ours)).toMatchObject({ code: 'ERR_IGWN_NO_CREDENTIAL', reasons: [REASON] })

  const token = mint()
  const adapter: AxiosAdapter = (config) => {
    const response = { status: 401, statusText: '', data: '', headers: {}, config }
    return Promise.reject(new axios.AxiosError('refused', 'ERR_BAD_REQUEST', config, {}, response))
  }
  const error = (await applyIgwnAuth(axios.create({ adapter }), { token })
    .get('https://x.example.org/')
    .catch((failure: unknown) => failure)) as IgwnAxiosError
  const { summary, reasons } = error.igwnAuth ?? {}
  expect(copied(error)).toMatchObject({ code: 'ERR_BAD_REQUEST', igwnAuth: { summary, reasons } })
  expect(JSON.stringify(copied(error))).not.toContain(token)
})

describe('isIgwnAuthError', () => {
  it.each([
    undefined,
    null,
    'ERR_IGWN',
    {},
    new Error('other'),
    { name: 'IgwnAuthError', code: 'ERR_IGWN_X' },
  ])('is false for %p', (value) => {
    expect(isIgwnAuthError(value)).toBe(false)
  })

  it('recognizes errors of the ES module and of the CommonJS module in each other', () => {
    const program = `
      import { createRequire } from 'node:module'
      import * as esm from 'axios-igwn-auth'
      const cjs = createRequire(process.cwd() + '/package.json')('axios-igwn-auth')
      const make = ({ IgwnAuthError }) => new IgwnAuthError('ERR_IGWN_INVALID_URL', 'x')
      console.log(JSON.stringify([
        esm.IgwnAuthError === cjs.IgwnAuthError,
        esm.isIgwnAuthError(make(cjs)), cjs.isIgwnAuthError(make(esm)),
        esm.isIgwnAuthError(make(esm)), cjs.isIgwnAuthError(new Error('x')),
      ]))`
    const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: path.join(__dirname, '..'),
      encoding: 'utf8',
    })
    expect(JSON.parse(printed)).toEqual([false, true, true, true, false])
  })
})
