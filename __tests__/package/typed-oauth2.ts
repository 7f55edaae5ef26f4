// A project that uses the subpath. Compiled twice, as `.mts` and as `.cts`, against the declarations of the package.
import { igwnAxios, IgwnAuthError } from 'axios-igwn-auth'
import {
  clientCredentials,
  OAuthError,
  type FlowOptions,
  type OAuthClient,
  type OAuthTokenSource,
} from 'axios-igwn-auth/oauth2'

async function main(origin: string): Promise<void> {
  const client: OAuthClient = { metadata: { token_endpoint: `${origin}/token` }, clientId: 'portal' }
  const types: (string | undefined)[] = []
  const options: FlowOptions = {
    scope: ['read:/'],
    store: undefined,
    onToken: ({ token_type: type }, before) => {
      types.push(type, before?.token_type)
    },
  }
  const token: OAuthTokenSource = clientCredentials(client, options)
  const { status } = await igwnAxios.get(`${origin}/data`, { igwnAuth: { token } })

  const unreachable = clientCredentials({
    metadata: { token_endpoint: 'http://127.0.0.1:9/token' },
    clientId: 'x',
  })
  const error: unknown = await unreachable.getTokenResponse().catch((reason: unknown) => reason)
  // Both entries share one error class, also when each is loaded alone.
  const isOurs = error instanceof IgwnAuthError && error instanceof OAuthError
  console.log(JSON.stringify({ status, types, isOurs, code: isOurs && error.code }))
}

/** Never called: the compiler must report these mistakes. */
export function mistakes(): void {
  // @ts-expect-error there is no such method
  clientCredentials({ issuer: 'https://cilogon.org/igwn', clientAuthentication: 'basic' })
  // @ts-expect-error there is no such option
  clientCredentials({ issuer: 'https://cilogon.org/igwn' }, { scopes: 'read:/' })
}

void main(process.argv[2] ?? '')
