/** A service that takes logins: the one in ~/.netrc for its host goes along, and for no other host. */
import { explain, findNetrcCredentials, igwnAxios } from 'axios-igwn-auth'

// ~/.netrc, of mode 0600: machine detchar.example.org login albert.einstein password "over the rainbow"
const { data } = await igwnAxios.get<{ user: string }>('https://detchar.example.org/logbook/today')
console.log(data.user) // → albert.einstein

console.log(findNetrcCredentials('https://gracedb.example.org')) // → undefined

const { attached } = await explain('https://detchar.example.org/logbook/today')
console.log(attached.some(({ kind }) => kind === 'basic')) // → true
