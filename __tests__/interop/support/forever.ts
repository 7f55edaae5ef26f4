/** A test with a server that never ends, which `run.test.ts` starts and kills. It is not one of the interoperability tests. */
import fs from 'node:fs'
import { createAuthority } from '../../support/pki'
import { RUN_FOLDER } from './room'
import { startSServer } from './s-server'

it('serves until it is ended', async () => {
  const { pid } = await startSServer({ authority: await createAuthority(), tls: '1.3' })
  const note = process.env.INTEROP_NOTE ?? ''
  fs.writeFileSync(`${note}.new`, JSON.stringify({ server: pid, worker: process.pid, folder: RUN_FOLDER }))
  fs.renameSync(`${note}.new`, note)
  await new Promise(() => undefined)
}, 600_000)
