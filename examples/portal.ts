/** A portal sends each request with the token of its user, and never with the credentials of its host. */
import { findSciToken, igwnAxios, noHostCredentials } from 'axios-igwn-auth'

const gracedb = igwnAxios.create({
  baseURL: 'https://gracedb.example.org',
  // Nothing is searched for on this host. `url` binds tokens to this service.
  igwnAuth: { ...noHostCredentials, url: 'https://gracedb.example.org' },
})

/** A route of the portal; `token` comes from the session of the user. */
async function supereventsFor(token: string): Promise<string> {
  const { data } = await gracedb.get<{ user: string }>('/api/superevents/', { igwnAuth: { token } })
  return data.user
}

const tokenOfAlbert = (await findSciToken({ scope: 'gracedb.read' })).serialize()
console.log(await supereventsFor(tokenOfAlbert)) // → albert.einstein

const { status } = await gracedb.get('/api/superevents/', { validateStatus: null })
console.log(status) // → 401
