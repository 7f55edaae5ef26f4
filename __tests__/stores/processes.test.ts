/** Several processes of one user with one file store: two in `npm test`, more in `npm run test:slow`. */
import fs from 'node:fs'
import path from 'node:path'
import { fileStore } from '../support/all'
import { everyCombination } from '../support/combinations'
import { runProgram } from '../support/program'
import { serve } from '../support/server'
import { mint, now, room } from '../support/tokens'

const count = everyCombination ? 8 : 2
const processes = <T>(run: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => run(index))

it('with one expired token make one renewal, none fails, and none loses a write of another', async () => {
  const file = path.join(room('fleet'), 'tokens.json')
  let renewals = 0
  const fresh = mint({ jti: 'fresh' })
  const issuer = await serve(async () => {
    renewals += 1
    await new Promise((resolve) => setTimeout(resolve, 50))
    return { body: fresh }
  })
  const key = 'fleet'
  await fileStore(file).set(key, { access_token: mint({ exp: now() - 100 }), expires_at: now() - 100 })
  const printed = await Promise.all(
    processes((index) =>
      runProgram(`
        const store = fileStore(${JSON.stringify(file)})
        const source = { getToken: async () => (await fetch(${JSON.stringify(issuer.origin)})).text() }
        const kept = reuse(source, { store, storeKey: () => '${key}' })
        console.log(await kept.getToken({}))
        for (let i = 0; i < 5; i += 1) await store.set('process-${index}-' + i, { access_token: 'x' })`),
    ),
  )
  expect(printed.map((one) => one.trim())).toEqual(processes(() => fresh))
  expect(renewals).toBe(1)
  expect(fs.readdirSync(path.dirname(file))).toEqual(['tokens.json'])
  const keys = Object.keys(JSON.parse(fs.readFileSync(file, 'utf8')) as object)
  expect(keys).toHaveLength(1 + count * 5)
}, 60_000)
