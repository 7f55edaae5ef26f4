import { availableParallelism } from 'node:os'
import type { Config } from 'jest'

/** Types are checked by `npm run check`; the tests only have to run, as CommonJS, which is what Jest loads. */
export const common: Config = {
  testEnvironment: 'node',
  setupFilesAfterEnv: ['<rootDir>/__tests__/support/isolate.ts'],
  // What openid-client brings is for ES modules alone, which Jest does not load: compiled too.
  transformIgnorePatterns: ['/node_modules/(?!(openid-client|oauth4webapi|jose)/)'],
  transform: {
    '^.+\\.[jt]s$': [
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

const config: Config = {
  testTimeout: 15_000,
  // Much of the time is spent in waiting for processes and clocks: a worker more than cores, where Jest would leave one free.
  maxWorkers: availableParallelism() + 1,
  projects: [
    {
      ...common,
      displayName: 'axios',
      testMatch: ['<rootDir>/__tests__/**/*.test.ts'],
      testPathIgnorePatterns: ['/node_modules/', '<rootDir>/__tests__/interop/'],
    },
    {
      ...common,
      // What crosses the wire, once more with the oldest axios that is allowed.
      displayName: 'axios 1.18.0',
      testMatch: [
        '<rootDir>/__tests__/{request/*,instance/apply-auto-retry,instance/other-interceptors,secrets/requests,netrc/requests-with-netrc,x509/requests-with-trusted-cas,events,explain/refusal}.test.ts',
      ],
      moduleNameMapper: { '^axios$': '<rootDir>/node_modules/axios-lowest/dist/node/axios.cjs' },
    },
  ],
}

export default config
