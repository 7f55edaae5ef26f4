import type { StoredToken } from '../../lib/oauth2'

/** For `toMatchObject`: a complete Bearer token response. */
export const BEARER = {
  access_token: expect.stringMatching(/^[\w.-]{20,}$/) as string,
  token_type: 'Bearer',
  expires_at: expect.any(Number) as number,
} satisfies StoredToken
