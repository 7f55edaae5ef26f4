/** A user allows this program access at an OAuth 1.0 server in three steps; then its requests are signed. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { igwnAxios } from 'axios-igwn-auth'
import { applyOAuth1, oauth1Flow } from 'axios-igwn-auth/oauth1'

const client = { clientId: 'console', clientSecret: process.env.CLIENT_SECRET }

// The server redirects the user back to this host.
const listener = createServer().listen(0, '127.0.0.1')
await once(listener, 'listening')
const { port } = listener.address() as AddressInfo
const flow = oauth1Flow({ ...client, redirectUri: `http://127.0.0.1:${port}/` })

await flow.requestToken('https://photos.example.org/initiate')
console.log(`Open ${flow.authorizationUrl('https://photos.example.org/authorize')} and allow access.`)
// → Open https://photos.example.org/authorize?oauth_token=hh5s93j4hdidpola and allow access.

const [request, response] = (await once(listener, 'request')) as [IncomingMessage, ServerResponse]
response.end('You can close this window.')
listener.close()
const token = await flow.accessToken('https://photos.example.org/token', { callbackUrl: request.url })
console.log(token.parameters.screen_name) // → albert

// To keep it, save token.token and token.tokenSecret in a private place.
const photos = applyOAuth1(igwnAxios.create({ baseURL: 'https://photos.example.org' }), { ...client, token })
const { data } = await photos.get<{ signedBy: string }>('/photos')
console.log(data.signedBy) // → console for a user
