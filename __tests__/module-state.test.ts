/** No module of lib/ keeps anything of a user: caches and credentials belong to an instance or to a closure. */
import fs from 'node:fs'
import path from 'node:path'
import ts from 'typescript'

const LIB = path.join(__dirname, '../lib')

/** State at module level that contains nothing of a user, and its purpose. */
const ALLOWED: Readonly<Record<string, string>> = {
  'cli/download-lock.ts: held': 'names of lock files, which are removed when the command ends',
  'cli/large-body.ts: readers': 'what reads a connection, by connection; weak',
  'cli/main.ts: ended': 'the exit code of the command, when it has ended',
  'environment.ts: fixedUser': 'the user id of a process that cannot change it',
  'fetch/igwn-fetch.ts: igwnFetch': 'the function that the package exports',
  'files/process-identity.ts: ID': 'an id of this process',
  'files/process-identity.ts: start': 'when this process started',
  'files/run-command.ts: running': 'programs that are stopped when this process ends',
  'files/write-file.ts: checkShared': 'a function; what it asks is the user id of the process',
  'formats/checksum.ts: CRC32C': 'tables of CRC-32C, which are constant',
  'instance/igwn-axios.ts: igwnAxios': 'the instance that the package exports',
  'instance/install.ts: installations': 'what is installed, by instance; weak',
  'request/transmit.ts: blank': 'an axios without defaults, for its getUri',
  'vault/files.ts: isFromOthers': 'a function; what it asks is the user id of the process',
  'vault/kerberos.ts: last': 'the Kerberos negotiation that runs, without a result of it',
  'vault/ssh-agent.ts: isFromOthers': 'a function; what it asks is the user id of the process',
  'stores/file-store.ts: isFromOthers': 'a function; what it asks is the user id of the process',
  'tokens/token-command.ts: isFromOthers': 'a function; what it asks is the user id of the process',
  'secrets/wrap-agent.ts: wrappers': 'a wrapper for each agent; weak',
}

/** Calls whose result keeps nothing that is put into it later. */
const CONSTANT_CALLS =
  /^(?:Symbol(?:\.for)?|Object\.(?:freeze|fromEntries|keys|assign)|Buffer\.(?:from|alloc)|path\.\w+|debuglog|diagnostics\.channel|promisify|String\.raw|Array\.from|oneOf|method|\w+\.join)$/

const COLLECTIONS = /^(?:Weak)?(?:Map|Set|Ref)$/

/** What the modules of lib/ keep, as `file: name`. */
function stateOf(file: string): string[] {
  const text = fs.readFileSync(path.join(LIB, file), 'utf8')
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  return source.statements.filter(ts.isVariableStatement).flatMap(({ declarationList }) => {
    const isConst = (declarationList.flags & ts.NodeFlags.Const) !== 0
    return declarationList.declarations
      .filter(({ name, initializer }) => !isConst || isStateful(initializer, name.getText(), text))
      .map(({ name }) => `${file}: ${name.getText()}`)
  })
}

function isStateful(initializer: ts.Expression | undefined, name: string, text: string): boolean {
  if (!initializer) return false
  const value =
    ts.isAsExpression(initializer) || ts.isSatisfiesExpression(initializer)
      ? initializer.expression
      : initializer
  if (ts.isNewExpression(value)) {
    if (!COLLECTIONS.test(value.expression.getText()))
      return !/^(?:URL|RegExp)$/.test(value.expression.getText())
    const isFilledLater = new RegExp(`\\b${name}\\.(?:set|add|delete|clear)\\(`).test(text)
    return isFilledLater || (value.arguments ?? []).length === 0
  }
  return ts.isCallExpression(value) && !CONSTANT_CALLS.test(value.expression.getText())
}

it('no module keeps state of a user', () => {
  const files = fs
    .readdirSync(LIB, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
  expect(files.length).toBeGreaterThan(100)
  expect(files.flatMap(stateOf).sort()).toEqual(Object.keys(ALLOWED).sort())
})
