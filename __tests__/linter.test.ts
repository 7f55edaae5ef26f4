/** ESLint takes seconds to load its rules. */
import { execFileSync } from 'node:child_process'
import path from 'node:path'

const ROOT = path.join(__dirname, '..')

it('the linter has rules against expressions that take more than linear time', () => {
  const eslint = path.join(ROOT, 'node_modules/eslint/bin/eslint.js')
  const printed = execFileSync(process.execPath, [eslint, '--print-config', 'lib/secrets/sanitize.ts'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  const { rules } = JSON.parse(printed) as { rules: Record<string, unknown[]> }
  for (const rule of [
    'regexp/no-super-linear-backtracking',
    'regexp/no-super-linear-move',
    'no-restricted-syntax',
  ])
    expect([rule, rules[rule]?.[0]]).toEqual([rule, 2])
})
