/** A user at a terminal logs in on another device (OAuth 2, device code). The login is kept in a private file for the next run. */
import { fileStore, igwnAxios } from 'axios-igwn-auth'
import { deviceCode } from 'axios-igwn-auth/oauth2'

const login = () =>
  deviceCode(
    { issuer: 'https://issuer.example.org', clientId: 'gw-cli' },
    {
      scope: 'offline_access gwdatafind.read',
      prompt: ({ verificationUri, userCode }) => {
        console.log(`Open ${verificationUri} and enter ${userCode}.`)
      },
      store: fileStore('login.json'),
      storeKey: 'albert',
    },
  )

const url = 'https://datafind.example.org/api/version'
const { data } = await igwnAxios.get<{ sub: string }>(url, { igwnAuth: { token: login(), cert: false } })
console.log(data.sub)
// → Open https://issuer.example.org/device and enter WDJB-MJHT.
// → albert

// The next run, or another program, finds the login in the file.
const { data: again } = await igwnAxios.get<{ sub: string }>(url, {
  igwnAuth: { token: login(), cert: false },
})
console.log(again.sub) // → albert
