import os from 'node:os'

/** What discovery looks at of the machine it runs on. */
export interface Environment {
  /** Environment variables. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** The effective user id, which names the default token file; undefined where the platform has none. */
  readonly euid: number | undefined
  /** The real user id, which names the default proxy certificate file. */
  readonly uid: number | undefined
  /** Where default files of both kinds are; always `/tmp`, as the WLCG text says, whatever `TMPDIR` is. */
  readonly temporaryFolder: string
}

/**
 * The user that this process cannot change: only root, and a program with the set-user-ID bit, may become another one. A system
 * call for each request costs as much as reading ten variables.
 */
const fixedUser = fixedUserOf(process.getuid?.(), process.geteuid?.())

function fixedUserOf(uid: number | undefined, euid: number | undefined): number | undefined {
  return uid === 0 || uid !== euid ? undefined : uid
}

/** The process as it is now. Nothing is copied, so that a changed variable is seen by the next look. */
export const processEnvironment: Environment & { temporaryFolder: string } = {
  get env() {
    return process.env
  },
  get euid() {
    return fixedUser ?? process.geteuid?.()
  },
  get uid() {
    return fixedUser ?? process.getuid?.()
  },
  temporaryFolder: '/tmp',
}

/** The home of this user; undefined for one that has none. */
export function homeOf(env: Environment['env']): string | undefined {
  try {
    return variable(env, 'HOME') ?? os.homedir()
  } catch {
    return undefined // a user id that the machine's list of users does not have
  }
}

/** The value of a variable; an empty one is unset, so that `VAR= command` switches it off. */
export function variable(env: Environment['env'], name: string): string | undefined {
  return env[name] || undefined
}
