import type { Config } from 'jest'
import { common } from '../../jest.config'

/** The tests against real servers, which need Debian packages: `npm run test:interop` runs them, `npm test` does not. */
const config: Config = {
  ...common,
  rootDir: '../..',
  testMatch: ['<rootDir>/__tests__/interop/**/*.test.ts'],
  testTimeout: 60_000,
  workerGracefulExitTimeout: 30_000,
}

export default config
