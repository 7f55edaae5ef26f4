import type { Config } from 'jest'

const config: Config = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/__tests__/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/__tests__/interop/'],
  setupFilesAfterEnv: ['<rootDir>/__tests__/support/isolate.ts'],
  transform: {
    '^.+\\.ts$': [
      'ts-jest',
      {
        // Types are checked by `npm run check`; the tests only have to run, as CommonJS, which is what Jest loads.
        tsconfig: {
          module: 'CommonJS',
          moduleResolution: 'node10',
          target: 'ES2022',
          esModuleInterop: true,
          isolatedModules: true,
          verbatimModuleSyntax: false,
        },
        diagnostics: false,
      },
    ],
  },
  testTimeout: 15_000,
}

export default config
