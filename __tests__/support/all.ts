// The package as its users see it, from its sources. `delete` cannot be a name of ours in a test.
export * from '../../lib/index'
export { del } from '../../lib/instance/igwn-axios'
