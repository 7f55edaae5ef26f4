/** Uses a refresh token from elsewhere (OAuth 2), and keeps the new one that the server returns: the first may work only once. */
import { fileStore, igwnAxios } from 'axios-igwn-auth'
import { refreshToken } from 'axios-igwn-auth/oauth2'

const token = refreshToken(
  {
    issuer: 'https://issuer.example.org',
    clientId: 'portal',
    clientSecret: () => process.env.CLIENT_SECRET ?? '',
  },
  { refreshToken: process.env.REFRESH_TOKEN, store: fileStore('portal.json'), storeKey: 'albert' },
)
const { data } = await igwnAxios.get<{ sub: string }>('https://gracedb.example.org/api/superevents/', {
  igwnAuth: { token, cert: false },
})
console.log(data.sub) // → albert

const { refresh_token: next } = await token.getTokenResponse()
console.log(next === process.env.REFRESH_TOKEN) // → false
