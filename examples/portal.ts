/** A portal acts for many users: each request carries the token of its user, and never that of another or of the machine. */
import { findSciToken, igwnAxios } from 'axios-igwn-auth'

const gracedb = igwnAxios.create({
  baseURL: 'https://gracedb.example.org',
  // What is given is for this service alone; nothing is looked for on the machine.
  igwnAuth: { url: 'https://gracedb.example.org', token: false, cert: false, netrc: false },
})

/** What a route of the portal does; the token came with the session of the user. */
async function supereventsFor(token: string): Promise<string> {
  const { data } = await gracedb.get<{ user: string }>('/api/superevents/', { igwnAuth: { token } })
  return data.user
}

const tokenOfAlbert = (await findSciToken({ scope: 'gracedb.read' })).serialize()
console.log(await supereventsFor(tokenOfAlbert)) // → albert.einstein

const { status } = await gracedb.get('/api/superevents/', { validateStatus: null })
console.log(status) // → 401
