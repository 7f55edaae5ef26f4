import { availableParallelism } from 'node:os'
import type { Config } from 'jest'

/** Types are checked by `npm run check`. Tests are compiled to CommonJS, which Jest loads. */
export const common: Config = {
  testEnvironment: '<rootDir>/__tests__/support/test-environment.ts',
  globalSetup: '<rootDir>/__tests__/support/begin-jest.ts',
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

/** Tests that start whole programs, and examples of the documents: `npm run test:slow`. */
const SLOW = [
  'demo',
  'examples',
  'linter',
  'log-in',
  'package',
  'soak',
  'docs/*',
  'faults/resets',
  'cli/large-files',
]

/**
 * Matrices, properties, and several processes at once: `npm test` has a part of their combinations, cases or processes, and
 * `npm run test:slow` all.
 */
const MATRICES = [
  'secrets/matrix',
  'secrets/matrix-fetch',
  'secrets/matrix-objects',
  'secrets/passwords-and-keys',
  'secrets/public-names',
  'secrets/requests',
  'cli/secrets-matrix',
  'oauth1/secrets',
  'oauth2/grants/processes',
  'oauth2/server/failures',
  'stores/processes',
  'vault/htgettoken',
  'properties/*',
]

/** Tests that run again with the oldest supported axios: redirects, network proxies, header fields, bodies and transforms. */
const BY_AXIOS = ['request/{network-proxy,redirects,resend}', 'instance/other-interceptors']

/** Others that send requests: with that axios in `npm run test:slow`. */
const BY_AXIOS_SLOWLY = [
  'request/{attach,destination,fetch-redirects,insecure-transport,integrity,object-requests,retry-after-401}',
  'request/{token-in-redirect-url,transmit}',
  'instance/apply-auto-retry',
  'secrets/requests',
  'netrc/requests-with-netrc',
  'x509/requests-with-trusted-cas',
  'events',
  'explain/refusal',
]

const oldestAxios: Config = {
  ...common,
  moduleNameMapper: { '^axios$': '<rootDir>/node_modules/axios-lowest/dist/node/axios.cjs' },
}

/**
 * Percent of branches that must be tested, for folders whose code decides what is sent, to whom, and what is hidden. It is measured
 * as root: only root can make files of other users. Missing are mostly defaults that the types need, and failures of the system.
 */
const BRANCHES = { netrc: 95, secrets: 95, tokens: 95, x509: 95, request: 95, files: 95 }

const config: Config = {
  // Also on a busy host.
  testTimeout: 60_000,
  // A worker frees the memory of all its test files when it exits. On a busy host that takes longer than the default of 500 ms.
  workerGracefulExitTimeout: 30_000,
  // Tests wait for processes, so one worker more than cores is faster.
  maxWorkers: availableParallelism() + 1,
  collectCoverageFrom: ['<rootDir>/lib/**/*.ts', '!**/*.d.ts'],
  coverageReporters: ['text'],
  coverageThreshold: {
    global: {},
    ...Object.fromEntries(
      Object.entries(BRANCHES).map(([folder, branches]) => [`lib/${folder}/`, { branches }]),
    ),
  },
  projects: [
    {
      ...common,
      displayName: 'axios',
      testMatch: ['<rootDir>/__tests__/**/*.test.ts'],
      testPathIgnorePatterns: [
        '/node_modules/',
        '<rootDir>/__tests__/interop/',
        `<rootDir>/__tests__/(?:${SLOW.join('|').replaceAll('*', '[^/]*')})\\.test\\.ts$`,
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
      ...oldestAxios,
      displayName: 'axios 1.18.0',
      testMatch: [`<rootDir>/__tests__/{${BY_AXIOS.join(',')}}.test.ts`],
    },
    {
      ...oldestAxios,
      displayName: 'slow, axios 1.18.0',
      globals: { everyCombination: true },
      testMatch: [`<rootDir>/__tests__/{${BY_AXIOS_SLOWLY.join(',')}}.test.ts`],
    },
  ],
}

export default config
