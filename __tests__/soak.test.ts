/** The soak for some seconds, as `npm run soak` runs it once the package is built: that it runs, and tells what is wrong. */
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

it('runs for as long as it is told, and finds all as it should be', () => {
  const { status, stdout, stderr } = soak('--minutes', '0.02')
  expect([stderr, stdout.split('\n').slice(-3)]).toEqual([
    '',
    [
      expect.stringMatching(/^\d+ requests arrived, \d+ renewals, \d+ kinds of traffic\.$/),
      'All as it should be.',
      '',
    ],
  ])
  expect(status).toBe(0)
}, 30_000)
