/**
 * Measures what this package costs, everything in one run and side by side. `npm run bench`, with
 *   --quick   fewer rounds
 *   --json    the results as JSON and nothing else
 *   --assert  ends with 1 when a target is missed
 * Nothing is measured that the machine's own credentials could touch.
 */
import fs from 'node:fs'
import { parseArgs } from 'node:util'
import jsonwebtoken from 'jsonwebtoken'
import { certificates } from './certificates'
import { discovery } from './discovery'
import { imports } from './imports'
import { managed } from './managed'
import { isMissed, printResult, printTitle, type Result } from './report'
import { refusals } from './refusals'
import { requests } from './requests'
import { ownSurroundings, settled, usualTokenFile } from './surroundings'

const flag = { type: 'boolean', default: false } as const
const { values: wanted } = parseArgs({ options: { quick: flag, json: flag, assert: flag } })

/** A token of the usual size; who signed it is for servers to care about. */
function mint(audience: string): string {
  const claims = { iss: 'https://issuer.example.org', sub: 'someone', ver: 'scitoken:2.0', scope: 'read:/' }
  return jsonwebtoken.sign({ ...claims, aud: audience }, 'k'.repeat(64), { expiresIn: '1h' })
}

const results: Result[] = []

async function section(title: string, part: AsyncIterable<Result> | Iterable<Result>): Promise<void> {
  if (!wanted.json) printTitle(title)
  for await (const result of part) {
    results.push(result)
    if (!wanted.json) printResult(result)
  }
}

const surroundings = ownSurroundings()
try {
  const token = mint('ANY')
  await settled(() => {
    fs.writeFileSync(usualTokenFile(), token, { mode: 0o600 })
  })
  const rounds = wanted.quick ? 15 : 101
  await section('Requests with a discovered token, over axios alone', requests(token, { rounds, batch: 100 }))
  await section('Discovery', discovery(mint, surroundings, { rounds, batch: 1000 }))
  await section('Client certificates', certificates(surroundings, { rounds, batch: 20 }))
  await section('Refusals', refusals({ rounds, batch: 100 }))
  await section('Tokens that others manage', managed(mint, surroundings, { rounds, batch: 100 }))
  await section('Loading', imports())
} finally {
  surroundings.remove()
}

const missed = results.filter(isMissed)
if (wanted.json) console.log(JSON.stringify({ node: process.version, results }, undefined, 2))
else console.log(missed.length === 0 ? '\nEvery target is met.' : `\nTargets missed: ${missed.length}.`)
if (wanted.assert && missed.length > 0) process.exitCode = 1
