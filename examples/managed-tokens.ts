/** Tokens from a portal, shared with other processes in a file, with automatic retry. */
import axios from 'axios'
import { applyAutoRetry, applyIgwnAuth, fileStore, reuse, type TokenSource } from 'axios-igwn-auth'

let calls = 0
/** Gets tokens from a portal. */
const portal: TokenSource = {
  async getToken({ audience }) {
    calls += 1
    const { data } = await axios.post<{ access_token: string }>('https://issuer.example.org/token', {
      audience,
    })
    return data.access_token
  },
}

/** Each process calls this. Of all processes that use the file, one calls the portal. */
function dqsegdb() {
  const token = reuse(portal, { store: fileStore('portal-tokens.json'), storeKey: 'albert.einstein' })
  const instance = axios.create({ baseURL: 'https://dqsegdb.example.org' })
  applyIgwnAuth(instance, { token, tokenScope: 'dqsegdb.read', cert: false })
  return applyAutoRetry(instance, { retries: 5 })
}

const { data } = await dqsegdb().get<{ user: string }>('/dq/report')
console.log(data.user, calls > 0) // → albert.einstein true

// Another process uses the token in the file.
const before = calls
const { data: other } = await dqsegdb().get<{ user: string }>('/dq/report')
console.log(other.user, calls - before) // → albert.einstein 0
