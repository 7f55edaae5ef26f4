import type { OAuthClient, ServerMetadata } from '../oauth2/client'
import type { Preset } from '../oauth2/presets'
import { authorizationServer } from '../oauth2/server/authorization-server'
import { withLoginScopes } from '../oauth2/server/token-request'
import type { TokenStore } from '../stores/token-store'
import type { LoginSettings } from './saved-logins'

/** The client of a login, with the metadata of its server. Without an id it registers itself. */
export async function clientOf(
  settings: LoginSettings,
  store: TokenStore,
  signal?: AbortSignal,
): Promise<{ client: OAuthClient; metadata: ServerMetadata; scope: readonly string[] }> {
  const { issuer, clientId } = settings
  const named = { issuer, ...(settings.preset !== undefined && { preset: settings.preset as Preset }) }
  const server = authorizationServer(named)
  const metadata = await server.metadata(signal)
  const scope = scopesFor(settings, server.client, metadata)
  const registration = {
    store,
    storeKey: ['registration', server.name, ...scope].join(' '),
    metadata: { client_name: 'igwn-auth', ...(scope.length > 0 && { scope: scope.join(' ') }) },
  }
  const client = { ...named, metadata, ...(clientId === undefined ? { registration } : { clientId }) }
  return { client, metadata, scope }
}

/** With the scope for a refresh token: that of the preset, else the one of OpenID Connect if the server has it. */
function scopesFor(
  { scope, preset }: LoginSettings,
  client: OAuthClient,
  { scopes_supported: supported }: ServerMetadata,
): readonly string[] {
  if (preset !== undefined) return [withLoginScopes({ scope }, client).scope].flat()
  const isOffered = Array.isArray(supported) && supported.includes(OFFLINE_ACCESS)
  return isOffered ? [...new Set([...scope, OFFLINE_ACCESS])] : scope
}

/** OpenID Connect Core 1.0 section 11. */
export const OFFLINE_ACCESS = 'offline_access'
