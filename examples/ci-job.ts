/** A job in GitHub Actions, Forgejo Actions or GitLab exchanges its identity for a token: no secret is stored in the CI system. */
import { igwnAxios, workloadIdentity } from 'axios-igwn-auth'
import { tokenExchange } from 'axios-igwn-auth/oauth2'

const issuer = 'https://issuer.example.org'
const identity = workloadIdentity({ audience: issuer })
const token = tokenExchange(
  { issuer, clientId: 'ci' },
  { subject: identity, subjectTokenType: 'jwt', scope: 'gracedb.read' },
)
const { data } = await igwnAxios.get<{ sub: string; scope: string }>(
  'https://gracedb.example.org/api/superevents/',
  { igwnAuth: { token, cert: false } },
)
console.log(data.sub, data.scope) // → repo:igwn/alerts:ref:refs/heads/main gracedb.read
