import { igwn } from './igwn'
import type { OAuthClient } from './client'

/** A kind of authorization server: see the option `preset` of a client. */
export type Preset = 'iam' | 'keycloak' | 'cilogon' | 'pelican' | 'igwn'

interface PresetDefaults {
  readonly issuer?: string
  readonly audienceParameter: NonNullable<OAuthClient['audienceParameter']>
  /** In token exchanges, where it differs. */
  readonly exchangeParameter?: 'audience'
  /** Added to the scopes of a login. */
  readonly loginScopes: readonly string[]
}

/** What these servers need, and what users get wrong. */
export const PRESETS: Readonly<Record<Preset, PresetDefaults>> = {
  // Every version supports `audience`. `resource` exists since 1.12, only for audiences of the login (indigo-iam/iam#841, oidc-agent#638).
  iam: { audienceParameter: 'audience', loginScopes: ['offline_access'] },
  // The audience depends on the scopes. Only token exchange has a parameter for it (keycloak#14355).
  keycloak: { audienceParameter: false, exchangeParameter: 'audience', loginScopes: ['offline_access'] },
  // Scopes and audience depend on the policy of the client; every login is one of OpenID Connect.
  cilogon: { audienceParameter: false, loginScopes: ['openid', 'offline_access'] },
  // Tokens are for any server of the federation; `wlcg` selects the profile.
  pelican: { audienceParameter: false, loginScopes: ['wlcg', 'offline_access'] },
  // An issuer of CILogon.
  igwn: { issuer: igwn.issuer, audienceParameter: false, loginScopes: ['openid', 'offline_access'] },
}

/** A client with the defaults of its preset. */
export function withPreset(client: OAuthClient): OAuthClient {
  if (client.preset === undefined) return client
  const { issuer, audienceParameter } = PRESETS[client.preset]
  return {
    ...client,
    issuer: client.issuer ?? (client.metadata ? undefined : issuer),
    audienceParameter: client.audienceParameter ?? audienceParameter,
  }
}

/** The client of a token exchange. */
export function forExchange(client: OAuthClient): OAuthClient {
  // The client has not been checked yet.
  const parameter = (PRESETS as Readonly<Record<string, PresetDefaults | undefined>>)[client.preset ?? '']
    ?.exchangeParameter
  return client.audienceParameter === undefined && parameter !== undefined
    ? { ...client, audienceParameter: parameter }
    : client
}

/** Scopes that every login requests. */
export function loginScopes({ preset }: OAuthClient): readonly string[] {
  return preset === undefined ? [] : PRESETS[preset].loginScopes
}
