/** The first request: with whatever credentials this machine has for that server. */
import { igwnAxios } from 'axios-igwn-auth'

const { data } = await igwnAxios.get<{ user: string }>('https://gracedb.example.org/api/superevents/')
console.log(data.user) // → albert.einstein
