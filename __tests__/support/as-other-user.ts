import fs from 'node:fs'
import path from 'node:path'

/**
 * Calls a function as another user, because root can read files of any mode. It is synchronous: it changes the user of this
 * process. Without root, and not on POSIX, it only calls the function.
 */
export function asOtherUser<T>(act: () => T): T {
  const { geteuid, seteuid } = process
  if (geteuid?.() !== 0 || !seteuid) return act()
  seteuid(OTHER_USER)
  try {
    return act()
  } finally {
    seteuid(0)
  }
}

/** Lets that user write files into a folder of this one. */
export function giveToOtherUser(folder: string): void {
  giveTo(OTHER_USER, folder)
}

/** Undoes {@link giveToOtherUser}. */
export function takeBack(folder: string): void {
  giveTo(0, folder)
}

function giveTo(user: number, folder: string): void {
  if (process.geteuid?.() !== 0) return
  fs.chownSync(folder, user, user)
  for (const name of fs.readdirSync(folder)) fs.chownSync(path.join(folder, name), user, user)
}

/** A number, because the user may have no entry in /etc/passwd. */
const OTHER_USER = 65_534
