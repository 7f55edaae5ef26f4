import { availableParallelism } from 'node:os'
import type { Config } from 'jest'

/** Types are checked by `npm run check`. Tests are compiled to CommonJS, which Jest loads. */
export const common: Config = {
  testEnvironment: '<rootDir>/__tests__/support/test-environment.ts',
  globalTeardown: '<rootDir>/__tests__/support/end-jest.ts',
  setupFilesAfterEnv: ['<rootDir>/__tests__/support/isolate.ts'],
  // One compile cache in the checkout, for all projects.
  cacheDirectory: '<rootDir>/node_modules/.cache/jest',
  // openid-client, and dependencies of it and of msw, are ES modules, which Jest does not load, so they are compiled too.
  transformIgnorePatterns: ['/node_modules/(?!(openid-client|oauth4webapi|jose|until-async)/|.+\\.mjs$)'],
  transform: {
    '^.+\\.m?[jt]s$': [
      'ts-jest',
      {
        tsconfig: {
          module: 'CommonJS',
          moduleResolution: 'node10',
          target: 'ES2022',
          esModuleInterop: true,
          isolatedModules: true,
          allowJs: true,
          verbatimModuleSyntax: false,
        },
        diagnostics: false,
      },
    ],
  },
}

/** Tests that start whole programs: `npm run test:slow`. */
const SLOW = ['demo', 'examples', 'log-in', 'package', 'soak', 'faults/resets', 'cli/large-files']

/** Matrices, and several processes at once: `npm test` has a part of their combinations or processes, and `npm run test:slow` all. */
const MATRICES = [
  'secrets/matrix',
  'secrets/matrix-objects',
  'secrets/public-names',
  'cli/secrets-matrix',
  'stores/processes',
  'oauth2/grants/processes',
  'oauth2/server/failures',
  'oauth1/secrets',
]

const config: Config = {
  // Also on a busy host.
  testTimeout: 60_000,
  // A worker frees the memory of all its test files when it exits. On a busy host that takes longer than the default of 500 ms.
  workerGracefulExitTimeout: 10_000,
  // Tests wait for processes, so one worker more than cores is faster.
  maxWorkers: availableParallelism() + 1,
  collectCoverageFrom: ['<rootDir>/lib/**/*.ts', '!**/*.d.ts'],
  coverageReporters: ['text'],
  projects: [
    {
      ...common,
      displayName: 'axios',
      testMatch: ['<rootDir>/__tests__/**/*.test.ts'],
      testPathIgnorePatterns: [
        '/node_modules/',
        '<rootDir>/__tests__/interop/',
        `<rootDir>/__tests__/(?:${SLOW.join('|')})\\.test\\.ts$`,
      ],
    },
    {
      ...common,
      displayName: 'slow',
      testMatch: [
        `<rootDir>/__tests__/{${SLOW.join(',')}}.test.ts`,
        `<rootDir>/__tests__/{${MATRICES.join(',')}}.test.ts`,
      ],
      // See __tests__/support/combinations.ts.
      globals: { everyCombination: true },
    },
    {
      ...common,
      // What is sent, again with the oldest supported axios.
      displayName: 'axios 1.18.0',
      testMatch: [
        '<rootDir>/__tests__/{request/*,instance/apply-auto-retry,instance/other-interceptors,secrets/requests,netrc/requests-with-netrc,x509/requests-with-trusted-cas,events,explain/refusal}.test.ts',
      ],
      moduleNameMapper: { '^axios$': '<rootDir>/node_modules/axios-lowest/dist/node/axios.cjs' },
    },
  ],
}

export default config
