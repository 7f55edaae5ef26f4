/** A user logs in with the browser of this computer (OAuth 2, authorization code with PKCE). */
import { igwnAxios } from 'axios-igwn-auth'
import { authorizationCode } from 'axios-igwn-auth/oauth2'

const token = authorizationCode(
  { issuer: 'https://issuer.example.org', clientId: 'gw-cli' },
  {
    scope: 'openid offline_access gracedb.read',
    // To open the browser, use the package `open`.
    open: (url) => {
      console.log(`Open ${url}`)
    },
    loginParams: { prompt: 'consent' },
  },
)
const gracedb = igwnAxios.create({ baseURL: 'https://gracedb.example.org', igwnAuth: { token, cert: false } })
const { data } = await gracedb.get<{ sub: string }>('/api/superevents/')
console.log(data.sub)
// → Open https://issuer.example.org/auth?…
// → albert
