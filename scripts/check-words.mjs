/**
 * Fails on words that have no standard meaning in this project (`npm run check`). They count in identifiers, strings, comments,
 * documents and file names. Only the table of renamed names in the changelog may quote them, as code. CONTRIBUTING.md says how to
 * write instead.
 */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

/** This file lists the words. */
const LIST = 'scripts/check-words.mjs'

/** Parts of words. They are found in identifiers too: `lookAhead`, `isAstray`. */
const PARTS = [
  'astray',
  'conceal',
  'courier',
  'departure',
  'detour',
  'errand',
  'foresee',
  'forgiv',
  'reticent',
  'stranger',
  'surroundings',
  'whoever',
  'whomever',
]

/** Whole words and phrases; white space stands for any line break and comment sign. */
const WORDS = [
  'mend',
  'mends',
  'mended',
  'mending',
  'habit',
  'habits',
  'veil',
  'veils',
  'veiled',
  'vouch',
  'vouches',
  'nobody',
  'somebody',
  'shield',
  'shields',
  'told',
  'hear',
  'hears',
  'heard',
  'goes on',
  'go on',
  'lets go of',
  'passed over',
  'in the place of',
  'as it should be',
  'of whom',
  'for whom',
  'everybody',
  'broken off',
  'breaks off',
  'clear text',
  'for ever',
  'by turns',
]

const GAP = String.raw`(?:\s+(?:\*|//|#)?\s*)`
const PATTERN = new RegExp(
  [
    ...PARTS,
    // A capital letter or an underscore also begins or ends a word of an identifier.
    ...WORDS.map((word) => String.raw`\b${word.replaceAll(' ', GAP)}\b`),
  ].join('|'),
  'gi',
)

const files = execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' })
  .split('\0')
  .filter((file) => /(?:\.(?:ts|js|mjs|cjs|md|json|py|sh)|^\.ci\/\w+)$/.test(file) && fs.existsSync(file))
  .filter((file) => file !== LIST && file !== 'package-lock.json')

/** The text of a file; of the changelog, without the code in rows of tables. */
function textOf(file) {
  const text = fs.readFileSync(file, 'utf8')
  return file === 'CHANGELOG.md' ? text.replace(/^\|.*$/gm, (row) => row.replace(/`[^`]*`/g, '')) : text
}

let found = 0
for (const file of files) {
  // `isHeard` and `mend_it` are `is Heard` and `mend it`.
  const text = `${path.basename(file)}\n${textOf(file)}`.replace(
    /([a-z])(?=[A-Z])|_|(?<=[a-z])-(?=[a-z])/g,
    '$1 ',
  )
  for (const { 0: word, index } of text.matchAll(PATTERN)) {
    const line = text.slice(0, index).split('\n').length - 1
    console.error(`${file}:${line}: "${word.replace(/\s+/g, ' ')}" has no standard meaning here`)
    found += 1
  }
}
if (found > 0) {
  console.error(`${found} words to replace`)
  process.exitCode = 1
}
