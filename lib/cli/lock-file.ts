import fs from 'node:fs'
import os from 'node:os'
import { pathName } from '../secrets/sanitize'
import { EXIT } from './exit-code'
import { Failure } from './failure'

/**
 * Claims something for this process alone, by a file with its number. One that a process of this machine left behind, which is
 * no longer there, is taken away.
 *
 * @param file - the file that claims
 * @param what - what is claimed, for the message
 * @returns gives it up again
 * @throws Failure `unwritable` when another process has it
 */
export function claim(file: string, what: string): () => void {
  for (let isSecond = false; ; isSecond = true) {
    try {
      fs.writeFileSync(file, `${process.pid} ${os.hostname()}\n`, { flag: 'wx' })
      return () => {
        fs.rmSync(file, { force: true })
      }
    } catch (error) {
      const { code = 'unknown error' } = error as NodeJS.ErrnoException
      if (code !== 'EEXIST')
        throw new Failure(
          EXIT.unwritable,
          `${pathName(what)} cannot be written (${code === 'ENOENT' ? 'there is no such folder' : code})`,
        )
      const owner = ownerIn(file)
      if (isSecond || isThere(owner))
        throw new Failure(
          EXIT.unwritable,
          `${pathName(what)} is being written by process ${owner.pid} of ${owner.host}`,
          [`to mend it: wait for that; or where there is no such process, rm ${pathName(file)}`],
        )
      fs.rmSync(file, { force: true })
    }
  }
}

interface Owner {
  readonly pid: number
  readonly host: string
}

function ownerIn(file: string): Owner {
  const [, pid = '0', host = 'this machine'] = /^(\d{1,10}) ([\w.-]+)$/m.exec(readIfThere(file)) ?? []
  return { pid: Number(pid), host }
}

function readIfThere(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** Of another machine nobody here can tell. */
function isThere({ pid, host }: Owner): boolean {
  if (host !== os.hostname()) return true
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
