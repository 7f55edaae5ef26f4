/** Sends the username and password that ~/.netrc has for the host of the request, and to no other host. */
import { explain, findNetrcCredentials, igwnAxios } from 'axios-igwn-auth'

// ~/.netrc with mode 0600: machine detchar.example.org login albert.einstein password "over the rainbow"
const { data } = await igwnAxios.get<{ user: string }>('https://detchar.example.org/logbook/today')
console.log(data.user) // → albert.einstein

console.log(findNetrcCredentials('https://gracedb.example.org')) // → undefined

const { attached } = await explain('https://detchar.example.org/logbook/today')
console.log(attached.some(({ kind }) => kind === 'basic')) // → true
