/**
 * In an HTCondor job: its tokens are found in the folder `_CONDOR_CREDS`, where HTCondor renews them. Without one the job ends
 * at once, and its log says why.
 */
import { igwnAxios, type IgwnAuthError } from 'axios-igwn-auth'

const datafind = igwnAxios.create({
  baseURL: 'https://datafind.example.org',
  igwnAuth: { token: true, cert: false, onEvent: ({ type }) => type === 'warning' && console.log(type) },
})
const { status } = await datafind.get('/api/version', { igwnAuth: { tokenScope: 'gwdatafind.read' } })
console.log(status) // → 200

// What the submit file does not ask for is not there: nothing is sent.
const error = (await datafind
  .get('/api/version', { igwnAuth: { tokenScope: 'gwdatafind.admin' } })
  .catch((reason: unknown) => reason)) as IgwnAuthError
console.log(error.code) // → ERR_IGWN_TOKEN_NOT_FOUND
