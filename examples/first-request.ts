/** A first request, with the credentials that this host has for the server. */
import { igwnAxios } from 'axios-igwn-auth'

const { data } = await igwnAxios.get<{ user: string }>('https://gracedb.example.org/api/superevents/')
console.log(data.user) // → albert.einstein
