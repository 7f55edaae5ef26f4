/** A service that acts for itself gets a token for each service and scope (OAuth 2, client credentials). */
import { igwnAxios } from 'axios-igwn-auth'
import { clientCredentials } from 'axios-igwn-auth/oauth2'

const token = clientCredentials({
  issuer: 'https://issuer.example.org',
  clientId: 'detchar-bot',
  clientSecret: () => process.env.CLIENT_SECRET ?? '', // called when needed; it may read a vault
})
const services = igwnAxios.create({ igwnAuth: { token, cert: false } })

interface Claims {
  sub: string
  aud: string
  scope: string
}
const { data: events } = await services.get<Claims>('https://gracedb.example.org/api/superevents/', {
  igwnAuth: { tokenScope: 'gracedb.read' },
})
console.log(events.sub, events.aud, events.scope)
// → detchar-bot https://gracedb.example.org gracedb.read

const { data: version } = await services.get<Claims>('https://datafind.example.org/api/version', {
  igwnAuth: { tokenScope: 'gwdatafind.read' },
})
console.log(version.sub, version.aud, version.scope)
// → detchar-bot https://datafind.example.org gwdatafind.read
