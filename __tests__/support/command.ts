/** The built command, run as user 1000 with folders of its own: see `user-1000.cjs`. */
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { runWarm } from './warm-command'

const ROOT = path.join(__dirname, '..', '..')
export const CLI = path.join(ROOT, 'dist', 'cli.cjs')
/** Loaded before the command. */
export const USER = path.join(__dirname, 'user-1000.cjs')

if (!fs.existsSync(CLI)) throw new Error('There is no dist/cli.cjs: npm run build')

/** The folders of user 1000 in a test. */
export const runtimeFile = () => path.join(String(process.env.XDG_RUNTIME_DIR), 'bt_u1000')
export const slashTmp = () => path.join(String(process.env.HOME), '..', 'slash-tmp')

export interface Ended {
  /** Null if a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Default is nothing. */
  readonly stdin?: string | undefined
  /** Whether it is run in a process of its own, which takes longer. */
  readonly ownProcess?: boolean
  /** Inspects it while it runs. */
  readonly meanwhile?: (running: Running) => unknown
}

export interface Running {
  readonly child: ChildProcessWithoutNullStreams
  /** Its output so far. */
  readonly said: { stdout: string; stderr: string }
  readonly hasEnded: () => boolean
  /** Sets the width of its terminal. */
  readonly resize: (columns: number) => unknown
}

/** Runs `igwn-auth` to its end. */
export function igwnAuth(words: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  const { env, cwd = process.cwd(), stdin, meanwhile, ownProcess } = options
  if (!ownProcess)
    return runWarm(CLI, USER, { words, env: { ...environment(), ...env }, cwd, stdin }, meanwhile)
  return run(process.execPath, ['--require', USER, CLI, ...words], { stdin: '', ...options })
}

/** Runs a shell command line, in which `$IGWN_AUTH` is the command. */
export function shell(line: string, options: CommandOptions = {}): Promise<Ended> {
  return run('/bin/sh', ['-c', line], { stdin: '', ...options })
}

/** Whether `script` of util-linux is installed, which runs a program on a terminal. */
const hasTerminals = spawnSync('script', ['--version']).status === 0

/** `it` for tests that need a terminal. Without one they are skipped, and fail in CI. */
export const itOnTerminal = hasTerminals || process.env.CI ? it : it.skip
if (!hasTerminals) console.warn('There is no script of util-linux here: what needs a terminal is not tested.')

export interface TerminalOptions extends Omit<CommandOptions, 'stdin' | 'ownProcess'> {
  readonly columns?: number
}

/** Runs `igwn-auth` on a terminal. `stdout` has all of its output. */
export function onTerminal(
  words: readonly string[],
  { columns = 80, env, cwd = process.cwd(), meanwhile }: TerminalOptions = {},
): Promise<Ended> {
  const all = { SHELL: '/bin/sh', TERM: 'xterm-256color', ...environment(), ...env }
  return runWarm(CLI, USER, { words, env: all, cwd, columns }, meanwhile)
}

async function run(
  program: string,
  words: readonly string[],
  { env, cwd, stdin, meanwhile }: CommandOptions,
): Promise<Ended> {
  const child = spawn(program, words, { cwd, env: { ...environment(), ...env }, stdio: 'pipe' })
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
    })
  // It may end before it has read its input.
  child.stdin.on('error', () => undefined)
  if (stdin !== undefined) child.stdin.end(stdin)
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  await meanwhile?.({ child, said, hasEnded, resize: () => undefined })
  const [code, signal] = await closed
  return { code, signal, ...said }
}

/** The environment of this process, which `isolate.ts` has cleaned, without variables that change the output. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !SPEAKS_OTHERWISE.test(name))
  const igwnAuth = `${process.execPath} --require ${USER} ${CLI}`
  const standIns = { '/tmp/bt_u': `${slashTmp()}/bt_u`, '/tmp/x509up_u': `${slashTmp()}/x509up_u` }
  return { ...Object.fromEntries(kept), STAND_INS: JSON.stringify(standIns), IGWN_AUTH: igwnAuth }
}

const SPEAKS_OTHERWISE = /^(?:NODE_OPTIONS|NODE_DEBUG|FORCE_COLOR|NO_COLOR|COLUMNS|TERM)$/
