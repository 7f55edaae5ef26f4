/**
 * A service that acts for nobody but itself: it gets its tokens from an authorization server (OAuth 2, client credentials), one
 * for each service and scope, and renews them before they end.
 */
import { igwnAxios } from 'axios-igwn-auth'
import { clientCredentials } from 'axios-igwn-auth/oauth2'

const token = clientCredentials({
  issuer: 'https://issuer.example.org',
  clientId: 'detchar-bot',
  clientSecret: () => process.env.CLIENT_SECRET ?? '', // called when it is needed; it may come from a vault
})
const services = igwnAxios.create({ igwnAuth: { token, cert: false } })

interface Seen {
  sub: string
  aud: string
  scope: string
}
const { data: events } = await services.get<Seen>('https://gracedb.example.org/api/superevents/', {
  igwnAuth: { tokenScope: 'gracedb.read' },
})
console.log(events.sub, events.aud, events.scope)
// → detchar-bot https://gracedb.example.org gracedb.read

const { data: version } = await services.get<Seen>('https://datafind.example.org/api/version', {
  igwnAuth: { tokenScope: 'gwdatafind.read' },
})
console.log(version.sub, version.aud, version.scope)
// → detchar-bot https://datafind.example.org gwdatafind.read
