/** Exchanges a token of this host for one with a single scope (OAuth 2, token exchange). */
import { discoveredTokens, igwnAxios } from 'axios-igwn-auth'
import { tokenExchange } from 'axios-igwn-auth/oauth2'

const token = tokenExchange(
  {
    issuer: 'https://issuer.example.org',
    clientId: 'portal',
    clientSecret: () => process.env.CLIENT_SECRET ?? '',
  },
  { subject: discoveredTokens(), scope: 'gracedb.read' },
)
const { data } = await igwnAxios.get<{ sub: string; scope: string }>(
  'https://gracedb.example.org/api/superevents/',
  { igwnAuth: { token, cert: false } },
)
console.log(data.sub, data.scope) // → albert gracedb.read
