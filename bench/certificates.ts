import fs from 'node:fs'
import https from 'node:https'
import path from 'node:path'
import axios from 'axios'
import { applyIgwnAuth, removeIgwnAuth } from 'axios-igwn-auth'
import { compare, type Effort } from './measure'
import { counted, measured, type Result } from './report'
import { startServer } from './start-server'
import type { Surroundings } from './surroundings'

/** Sequential requests with a client certificate, against a new agent for each, as one writes it first. */
export async function* certificates(surroundings: Surroundings, { rounds }: Effort): AsyncGenerator<Result> {
  const { listening, stop } = await startServer()
  const folder = surroundings.folder('certificates')
  const cert = path.join(folder, 'x509up')
  fs.writeFileSync(cert, listening.proxy, { mode: 0o600 })
  process.env.REQUESTS_CA_BUNDLE = path.join(folder, 'ca.pem')
  fs.writeFileSync(process.env.REQUESTS_CA_BUNDLE, listening.ca)
  const ours = applyIgwnAuth(axios.create({ baseURL: listening.asking }), { cert, token: false })
  try {
    const plain = axios.create({ baseURL: listening.asking })
    const anew = async () => {
      const httpsAgent = new https.Agent({ ca: listening.ca, cert: listening.proxy, key: listening.proxy })
      await plain.get('/', { httpsAgent })
      httpsAgent.destroy()
    }
    const handshakes = async () => (await ours.get<{ handshakes: number }>('/')).data.handshakes
    const before = await handshakes()
    for (let request = 0; request < 200; request++) await ours.get('/')
    yield counted('200 sequential requests: handshakes', (await handshakes()) - before + 1, 1)

    const times = await compare({ anew, ours: () => ours.get('/') }, { rounds, batch: 20 })
    yield measured('one request, over one with an agent of its own', '×', times.ours.ratio, 0.1)
    yield measured('  with an agent of its own', 'µs', times.anew.microseconds)
    yield measured('  with the certificate attached by us', 'µs', times.ours.microseconds)
  } finally {
    removeIgwnAuth(ours)
    delete process.env.REQUESTS_CA_BUNDLE
    stop()
  }
}
