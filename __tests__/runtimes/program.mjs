// What every runtime runs. It prints what came of each request as JSON.
import { igwnAxios } from 'axios-igwn-auth'
import { createIgwnFetch, igwnFetch } from 'axios-igwn-auth/fetch'

const { plain, secure, cert } = JSON.parse(process.env.RUNTIME_TEST ?? '')
const results = {}

async function record(name, work) {
  try {
    results[name] = await work()
  } catch (error) {
    results[name] = `${error.code ?? error.name}: ${error.message} ${error.cause?.message ?? ''}`
  }
}

const attempts = () => {
  let issued = 0
  return () => `token-${(issued += 1)}`
}

await record('axios: first request', async () => (await igwnAxios.get(`${plain}/token`)).data)
await record(
  'axios: retry after a 401',
  async () => (await igwnAxios.post(`${plain}/retry/a`, 'body', { igwnAuth: { token: attempts() } })).data,
)
await record(
  'axios: certificate',
  async () => (await igwnAxios.get(secure, { igwnAuth: { cert: cert.alice } })).data,
)
await record('fetch: first request', async () => (await igwnFetch(`${plain}/token`)).text())
await record('fetch: retry after a 401', async () => {
  const get = createIgwnFetch({ token: attempts() })
  return (await get(`${plain}/retry/b`, { method: 'POST', body: 'body' })).text()
})
await record('fetch: certificate', async () => {
  const get = createIgwnFetch({ cert: cert.alice })
  return (await get(secure)).text()
})
// A connection with one certificate is not used for another one, nor for none.
await record('fetch: another certificate', async () =>
  (await igwnFetch(secure, { igwnAuth: { cert: cert.bob } })).text(),
)
await record('fetch: no certificate', async () =>
  (await igwnFetch(secure, { igwnAuth: { cert: false } })).text(),
)
await record('fetch: redirect to another origin', async () => {
  const get = createIgwnFetch({ token: 'given-token' })
  const response = await get(`${plain}/redirect`)
  return `${response.redirected} ${await response.text()}`
})

console.log(JSON.stringify(results))
process.exit(0)
