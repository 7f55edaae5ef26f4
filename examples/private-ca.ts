/** A service with a private CA on two hosts, and tokens whose signature is checked before they are sent. */
import { readFileSync } from 'node:fs'
import { Agent } from 'node:https'
import axios from 'axios'
import { igwnAxios } from 'axios-igwn-auth'

// For all programs, set SSL_CERT_FILE=grid-ca.pem instead.
const httpsAgent = new Agent({ ca: readFileSync('grid-ca.pem'), keepAlive: true })
const gracedb = igwnAxios.create({
  baseURL: 'https://gracedb.example.org',
  httpsAgent,
  igwnAuth: {
    // Redirects between these two keep the token.
    trustedOrigins: ['https://gracedb.example.org', 'https://datafind.example.org'],
    verify: axios.create({ httpsAgent }),
  },
})
const { data } = await gracedb.get<{ user: string }>('/api/superevents/')
console.log(data.user) // → albert.einstein
