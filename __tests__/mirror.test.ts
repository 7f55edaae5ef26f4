/** Each file of lib/ with logic has its suite at the mirrored path, or is listed here with the suite that tests it. */
import fs from 'node:fs'
import path from 'node:path'

const LIB = path.join(__dirname, '../lib')

/** What users see of these files only together, with a real server: the suite of a rule tests all files that make it. */
const TOGETHER: Readonly<Record<string, readonly string[]>> = {
  'explain/refusal': ['attached-credentials', 'refusal-fixes', 'summary'],
  'instance/explain': [
    '../explain/explain-request',
    '../explain/explanation',
    '../x509/describe-trusted-cas',
  ],
  'instance/install': ['apply-igwn-auth', 'igwn-axios'],
  'instance/apply-auto-retry': ['retry-policy', '../formats/retry-after'],
  'federation/pelican-url': ['../formats/url'],
  'federation/object-resolver': ['director', 'discovery', 'no-server'],
  'fetch/igwn-fetch': ['abort', 'authorize', 'exchange', 'explanation-of', 'fetch-request', 'transmit'],
  'formats/jwt': ['json'],
  'files/run-command': ['start-program'],
  'oauth1/apply-oauth1': ['oauth1'],
  'oauth1/oauth1-flow': ['problem'],
  'oauth2/grants/grants': [
    'authorization-code',
    'client-credentials',
    'device-code',
    'jwt-bearer',
    'loopback-listener',
    'password',
    'refresh-token',
    'token-exchange',
  ],
  'oauth2/dpop/dpop': ['signing-key'],
  'oauth2/client-registration': ['server/registration'],
  'oauth2/web-login': ['id-token', 'server/authorization-request'],
  'oauth2/server/client-authentication': ['../client'],
  'oauth2/server/failures': [
    '../errors',
    'authorization-server',
    'axios-transport',
    'openid-client-transport',
    'token-request',
  ],
  'request/retry-after-401': ['replacement'],
  'schemes/auth-scheme': ['basic', 'bearer'],
  'secrets/requests': ['hide-response'],
  'stores/keyv-store': ['token-store'],
  'stores/redis-store': ['redis-client', 'redis-lock'],
  'tokens/discovery': ['../files/file-version'],
  'tokens/find-sci-token': ['token-locations'],
  'tokens/reuse': ['chain', 'discovered-tokens', 'token-cache', 'token-response'],
  'tokens/token': ['static-token'],
  'tokens/validate-claims': ['../formats/duration'],
  'vault/htgettoken': ['without-htgettoken', 'log-out'],
  'vault/get-sci-token': ['log-in'],
  'vault/vault-token': ['browser-login'],
  'vault/server': ['files', 'options', 'settings'],
  'x509/create-x509-agent': ['tls-settings'],
  'x509/find-x509-credentials': ['describe-certificates'],
  'x509/load-credential': ['credential-reader', 'x509-credential'],
}

/** A function or class of a module. */
const FUNCTION =
  /^(?:export )?(?:default )?(?:async )?(?:function|(?:abstract )?class)\b|^(?:export )?const .*=>/m

const nameOf = (file: string) => file.replace(/\.ts$/, '').replaceAll('\\', '/')
const listed = Object.entries(TOGETHER).flatMap(([suite, files]) =>
  files.map((file) => path.posix.join(path.posix.dirname(suite), file)),
)
const hasSuite = (name: string) => fs.existsSync(path.join(__dirname, `${name}.test.ts`))

const withLogic = fs
  .readdirSync(LIB, { recursive: true, encoding: 'utf8' })
  // The files of the command are reached through it: a suite for each command, and for rules of several.
  .filter((file) => file.endsWith('.ts') && !file.startsWith(`cli${path.sep}`))
  .filter((file) => FUNCTION.test(fs.readFileSync(path.join(LIB, file), 'utf8')))
  .map(nameOf)

it('a file of lib/ with logic has a suite', () => {
  expect(withLogic.length).toBeGreaterThan(150)
  expect(withLogic.filter((name) => !hasSuite(name) && !listed.includes(name))).toEqual([])
})

it('the list names suites and files that exist', () => {
  expect(Object.keys(TOGETHER).filter((suite) => !hasSuite(suite))).toEqual([])
  expect(listed.filter((name) => !withLogic.includes(name))).toEqual([])
})
