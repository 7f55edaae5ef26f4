/** A service account gets a token with its private key (OAuth 2, JWT bearer assertion). */
import { readFileSync } from 'node:fs'
import { igwnAxios } from 'axios-igwn-auth'
import { jwtBearer } from 'axios-igwn-auth/oauth2'

const token = jwtBearer(
  { issuer: 'https://issuer.example.org', clientId: 'service-account' },
  {
    issuer: 'robot@example.org',
    subject: 'albert',
    key: readFileSync('service-account.pem', 'utf8'),
    scope: 'gracedb.read',
  },
)
const { data } = await igwnAxios.get<{ sub: string; scope: string }>(
  'https://gracedb.example.org/api/superevents/',
  { igwnAuth: { token, cert: false } },
)
console.log(data.sub, data.scope) // → albert gracedb.read
