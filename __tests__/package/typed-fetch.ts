// A project that uses the subpath. Compiled twice, as `.mts` and as `.cts`, against the declarations of the package.
import {
  authorize,
  createIgwnFetch,
  explanationOf,
  isIgwnAuthError,
  type IgwnFetch,
  type Refusal,
} from 'axios-igwn-auth/fetch'

async function main(origin: string): Promise<void> {
  const get: IgwnFetch = createIgwnFetch({ tokenScope: ['read:/frames'], cert: false })
  const response: Response = await get(new URL('/data', origin), { igwnAuth: { failIfNoAuth: true } })
  const refusal: Refusal | undefined = explanationOf(response)
  const { headers } = await authorize(origin)
  const error: unknown = await get(origin, { igwnAuth: { url: 'nowhere' } }).catch(
    (reason: unknown) => reason,
  )
  const code = isIgwnAuthError(error) && error.code
  console.log(JSON.stringify({ status: response.status, headers: Object.keys(headers), code, refusal }))
  get.close()
}

/** Never called: the compiler must report these mistakes. */
export function mistakes(): void {
  // @ts-expect-error there is no such option
  createIgwnFetch({ tokn: 'x' })
  // @ts-expect-error these options belong in igwnAuth
  void createIgwnFetch()('https://host.example.org', { tokenScope: 'read:/' })
}

void main(process.argv[2] ?? '')
