/** What is printed on a real terminal: the progress bar, colors, binary bodies. */
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { itOnTerminal, onTerminal, runtimeFile, type Running } from '../support/command'
import { fileServer, type FileServer } from '../support/file-server'
import { emptyPlaces, mint, put } from '../support/tokens'

const content = Buffer.alloc(2_000_000, 'frame')

let server: FileServer
let folder: string
let file: string
beforeEach(async () => {
  emptyPlaces()
  folder = fs.mkdtempSync(path.join(String(process.env.TMPDIR), 'terminal-'))
  file = path.join(folder, 'H1.gwf')
  server = await fileServer({ content, headers: { ETag: '"version-1"' } })
})
afterEach(() => server.close())

/** The escape character, as a picture of itself. */
const visible = (printed: string) => printed.replaceAll('\u001b', '␛')

/** A promise that the test resolves. */
function deferred(): { until: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined
  const until = new Promise<void>((done) => (resolve = done))
  return { until, resolve }
}

async function appearance({ said }: Running, text: string): Promise<void> {
  while (!said.stdout.includes(text)) await wait(5)
}

/** The successive lines of the bar: each starts at the first column. */
function framesIn(printed: string): string[] {
  return printed
    .split('\u001b[1G')
    .map((frame) => stripVTControlCharacters(frame).trimEnd())
    .filter(Boolean)
}

