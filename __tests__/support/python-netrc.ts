/** The netrc module of Python, in a process that reads one file after the other. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** login, account, password by machine name, sorted; null if Python rejects the file. */
export type PythonEntries = [name: string, entry: [login: string, account: string, password: string]][] | null

export interface PythonNetrc {
  read(text: string): Promise<PythonEntries>
  close(): Promise<void>
}

/** Versions 3.11 to 3.13; others read some files differently. */
const PROGRAM = `
import json, netrc, os, sys, tempfile
if not (3, 11) <= sys.version_info < (3, 14) or not sys.flags.utf8_mode: sys.exit(1)
print("ready", flush=True)
with tempfile.TemporaryDirectory() as folder:
    file = os.path.join(folder, "netrc")
    for line in sys.stdin:
        with open(file, "w", newline="") as out: out.write(json.loads(line))
        try: answer = sorted(netrc.netrc(file).hosts.items())
        except netrc.NetrcParseError: answer = None
        print(json.dumps(answer), flush=True)
`

/** Undefined without such a Python. */
export async function startPythonNetrc(): Promise<PythonNetrc | undefined> {
  const python = spawn('python3', ['-X', 'utf8', '-c', PROGRAM], { stdio: ['pipe', 'pipe', 'ignore'] })
  const lines = createInterface(python.stdout)[Symbol.asyncIterator]()
  const ended = once(python, 'close').catch(() => undefined)
  const first = await Promise.race([lines.next(), ended])
  if (first === undefined || !('value' in first) || first.value !== 'ready') return undefined

  return {
    async read(text) {
      python.stdin.write(`${JSON.stringify(text)}\n`)
      const { value } = (await lines.next()) as { value: string }
      return JSON.parse(value) as PythonEntries
    },
    async close() {
      python.stdin.end()
      await ended
    },
  }
}
