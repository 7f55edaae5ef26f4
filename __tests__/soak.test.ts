/** `npm run soak` for a few seconds, with the built package: it runs, and reports no problem. */
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const ROOT = path.join(__dirname, '..')
const TSX = pathToFileURL(require.resolve('tsx')).href

function soak(...options: string[]) {
  return spawnSync(process.execPath, ['--expose-gc', '--import', TSX, 'soak/soak.ts', ...options], {
    cwd: ROOT,
    encoding: 'utf8',
  })
}

it('runs for the given time, and finds no problem', () => {
  const { status, stdout, stderr } = soak('--minutes', '0.02')
  expect([stderr, stdout.split('\n').slice(-3)]).toEqual([
    '',
    [
      expect.stringMatching(/^\d+ requests arrived, \d+ renewals, \d+ kinds of traffic\.$/),
      'No problems found.',
      '',
    ],
  ])
  expect(status).toBe(0)
}, 30_000)