describe('a download', () => {
  itOnTerminal('has a progress bar, which is replaced by one line at the end', async () => {
    const { until, resolve } = deferred()
    server.mishaps.push({ silentAt: 1_000_000, until })
    const { code, stdout } = await onTerminal(['get', server.url, '-o', file], {
      meanwhile: async (running) => {
        await appearance(running, ' 50%')
        resolve()
      },
    })
    expect(code).toBe(0)
    expect(fs.readFileSync(file).equals(content)).toBe(true)
    const half = framesIn(stdout).find((frame) => frame.includes(' 50%'))
    expect(half).toMatch(/^H1\.gwf {2}(█+)(░+) {3}50% {2}1 MB of 2 MB {2}[\d.]+ [kM]?B\/s/)
    const [, full = '', empty = ''] = /(█+)(░+)/.exec(half ?? '') ?? []
    expect(Math.abs(full.length - empty.length)).toBeLessThanOrEqual(1)
    // Neither the cursor nor line wrapping is left switched off.
    expect(visible(stdout)).toMatch(/␛\[2K[^█]*H1\.gwf: 2 MB in [\d.]+ s\r\n$/)
    expect(visible(stdout)).not.toMatch(/␛\[\?(?:25|7)l/)
  })

  itOnTerminal('that is interrupted leaves no bar behind, and prints what is kept', async () => {
    server.mishaps.push({ silentAt: 1_000_000 })
    const { code, stdout } = await onTerminal(['get', server.url, '-o', file], {
      meanwhile: async (running) => {
        await appearance(running, ' 50%')
        running.child.stdin.write('\u0003')
      },
    })
    expect(code).toBe(130)
    expect(visible(stdout)).toMatch(
      /␛\[2K[^█]*igwn-auth:[^█]* interrupted\r\n {2}\S+\.part has 1 MB of 2 MB; [^█]*$/,
    )
    expect(visible(stdout)).not.toMatch(/␛\[\?(?:25|7)l/)
    expect(fs.readdirSync(folder).sort()).toEqual(['H1.gwf.part', 'H1.gwf.part.json'])
  })

  itOnTerminal('that the server interrupts says so in a line of its own', async () => {
    server.mishaps.push({ breaksAt: 1_000_000 })
    const { code, stdout } = await onTerminal(['get', server.url, '-o', file])
    expect(code).toBe(0)
    expect(visible(stdout)).toMatch(
      /␛\[2Kthe response was interrupted \(ECONNRESET\); resuming now \(1 of 5\)\r\n/,
    )
  })

  itOnTerminal('of unknown length shows the bytes only', async () => {
    const { until, resolve } = deferred()
    server.file = { content, hidesLength: true }
    server.mishaps.push({ silentAt: 1_000_000, until })
    const { stdout } = await onTerminal(['get', server.url, '-o', file], {
      meanwhile: async (running) => {
        await appearance(running, '1 MB')
        resolve()
      },
    })
    expect(framesIn(stdout).find((frame) => frame.includes('1 MB'))).toMatch(
      /^H1\.gwf {2}1 MB {2}[\d.]+ [kM]?B\/s$/,
    )
    expect(stdout).not.toContain('%')
  })

  itOnTerminal.each([12, 24, 40, 60])('fits a terminal of %i columns', async (columns) => {
    const { until, resolve } = deferred()
    server.mishaps.push({ silentAt: 1_000_000, until })
    const { code, stdout } = await onTerminal(['get', server.url, '-o', file], {
      columns,
      meanwhile: async (running) => {
        await appearance(running, ' 50%')
        resolve()
      },
    })
    expect(code).toBe(0)
    const bars = framesIn(stdout).filter((frame) => frame.includes('%'))
    expect(bars.filter((bar) => bar.length >= columns)).toEqual([])
  })

  itOnTerminal('fits a terminal that becomes narrower', async () => {
    const { until, resolve } = deferred()
    server.mishaps.push({ silentAt: 1_000_000, until })
    const { code, stdout } = await onTerminal(['get', server.url, '-o', file], {
      columns: 100,
      meanwhile: async (running) => {
        await appearance(running, ' 50%')
        running.resize(30)
        // The narrow line has no name.
        await appearance(running, '\u001b[1G███')
        resolve()
      },
    })
    expect(code).toBe(0)
    const lengths = framesIn(stdout)
      .filter((frame) => frame.includes('%'))
      .map(({ length }) => length)
    expect(Math.max(...lengths)).toBeGreaterThan(60)
    expect(Math.min(...lengths)).toBeLessThan(30)
  })

  itOnTerminal.each<[string, string[], NodeJS.ProcessEnv]>([
    ['--silent', ['-s'], {}],
    ['TERM=dumb', [], { TERM: 'dumb' }],
  ])('has no bar with %s', async (_, words, env) => {
    const { code, stdout } = await onTerminal(['get', server.url, '-o', file, ...words], { env })
    expect(code).toBe(0)
    expect(visible(stdout)).not.toMatch(/[█%␛]/)
  })
})

describe('a binary response', () => {
  beforeEach(() => {
    server.file = { content: Buffer.from('\u0000GIF89a') }
  })

  itOnTerminal('is not printed on a terminal', async () => {
    const { code, stdout } = await onTerminal(['get', server.url], { env: { NO_COLOR: '1' } })
    expect(code).toBe(23)
    expect(stdout).toBe(
      'igwn-auth: the response is binary and not printed on a terminal\r\n' +
        '  To fix: --output FILE, or --output - to print it anyway\r\n',
    )
  })

  itOnTerminal('is printed with --output -', async () => {
    const { code, stdout } = await onTerminal(['get', server.url, '-o', '-'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '\u0000GIF89a' })
  })
})

describe('an explanation', () => {
  const explain = (env: NodeJS.ProcessEnv, columns = 80) =>
    onTerminal(['explain', 'https://x.example.org'], { env, columns })

  itOnTerminal('has colors on a terminal, unless they are switched off', async () => {
    expect((await explain({})).stdout).toContain('\u001b[31mNo credential would be sent.')
    for (const env of [{ NO_COLOR: '1' }, { FORCE_COLOR: '0' }, { TERM: 'dumb' }])
      expect((await explain(env)).stdout).not.toContain('\u001b')
  })

  itOnTerminal.each([50, 140])('is as wide as a terminal of %i columns', async (columns) => {
    put(runtimeFile(), mint({ scope: Array.from({ length: 20 }, (_, index) => `read:/${index}`).join(' ') }))
    const { stdout } = await explain({}, columns)
    const lengths = stripVTControlCharacters(stdout)
      .split(/\r?\n/)
      .map(({ length }) => length)
    expect(Math.max(...lengths)).toBeLessThanOrEqual(columns)
    expect(Math.max(...lengths)).toBeGreaterThan(columns - 20)
    expect(stdout.includes('Location')).toBe(columns === 140)
  })
})
