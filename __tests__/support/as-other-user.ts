import fs from 'node:fs'
import path from 'node:path'

/**
 * Calls a function as another user: root can read files of any mode. Synchronous, since it changes the user of this process.
 * Not as root, and not on POSIX, it only calls the function.
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

/** Lets that user put files into a folder of this one. */
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

/** As a number: it need not be in the machine's list of users. */
const OTHER_USER = 65_534
