/**
 * Runs the examples of a document, each alone and in their order, against the sources of the package. An example must print
 * what it shows (`// → 200`). `UPDATE_EXAMPLES=1` writes what the examples print into the document instead.
 */
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { format } from 'node:util'
import ts from 'typescript'

export interface Example {
  /** The heading above it. */
  readonly heading: string
  readonly language: string
  readonly code: string
  /** What it shows as printed, one entry for each call of `console.log`. */
  readonly prints: readonly string[]
}

/** Every fenced block of a document. */
export function fencesIn(document: string): Example[] {
  const found: Example[] = []
  let heading = ''
  for (const [, title, language = '', code = ''] of document.matchAll(/^#+ (.*)$|^```(.*)\n([^]*?)^```$/gm)) {
    if (title !== undefined) heading = title
    else found.push({ heading, language, code, prints: printsOf(code) })
  }
  return found
}

/** The blocks that are programs. */
export function examplesIn(document: string): Example[] {
  return fencesIn(document).filter(({ language }) => ['ts', 'js'].includes(language))
}

/** A program of `examples/`. */
export function programExample(name: string): Example {
  const code = fs.readFileSync(path.join(__dirname, '../../examples', name), 'utf8')
  return { heading: name, language: 'ts', code, prints: printsOf(code) }
}

/** `// → text`, and the lines below it that are indented by three spaces. */
const SHOWN = /\/\/ → (.*(?:\n *\/\/ {3}.*)*)/g

function printsOf(code: string): string[] {
  return Array.from(code.matchAll(SHOWN), ([, text = '']) => text.replace(/\n *\/\/ {3}/g, '\n'))
}

export interface ExampleRunner {
  /** Runs an example and resolves to what it printed. */
  run(example: Example): Promise<string[]>
  /** What an example shows as printed, normalized in the same way. Default: as written. */
  prints?(example: Example): string[]
}

/** Makes a test of each example of a document, or of a program of `examples/`. */
export function testExamples(name: string, runner: () => ExampleRunner): void {
  const file = path.join(__dirname, '../..', name)
  const document = fs.readFileSync(file, 'utf8')
  const examples = name.endsWith('.ts') ? [programExample(path.basename(name))] : examplesIn(document)
  const printed = new Map<Example, string[]>()

  it.each(examples.map((example, index) => [index + 1, example.heading, example] as const))(
    'example %i (%s) runs and prints what it shows',
    async (_index, _heading, example) => {
      expect(example.prints).not.toEqual([])
      const used = runner()
      const output = await used.run(example)
      printed.set(example, output)
      if (!process.env.UPDATE_EXAMPLES) expect(output).toEqual(used.prints?.(example) ?? example.prints)
    },
    60_000, // the first one loads everything
  )

  afterAll(() => {
    if (process.env.UPDATE_EXAMPLES) fs.writeFileSync(file, withOutput(document, printed))
  })
}

/** The document with what its examples printed. An example that printed more or fewer texts than it shows is left alone. */
function withOutput(document: string, printed: ReadonlyMap<Example, readonly string[]>): string {
  let text = document
  for (const [{ code, prints }, output] of printed) {
    if (output.length !== prints.length) continue
    let index = 0
    const updated = code.replace(SHOWN, () => `// → ${(output[index++] ?? '').replaceAll('\n', '\n//   ')}`)
    text = text.replace(code, () => updated)
  }
  return text
}

export interface Environment {
  /** The working directory of the examples. */
  readonly folder: string
  /** The folder used instead of `/tmp`. */
  readonly slashTmp: string
  /** Replaces what differs in each run, such as paths. Default: nothing. */
  readonly normal?: (text: string) => string
  /** Globals that the examples use without defining them, such as a function that opens a browser. */
  readonly globals?: Readonly<Record<string, unknown>>
}

/** The subpaths of the package, and the sources behind them. */
const SOURCES: Readonly<Record<string, string>> = {
  'axios-igwn-auth': '../../lib/index',
  'axios-igwn-auth/fetch': '../../lib/fetch/index',
  'axios-igwn-auth/oauth1': '../../lib/oauth1/index',
  'axios-igwn-auth/oauth2': '../../lib/oauth2/index',
  'axios-igwn-auth/pelican': '../../lib/pelican/index',
  'axios-igwn-auth/vault': '../../lib/vault/index',
}

/** An example that changes axios, an exported instance or a function of Node.js: the next one must not see it. */
const CHANGES = /\b(?:axios|igwnAxios)[,)]|\b(?:axios|igwnAxios)\.(?:defaults|interceptors)\b|mock|msw|nock/i
let isChanged = true

/** Runs an example. Resolves to what it printed, one entry for each call of `console.log`. */
export async function runExample(
  { code, prints }: Example,
  { folder, slashTmp, normal = (text) => text, globals = {} }: Environment,
): Promise<string[]> {
  const printed: string[] = []
  const console = { log: (...values: unknown[]) => printed.push(normal(format(...values))) }
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: {
      module: ts.ModuleKind.CommonJS,
      target: ts.ScriptTarget.ES2022,
      esModuleInterop: true,
    },
  })
  if (isChanged) jest.resetModules()
  isChanged = CHANGES.test(code)
  const load = (name: string): unknown => {
    const source = SOURCES[name]
    if (source === undefined) return jest.requireActual(name)
    // Of the modules that this example loads.
    const { processEnvironment } =
      jest.requireActual<typeof import('../../lib/environment')>('../../lib/environment')
    processEnvironment.temporaryFolder = slashTmp
    return jest.requireActual(source)
  }
  const before = process.cwd()
  process.chdir(folder)
  try {
    const names = Object.keys(globals)
    await new AsyncFunction('require', 'exports', 'console', ...names, outputText)(
      load,
      {},
      console,
      ...Object.values(globals),
    )
    // A CommonJS example has no top-level `await` and returns before its request ends.
    for (let left = 1000; printed.length < prints.length && left > 0; left -= 1) await wait(5)
  } finally {
    process.chdir(before)
  }
  return printed
}

const AsyncFunction = (async () => {}).constructor as new (
  ...parts: string[]
) => (...values: unknown[]) => Promise<void>
