/**
 * The examples of a document, run: each alone, in the order they stand in, with the sources in the place of the package. What
 * an example says it prints (`// → 200`) is what it must print.
 */
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { format } from 'node:util'
import ts from 'typescript'

export interface Example {
  /** Where it stands: the heading above it. */
  readonly heading: string
  readonly language: string
  readonly code: string
  /** What it says it prints, one call of `console.log` each. */
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

/** Those that are programs. */
export function examplesIn(document: string): Example[] {
  return fencesIn(document).filter(({ language }) => ['ts', 'js'].includes(language))
}

/** A whole program of `examples/` as an example. */
export function programExample(name: string): Example {
  const code = fs.readFileSync(path.join(__dirname, '../../examples', name), 'utf8')
  return { heading: name, language: 'ts', code, prints: printsOf(code) }
}

/** `// → text`, and the lines below it that go on three spaces in. */
function printsOf(code: string): string[] {
  return Array.from(code.matchAll(/\/\/ → (.*(?:\n\/\/ {3}.*)*)/g), ([, text = '']) =>
    text.replace(/\n\/\/ {3}/g, '\n'),
  )
}

export interface Environment {
  /** The working directory of the examples. */
  readonly folder: string
  /** What stands in the place of `/tmp`. */
  readonly slashTmp: string
  /** The folders of a test under the names that people know. Default: as they are. */
  readonly normal?: (text: string) => string
  /** Globals that the document takes for granted, as a function that opens a browser. */
  readonly globals?: Readonly<Record<string, unknown>>
}

/** The subpaths of the package, and the sources behind them. */
const SOURCES: Readonly<Record<string, string>> = {
  'axios-igwn-auth': '../../lib/index',
  'axios-igwn-auth/oauth1': '../../lib/oauth1/index',
  'axios-igwn-auth/oauth2': '../../lib/oauth2/index',
}

/** Runs an example and gives what it printed, one entry for each call of `console.log`. */
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
  jest.resetModules()
  const load = (name: string): unknown => {
    const source = SOURCES[name]
    if (source === undefined) return jest.requireActual(name)
    // Fresh modules have forgotten the stand-in for /tmp.
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
    // A CommonJS example has no `await` at its top and ends before its request does.
    for (let left = 1000; printed.length < prints.length && left > 0; left -= 1) await wait(5)
  } finally {
    process.chdir(before)
  }
  return printed
}

const AsyncFunction = (async () => {}).constructor as new (
  ...parts: string[]
) => (...values: unknown[]) => Promise<void>
