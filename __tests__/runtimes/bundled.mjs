// What every bundler bundles: a service that sends one request with axios and one with fetch.
import { findSciToken, igwnAxios } from 'axios-igwn-auth'
import { igwnFetch } from 'axios-igwn-auth/fetch'

const { plain } = JSON.parse(process.env.RUNTIME_TEST ?? '')
const { data } = await igwnAxios.get(`${plain}/token`)
const text = await (await igwnFetch(`${plain}/token`)).text()
console.log(JSON.stringify([data, text, typeof findSciToken]))
