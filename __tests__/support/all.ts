// The exports of the package, from its sources. `delete` cannot be a local name in a test.
export * from '../../lib/index'
export { del } from '../../lib/instance/igwn-axios'
