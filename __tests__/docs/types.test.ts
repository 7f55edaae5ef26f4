/** The TypeScript examples of the documents compile in a strict project that has the built package. */
import fs from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import { examplesIn } from '../support/examples'

const ROOT = path.join(__dirname, '../..')
const pages = fs.readdirSync(path.join(ROOT, 'docs')).filter((name) => name.endsWith('.md'))
const documents = ['README.md', 'CONTRIBUTING.md', ...pages.map((name) => `docs/${name}`)]

/** One file for each example, in a folder of the package, so that its name resolves to dist/. They are not on disk. */
const sources = new Map(
  documents.flatMap((name) =>
    examplesIn(fs.readFileSync(path.join(ROOT, name), 'utf8'))
      .filter(({ language }) => language === 'ts')
      .map(({ code }, index) => [
        path.join(ROOT, 'examples', `${name.replace(/\W/g, '-')}-${index + 1}.mts`),
        `${code}\nexport {}`,
      ]),
  ),
)

it('the TypeScript examples compile', () => {
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    strict: true,
    types: ['node'],
    noEmit: true,
    skipLibCheck: true,
  }
  const host = ts.createCompilerHost(options)
  host.readFile = (file) => sources.get(path.normalize(file)) ?? ts.sys.readFile(file)
  host.fileExists = (file) => sources.has(path.normalize(file)) || ts.sys.fileExists(file)
  const program = ts.createProgram([...sources.keys()], options, host)
  const problems = ts
    .getPreEmitDiagnostics(program)
    .map(({ file, messageText }) => [
      path.basename(file?.fileName ?? ''),
      ts.flattenDiagnosticMessageText(messageText, '\n'),
    ])
  expect(problems).toEqual([])
}, 60_000)
