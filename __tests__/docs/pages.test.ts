/** The examples of documents that need only the site. Those of the others have a test of their own. */
import { exampleMachine, type ExampleMachine } from '../support/example-machine'
import { testExamples } from '../support/examples'

let machine: ExampleMachine
beforeAll(async () => {
  machine = await exampleMachine()
})
afterAll(() => machine.close())

describe.each([
  'docs/tokens.md',
  'docs/certificates.md',
  'docs/netrc.md',
  'docs/redirects-and-trust.md',
  'docs/errors.md',
  'docs/htcondor-and-kubernetes.md',
  'docs/coming-from-python.md',
  'docs/coming-from-authlib.md',
  'docs/per-user-tokens.md',
  'CONTRIBUTING.md',
])('%s', (name) => {
  testExamples(name, () => machine)
})
