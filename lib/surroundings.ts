/** What discovery looks at of the machine it runs on. */
export interface Surroundings {
  /** Environment variables. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** The effective user id, which names the default token file; undefined where the platform has none. */
  readonly euid: number | undefined
  /** The real user id, which names the default proxy certificate file. */
  readonly uid: number | undefined
  /** Where default files of both kinds are; always `/tmp`, as the WLCG text says, whatever `TMPDIR` is. */
  readonly temporaryFolder: string
}

/** The process as it is now. Nothing is copied, so that a changed variable is seen by the next look. */
export const here: Surroundings & { temporaryFolder: string } = {
  get env() {
    return process.env
  },
  get euid() {
    return process.geteuid?.()
  },
  get uid() {
    return process.getuid?.()
  },
  temporaryFolder: '/tmp',
}

/** The value of a variable; an empty one is unset, so that `VAR= command` switches it off. */
export function variable(env: Surroundings['env'], name: string): string | undefined {
  return env[name] || undefined
}
