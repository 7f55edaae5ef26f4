import js from '@eslint/js'
import regexp from 'eslint-plugin-regexp'
import tseslint from 'typescript-eslint'

/**
 * The order of lib/, from top to bottom. A file imports values from its own folder and from entries further down; `import type`
 * is exempt. Entries of one line do not import each other, except in the last.
 */
const LAYERS = [
  ['cli/', 'index'],
  ['vault/'],
  ['oauth1/', 'oauth2/', 'pelican/'],
  ['instance/', 'fetch/'],
  ['request/'],
  ['federation/'],
  ['explain/'],
  ['schemes/'],
  ['options'],
  ['tokens/'],
  ['netrc/', 'x509/'],
  ['stores/'],
  ['files/'],
  ['check-values'],
  ['secrets/'],
  ['formats/'],
  ['errors', 'events', 'environment', 'clock'],
]

/** A block of this file for each entry: which imports are above it. */
function importOrder() {
  return LAYERS.flatMap((layer, depth) =>
    layer.flatMap((entry) => {
      const beside = depth === LAYERS.length - 1 ? [] : layer.filter((other) => other !== entry)
      const above = [...LAYERS.slice(0, depth).flat(), ...beside]
      const targets = above.map((other) => (other.endsWith('/') ? other : `${other}$`)).join('|')
      const levels = entry.endsWith('/')
        ? [
            [`lib/${entry}*.ts`, '\\.\\./'],
            [`lib/${entry}*/*.ts`, '\\.\\./\\.\\./'],
          ]
        : [[`lib/${entry}.ts`, '\\./']]
      return levels.map(([files, up]) => ({
        files: [files],
        rules: {
          '@typescript-eslint/no-restricted-imports': [
            'error',
            {
              patterns: [
                {
                  regex: `^${up}(?:${targets})`,
                  allowTypeImports: true,
                  message: `It is above lib/${entry} in the order of docs/code.md.`,
                },
              ],
            },
          ],
        },
      }))
    }),
  )
}

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', 'node_modules/', 'docs/api/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-unnecessary-condition': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      // Reasons of a refusal may be anything a caller's own source threw; we pass it on as it is.
      '@typescript-eslint/only-throw-error': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
    },
  },
  {
    // What comes from servers, files and environments is read here: no expression may take longer than its text is long.
    files: ['lib/**/*.ts'],
    ...regexp.configs['flat/recommended'],
  },
  {
    files: ['lib/**/*.ts'],
    rules: {
      'regexp/no-super-linear-backtracking': ['error', { report: 'potential' }],
      'regexp/no-super-linear-move': ['error', { report: 'potential' }],
      'no-restricted-syntax': [
        'error',
        {
          selector: ':matches(NewExpression, CallExpression)[callee.name="RegExp"]',
          message: 'An expression made at run time cannot be checked; write it as a literal.',
        },
      ],
      // Character classes are written as the ABNF of their RFC has them.
      'regexp/prefer-w': 'off',
      'regexp/use-ignore-case': 'off',
      'regexp/match-any': 'off',
    },
  },
  ...importOrder(),
  {
    files: ['__tests__/**/*.ts'],
    rules: {
      // Environment variables are set and deleted by name.
      '@typescript-eslint/no-dynamic-delete': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/require-await': 'off',
      // Sources may return a token response; these tests use sources that return texts.
      '@typescript-eslint/no-base-to-string': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly' } },
  },
)
