/** An HTCondor job uses the tokens in `_CONDOR_CREDS`, which HTCondor renews. Without a token it fails before it sends anything. */
import { igwnAxios, isIgwnAuthError } from 'axios-igwn-auth'

const datafind = igwnAxios.create({
  baseURL: 'https://datafind.example.org',
  igwnAuth: { token: true, cert: false, onEvent: ({ type }) => type === 'warning' && console.log(type) },
})
const { status } = await datafind.get('/api/version', { igwnAuth: { tokenScope: 'gwdatafind.read' } })
console.log(status) // → 200

// A scope that the submit file did not request: nothing is sent.
try {
  await datafind.get('/api/version', { igwnAuth: { tokenScope: 'gwdatafind.admin' } })
} catch (error) {
  if (!isIgwnAuthError(error)) throw error
  console.log(error.code) // → ERR_IGWN_TOKEN_NOT_FOUND
}
