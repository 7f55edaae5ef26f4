/**
 * Measures the cost of this package, all parts in one run. `npm run bench`, with
 *   -- --quick      fewer rounds, and nothing that takes long
 *   -- --json       the results as JSON and nothing else
 *   -- --assert     exits with 1 when a target is missed
 *   -- --page       writes docs/performance.json, .md and .svg
 *   -- --only WORD  the parts whose title has that word
 * Credentials of this host are not used.
 */
import fs from 'node:fs'
import os from 'node:os'
import { parseArgs } from 'node:util'
import axios from 'axios'
import jsonwebtoken from 'jsonwebtoken'
import { breakdown } from './breakdown'
import { certificates } from './certificates'
import { data } from './data'
import { discovery } from './discovery'
import { imports } from './imports'
import { installed } from './installed'
import { managed } from './managed'
import { memory } from './memory'
import { writePage } from './page'
import { packages } from './packages'
import { parsing } from './parsing'
import { python } from './python'
import { refusals } from './refusals'
import { isMissed, printLine, printTitle, type Note, type Result, type Section } from './report'
import { requests } from './requests'
import type { Part, Setting } from './setting'
import { targets } from './targets'
import { transfers } from './transfers'
import { startServer } from './start-server'
import { isolatedEnvironment, settled, usualTokenFile } from './environment'

const flag = { type: 'boolean', default: false } as const
const { values: wanted } = parseArgs({
  options: { quick: flag, json: flag, assert: flag, page: flag, only: { type: 'string', default: '' } },
})
if (wanted.page && (wanted.quick || wanted.only)) throw new Error('The page is made of a whole run.')

const PARTS: Readonly<Record<string, Part>> = {
  'Requests over those of axios alone': requests,
  'Processor time over axios alone': targets,
  'Where the time goes': breakdown,
  Discovery: discovery,
  'Parsing and its growth': parsing,
  'Client certificates': certificates,
  'Refusals in a storm': refusals,
  'Tokens that others manage': managed,
  'Packages: loading': imports,
  'Downloads and uploads': transfers,
  'Objects of a federation': data,
  'Packages: size and bundles': packages,
  'Packages: installing': installed,
  'Memory over many requests': memory,
  'Python on the same server': python,
}

/** A token of the usual size. Only servers check its signature. */
function mint(audience: string): string {
  const claims = { iss: 'https://issuer.example.org', sub: 'someone', ver: 'scitoken:2.0', scope: 'read:/' }
  return jsonwebtoken.sign({ ...claims, aud: audience }, 'k'.repeat(64), { expiresIn: '1d' })
}

/** The host and versions of the measurement. */
function machine() {
  const [cpu] = os.cpus()
  return {
    cpu: cpu?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    node: process.version,
    axios: axios.VERSION,
    date: new Date().toISOString().slice(0, 10),
  }
}

async function run(title: string, part: Part, setting: Setting): Promise<Section> {
  if (!wanted.json) printTitle(title)
  const lines: (Result | Note)[] = []
  for await (const one of part(setting)) {
    lines.push(one)
    if (!wanted.json) printLine(one)
  }
  return {
    title,
    results: lines.filter((one): one is Result => !('note' in one)),
    notes: lines.flatMap((one) => ('note' in one ? [one.note] : [])),
  }
}

const environment = isolatedEnvironment()
const { listening, stop } = await startServer()
const sections: Section[] = []
try {
  const token = mint('ANY')
  await settled(() => {
    fs.writeFileSync(usualTokenFile(), token, { mode: 0o600 })
  })
  const setting: Setting = { quick: wanted.quick, token, mint, environment, listening }
  for (const [title, part] of Object.entries(PARTS))
    if (title.toLowerCase().includes(wanted.only.toLowerCase()))
      sections.push(await run(title, part, setting))
} finally {
  stop()
  environment.remove()
}

const figures = { machine: machine(), sections }
const missed = sections.flatMap(({ results }) => results).filter(isMissed)
if (wanted.page) await writePage(figures)
if (wanted.json) console.log(JSON.stringify(figures, undefined, 2))
else console.log(missed.length === 0 ? '\nEvery target is met.' : `\nTargets missed: ${missed.length}.`)
if (wanted.assert && missed.length > 0) process.exitCode = 1
