/**
 * Sends requests, with automatic retry, to a server that resets one connection in a hundred, and prints the outcome of each. It
 * is a program of its own because it takes three times as long inside Jest.
 */
import { once } from 'node:events'
import http from 'node:http'
import axios from 'axios'
import fc from 'fast-check'
import { applyAutoRetry, applyIgwnAuth } from '../../dist/index.js'

const [requests, seed] = process.argv.slice(2).map(Number)
const AT_ONCE = 64
const METHODS = ['GET', 'GET', 'PUT', 'POST']
/** When a connection is reset: before the request is processed, after it, or in the middle of the response. */
const FATES = ['before', 'done', 'answering']

const rolls = fc.sample(fc.nat(99), { seed, numRuns: 3 * requests }).values()
/** By request path: how often it was processed, and how often its connection was reset. */
const done = {}
const reset = {}
let resets = 0
let withoutToken = 0
const server = http.createServer((request, response) => {
  const { url, headers, socket } = request
  if (headers.authorization !== `Bearer ${process.env.BEARER_TOKEN}`) withoutToken += 1
  const fate = rolls.next().value === 0 ? FATES[resets++ % FATES.length] : undefined
  if (fate) reset[url] = (reset[url] ?? 0) + 1
  if (fate === 'before') {
    socket.resetAndDestroy()
    return
  }
  request.resume().on('end', () => {
    done[url] = (done[url] ?? 0) + 1
    if (fate === 'done') socket.resetAndDestroy()
    else if (!fate) response.end(url)
    else {
      response.writeHead(200, { 'content-length': 100 })
      response.write(url, () => socket.resetAndDestroy())
    }
  })
})
await once(server.listen(0, '127.0.0.1'), 'listening')

const httpAgent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE })
const baseURL = `http://127.0.0.1:${server.address().port}`
const client = applyAutoRetry(applyIgwnAuth(axios.create({ baseURL, httpAgent, proxy: false })), {
  backoff: 0.01,
})
const sent = []
let next = 0
async function sender() {
  while (next < requests) {
    const number = next++
    const method = METHODS[number % METHODS.length]
    const url = `/${method}/${number}`
    const data = method === 'GET' ? undefined : 'x'.repeat(100)
    try {
      sent.push({ url, answer: (await client.request({ url, method, data })).data })
    } catch ({ code }) {
      sent.push({ url, code })
    }
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, sender))

httpAgent.destroy()
server.close().closeAllConnections()
console.log(JSON.stringify({ sent, done, reset, withoutToken }))
