import { IgwnAuthError } from '../../errors'
import type { AuthScheme, SchemeResponse, RequestChanges } from '../../schemes/auth-scheme'
import type { DPoPKey } from './dpop-key'
import type { OAuthTokenSource } from '../grants/renewing-grant'

/**
 * Puts tokens that are bound to a key on the requests of an instance, each with a proof of possession (RFC 9449 section 7):
 * `applyIgwnAuth(instance, { scheme: dpop(source, key) })`. The key is that of the source's client.
 *
 * A server that wants a nonce in the proof gets it; one that refuses the token gets another.
 */
export function dpop(source: OAuthTokenSource, key: DPoPKey): AuthScheme {
  const sent = new WeakMap<RequestChanges, { readonly token: string; readonly origin: string }>()

  return {
    name: 'DPoP',
    async authorize({ method, url, query }) {
      const { access_token: token, token_type: type = 'Bearer' } = await source.getTokenResponse(query)
      if (type !== 'DPoP')
        throw new IgwnAuthError(
          'ERR_IGWN_INVALID_OPTION',
          `The token is of type ${type} and bound to no key. Set dpop of the client to the same key, or give the source as token. Nothing was sent.`,
        )
      const proof = await key.proof({ method, url, accessToken: token })
      const parts = { headers: { Authorization: `DPoP ${token}`, DPoP: proof } }
      sent.set(parts, { token, origin: url.origin })
      return parts
    },
    onResponse({ header }, parts) {
      const nonce = header('DPoP-Nonce')
      const { origin } = sent.get(parts) ?? {}
      if (nonce !== undefined && origin !== undefined) key.remember(origin, nonce)
    },
    shouldRetry({ challenges }: SchemeResponse, parts) {
      const challenge = challenges.find(({ scheme }) => scheme === 'dpop')
      const { token } = sent.get(parts) ?? {}
      if (!challenge || token === undefined) return false
      // The nonce was heard, and the token is not to blame.
      if (challenge.params.error === 'use_dpop_nonce') return true
      if (challenge.params.error === 'invalid_dpop_proof') return false
      source.invalidate(token)
      return true
    },
  }
}
