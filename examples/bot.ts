/**
 * A bot that runs for months. It uses renewed tokens and certificates without a restart, and logs which credential it uses.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { igwnAxios, type IgwnAuthEvent } from 'axios-igwn-auth'

function log(event: IgwnAuthEvent): void {
  if (event.type === 'selected') console.log(`${event.kind} from ${event.source}`)
  if (event.type === 'refused') console.log(event.summary)
}

const gracedb = igwnAxios.create({
  baseURL: 'https://gracedb.example.org',
  timeout: 20_000,
  igwnAuth: { tokenScope: 'gracedb.read', failIfNoAuth: true, cert: false, onEvent: log },
})

for (let round = 0; round < 2; round += 1) {
  const { data } = await gracedb.get<{ user: string }>('/api/superevents/')
  console.log(data.user)
  await wait(10) // a minute, in a real bot
}
// → token from /run/user/1000/bt_u1000
// → albert.einstein
// → token from /run/user/1000/bt_u1000
// → albert.einstein
