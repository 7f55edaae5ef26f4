// A project with ES modules. The server checks what its requests carry.
import axios from 'axios'
import { applyIgwnAuth, delete as del, igwnAxios } from 'axios-igwn-auth'

const origin = process.argv[2]
await igwnAxios.get(`${origin}/default-instance`)
await applyIgwnAuth(axios.create({ baseURL: origin })).post('/applied', { n: 1 })
await del(`${origin}/function`)
await axios.get(`${origin}/axios-itself`)
console.log(JSON.stringify({ axios: axios.VERSION }))
