// The same as consumer.mjs in TypeScript. Compiled twice, as `.mts` and as `.cts`, against the declarations of the package.
import axios, { isAxiosError, type AxiosInstance, type AxiosResponse } from 'axios'
import {
  applyIgwnAuth,
  delete as del,
  findSciToken,
  IgwnAuthError,
  igwnAxios,
  type IgwnAuthOptions,
  type IgwnAxiosError,
  type Reason,
} from 'axios-igwn-auth'

async function main(origin: string): Promise<void> {
  const withOptions = { igwnAuth: { tokenScope: 'read:/', failIfNoAuth: true } }
  await igwnAxios.get<{ ok: boolean }>(`${origin}/default-instance`, withOptions)

  const options: IgwnAuthOptions = { token: () => undefined, tokenScope: undefined }
  const applied: AxiosInstance = applyIgwnAuth(axios.create({ baseURL: origin }), options)
  await applied.post('/applied', { n: 1 }, { igwnAuth: { token: true } })

  const response: AxiosResponse<{ ok: boolean }> = await del<{ ok: boolean }>(`${origin}/function`)
  const ok: boolean = response.data.ok
  await igwnAxios
    .create({ baseURL: origin, igwnAuth: { token: true } })
    .get('/axios-itself', { igwnAuth: false })

  const reasons: readonly Reason[] = await findSciToken({ audience: ['a', 'b'], scope: 'write:/' }).then(
    () => [],
    (error: unknown) => (error instanceof IgwnAuthError ? error.reasons : []),
  )
  console.log(
    JSON.stringify({
      ok,
      axios: axios.VERSION,
      reasons: reasons.map(({ code, source }) => `${source}: ${code}`),
    }),
  )
}

/** Never called: `igwnAuth` is typed after `isAxiosError`, also with type arguments, and in both of its forms. */
export function summaries(error: unknown): (string | undefined)[] {
  const own: IgwnAxiosError = error as IgwnAxiosError<{ detail: string }>
  if (axios.isAxiosError<{ detail: string }, string>(error)) {
    const detail: string | undefined = error.response?.data.detail
    const data: string | undefined = error.config?.data
    // @ts-expect-error a summary is a string
    const wrong: number | undefined = error.igwnAuth?.summary
    return [error.igwnAuth?.summary, detail, data, String(wrong), own.igwnAuth?.summary]
  }
  if (isAxiosError(error)) return error.igwnAuth?.reasons.map(({ code }) => code) ?? []
  return axios.isAxiosError(error) ? [error.igwnAuth?.explanation.url] : []
}

/** Never called: the compiler must report these mistakes. */
export function mistakes(instance: AxiosInstance): void {
  // @ts-expect-error there is no such option
  void instance.get('/', { igwnAuth: { tokenScopes: 'read:/' } })
  // @ts-expect-error an option of the wrong type
  void axios.get('/', { igwnAuth: { tokenMinTimeLeft: '60' } })
  // @ts-expect-error `false` is the only boolean
  void igwnAxios({ url: '/', igwnAuth: true })
  // @ts-expect-error there is no such option here either
  applyIgwnAuth(instance, { tokenScopes: 'read:/' })
  // @ts-expect-error there is no such option of automatic retry
  void instance.get('/', { igwnRetry: { retryCondition: () => true } })
  // @ts-expect-error not an instance
  applyIgwnAuth('https://gracedb.example.org')
  // @ts-expect-error there is no such option
  igwnAxios.create({ igwnAuth: { audience: 'x' } })
}

void main(process.argv[2] ?? '')
