/** Finds out why a request is refused: before it is sent, and from the error. */
import axios from 'axios'
import { explain, igwnAxios } from 'axios-igwn-auth'

const url = 'https://dqsegdb.example.org/dq/report'

const explanation = await explain(url, { tokenScope: 'dqsegdb.read' })
for (const { verdict, source, code } of explanation.findings)
  if (verdict === 'skipped') console.log(`${source}: ${code}`)
// → /run/user/1000/bt_u1000: audience
console.log(explanation.fixes[0])
// → igwn-auth login --vault VAULT --issuer ISSUER --scope=dqsegdb.read --audience=https://dqsegdb.example.org

try {
  await igwnAxios.get(url, { igwnAuth: { tokenScope: 'dqsegdb.read', cert: false } })
} catch (error) {
  if (!axios.isAxiosError(error)) throw error
  console.log(error.igwnAuth?.summary)
}
// → the server requires dqsegdb.read; no token was sent: /run/user/1000/bt_u1000 is for audience https://gracedb.example.org or https://datafind.example.org, not https://dqsegdb.example.org
