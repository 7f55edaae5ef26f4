/**
 * The terminal sessions in a document: fenced blocks that show a command and its output. Each is run as albert.einstein, and
 * must print what it shows.
 */
import fs from 'node:fs'
import path from 'node:path'
import { connectProxy } from './connect-proxy'
import { igwnAuth, shell } from './command'
import type { Site } from './site'

export interface Session {
  /** The heading above it. */
  readonly heading: string
  /** The command. */
  readonly command: string
  /** The output. */
  readonly shown: string
}

const BLOCK = /^#+ (.*)$|^```console\n\$ (.*(?:\\\n.*)*)\n([^]*?)^```$/gm

export function sessionsIn(document: string): Session[] {
  const found: Session[] = []
  let heading = ''
  for (const [, title, command, shown = ''] of document.matchAll(BLOCK)) {
    if (title !== undefined) heading = title
    if (command !== undefined) found.push({ heading, command, shown })
  }
  return found
}

/** The document with the current output of its sessions, in their order. */
export function withSessions(document: string, printed: readonly string[]): string {
  let index = 0
  return document.replace(BLOCK, (block, _title, command: string | undefined) => {
    if (command === undefined) return block
    return `\`\`\`console\n$ ${command}\n${printed[index++] ?? ''}\`\`\``
  })
}

/** The environment of albert.einstein, user 1000, which is empty at first. */
export interface Desk {
  /** Writes a file to a path in that environment. */
  put(file: string, text: string, mode?: number): void
  /** Variables of the environment. */
  readonly env: Record<string, string>
  /** Runs a shell command line. Returns stdout and stderr, normalized. */
  type(line: string): Promise<string>
  clear(): void
  close(): Promise<void>
}

const HOME = '/home/albert.einstein'
const RUNTIME = '/run/user/1000'

/** @param site - the server for all host names */
export async function desk(site: Site): Promise<Desk> {
  const room = fs.mkdtempSync(path.join(String(process.env.TMPDIR), 'desk-'))
  const standIns = {
    [HOME]: path.join(room, 'home'),
    [RUNTIME]: path.join(room, 'run'),
    '/tmp/bt_u': path.join(room, 'tmp/bt_u'),
    '/tmp/x509up_u': path.join(room, 'tmp/x509up_u'),
  }
  const led = (file: string) => {
    const [place, folder] = Object.entries(standIns).find(([begin]) => file.startsWith(begin)) ?? []
    if (place === undefined || folder === undefined) throw new Error(`${file} is not on that machine`)
    return folder + file.slice(place.length)
  }
  // Every host name resolves to this host, for the command only.
  const proxy = await connectProxy(site.port)
  const ca = path.join(room, 'ca.pem')
  const env: Record<string, string> = {}

  function clear(): void {
    for (const name of ['home', 'run', 'tmp']) {
      fs.rmSync(path.join(room, name), { recursive: true, force: true })
      fs.mkdirSync(path.join(room, name))
    }
    fs.writeFileSync(ca, site.ca)
    for (const name of Object.keys(env)) Reflect.deleteProperty(env, name)
  }
  clear()

  return {
    env,
    put(file, text, mode = 0o600) {
      fs.mkdirSync(path.dirname(led(file)), { recursive: true })
      fs.writeFileSync(led(file), text)
      fs.chmodSync(led(file), mode)
    },
    async type(line) {
      const options = {
        cwd: path.join(room, 'home'),
        env: {
          HOME,
          XDG_RUNTIME_DIR: RUNTIME,
          HTTPS_PROXY: proxy.url,
          NODE_EXTRA_CA_CERTS: ca,
          COLUMNS: '80',
          ...env,
          STAND_INS: JSON.stringify(standIns),
        },
      }
      if (/^igwn-auth [^|\\]*$/.test(line)) {
        const words = Array.from(
          line.matchAll(/'([^']*)'|(\S+)/g),
          ([, quoted, word]) => quoted ?? word ?? '',
        )
        const { stdout, stderr } = await igwnAuth(words.slice(1), options)
        return comparable(stdout + stderr)
      }
      const { stdout } = await shell(`{ ${line.replace(/\bigwn-auth\b/, '$IGWN_AUTH')}; } 2>&1`, options)
      return comparable(stdout)
    },
    clear,
    close: () => proxy.close(),
  }
}

/** Replaces dates, proxy numbers and token ids by constants, and lines about absent candidates by `...`. */
function comparable(printed: string): string {
  return (
    printed
      // A hint that newer versions of Node.js print.
      .replace(/; if the root CA[^)]*/, '')
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/g, '2026-01-01T12:00:00')
      .replace(/Z, \d minutes ago/g, 'Z, 5 minutes ago')
      .replace(/\b\d{10}\b/g, '1234567890')
      .replace(/"token-\d+"/g, '"token-1"')
      .replace(/[^\n]$/, '$&\n')
      .replace(/(?:^ +absent .*\n)+/gm, '  ...\n')
  )
}
