/**
 * A service whose certificate is of authorities that this machine does not know, spread over two hosts; and tokens whose
 * signature is checked before they are sent.
 */
import { readFileSync } from 'node:fs'
import { Agent } from 'node:https'
import axios from 'axios'
import { igwnAxios } from 'axios-igwn-auth'

// Or, for all programs: SSL_CERT_FILE=grid-ca.pem
const httpsAgent = new Agent({ ca: readFileSync('grid-ca.pem'), keepAlive: true })
const gracedb = igwnAxios.create({
  baseURL: 'https://gracedb.example.org',
  httpsAgent,
  igwnAuth: {
    // A redirect from one to the other takes the token along; to anywhere else it does not.
    trustedOrigins: ['https://gracedb.example.org', 'https://datafind.example.org'],
    verify: axios.create({ httpsAgent }),
  },
})
const { data } = await gracedb.get<{ user: string }>('/api/superevents/')
console.log(data.user) // → albert.einstein
