// The same as consumer.mjs, in CommonJS.
const axios = require('axios')
const { applyIgwnAuth, delete: del, igwnAxios } = require('axios-igwn-auth')

async function main(origin) {
  await igwnAxios.get(`${origin}/default-instance`)
  await applyIgwnAuth(axios.create({ baseURL: origin })).post('/applied', { n: 1 })
  await del(`${origin}/function`)
  await axios.get(`${origin}/axios-itself`)
  console.log(JSON.stringify({ axios: axios.VERSION }))
}

main(process.argv[2])
