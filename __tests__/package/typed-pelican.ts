// A project that uses the subpath. Compiled twice, as `.mts` and as `.cts`, against the declarations of the package.
import { IgwnAuthError } from 'axios-igwn-auth'
import {
  federationOf,
  parsePelicanHeaders,
  resolveObject,
  type Federation,
  type ObjectServer,
  type ResolvedObject,
} from 'axios-igwn-auth/pelican'

async function main(): Promise<void> {
  const { servers } = parsePelicanHeaders({ link: '<https://c.example.org/x>; rel="duplicate"; pri=1' })
  const urls = servers.map(({ url }: ObjectServer) => url)
  const error: unknown = await resolveObject('https://c.example.org/x').catch((reason: unknown) => reason)
  const isOurs = error instanceof IgwnAuthError
  console.log(JSON.stringify({ servers: urls, isOurs, code: isOurs && error.code }))
}

/** Never called: what the functions take and return. */
export async function types(url: URL): Promise<[Federation, ResolvedObject, readonly string[]]> {
  const federation = await federationOf(url)
  const object = await resolveObject(url, { method: 'PUT', axios: undefined })
  // @ts-expect-error there is no such option
  await resolveObject(url, { token: 'x' })
  return [federation, object, object.scopes]
}

void main()
