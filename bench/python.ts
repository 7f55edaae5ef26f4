import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { spreadOf } from './measure'
import { measuredTwice, type Note, type Result } from './report'
import type { Setting } from './setting'

/** Microseconds of a request in each round by client, in wall time and processor time. */
type Answer = Record<string, { wall: number[]; cpu: number[] } | null>

/** The cost of Python packages for the same job with the same server, compared with requests and a fixed header. */
export function* python({ token, listening, environment, quick }: Setting): Generator<Result | Note> {
  const ca = path.join(environment.folder('python'), 'ca.pem')
  fs.writeFileSync(ca, listening.ca)
  const program = fileURLToPath(new URL('python.py', import.meta.url))
  const interpreter = INTERPRETERS.find((one) => spawnSync(one, ['-c', 'import requests']).status === 0)
  if (interpreter === undefined) {
    yield { note: "no Python with requests here; Debian's python3-requests brings it" }
    return
  }
  for (const [where, url] of Object.entries({ HTTPS: listening.https, HTTP: listening.http })) {
    const effort = quick ? ['5', '10'] : ['51', '20']
    const { stdout, stderr, status } = spawnSync(interpreter, [program, url, ca, token, ...effort], {
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`the measurements in Python failed: ${stderr}`)
    const { requests, ...others } = JSON.parse(stdout) as Answer
    if (!requests) throw new Error('the measurements in Python lack those of requests')
    yield measuredTwice(`${where}: requests alone, with a fixed header`, 'µs', {
      wall: spreadOf(requests.wall),
      cpu: spreadOf(requests.cpu),
    })
    for (const [name, times] of Object.entries(others)) {
      const over = (clock: 'wall' | 'cpu') =>
        spreadOf((times?.[clock] ?? []).map((time, round) => time / (requests[clock][round] ?? NaN)))
      if (times)
        yield measuredTwice(`  ${where}: ${name}, over it`, '×', { wall: over('wall'), cpu: over('cpu') })
      else if (where === 'HTTPS') yield { note: `${name}: not installed here` }
    }
  }
}

/** The Python of Debian first: it has the Debian packages. */
const INTERPRETERS = ['/usr/bin/python3', 'python3']
