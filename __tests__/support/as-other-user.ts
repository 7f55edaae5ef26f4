import fs from 'node:fs'
import path from 'node:path'

/**
 * Acts as a user who may read nothing of ours: root reads every file whatever its mode, and would not meet what others meet.
 * Synchronous, for it changes who this process is. Elsewhere than on POSIX, and as anybody but root, it just acts.
 */
export function asNobody<T>(act: () => T): T {
  const { geteuid, seteuid } = process
  if (geteuid?.() !== 0 || !seteuid) return act()
  seteuid(NOBODY)
  try {
    return act()
  } finally {
    seteuid(0)
  }
}

/** Lets that user put files into a folder of this one. */
export function openToNobody(folder: string): void {
  giveTo(NOBODY, folder)
}

/** Undoes {@link openToNobody}. */
export function takeBack(folder: string): void {
  giveTo(0, folder)
}

function giveTo(user: number, folder: string): void {
  if (process.geteuid?.() !== 0) return
  fs.chownSync(folder, user, user)
  for (const name of fs.readdirSync(folder)) fs.chownSync(path.join(folder, name), user, user)
}

/** As a number: it need not be in the machine's list of users. */
const NOBODY = 65_534
