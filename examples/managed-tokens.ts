/**
 * Tokens that somebody else manages: a portal gives them, a file shares them with other processes, and requests that fail for a
 * reason that may pass are tried again, each time with a token that is good then.
 */
import axios from 'axios'
import { applyAutoRetry, applyIgwnAuth, fileStore, reuse, type TokenSource } from 'axios-igwn-auth'

let asked = 0
/** The portal of our group. */
const portal: TokenSource = {
  async getToken({ audience }) {
    asked += 1
    const { data } = await axios.post<{ access_token: string }>('https://issuer.example.org/token', {
      audience,
    })
    return data.access_token
  },
}

/** What each process makes for itself. Of all that have this file, one asks. */
function dqsegdb() {
  const token = reuse(portal, { store: fileStore('portal-tokens.json'), storeKey: 'albert.einstein' })
  const instance = axios.create({ baseURL: 'https://dqsegdb.example.org' })
  applyIgwnAuth(instance, { token, tokenScope: 'dqsegdb.read', cert: false })
  return applyAutoRetry(instance, { retries: 5 })
}

const { data } = await dqsegdb().get<{ user: string }>('/dq/report')
console.log(data.user, asked > 0) // → albert.einstein true

// Another process need not ask.
const before = asked
const { data: other } = await dqsegdb().get<{ user: string }>('/dq/report')
console.log(other.user, asked - before) // → albert.einstein 0
