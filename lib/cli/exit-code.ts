/** What the command ends with. From 6 on the numbers are those of curl, where that has one (curl(1), EXIT CODES). */
export const EXIT = {
  ok: 0,
  /** No credential would be attached, none satisfies, or the server refused it. */
  refused: 1,
  usage: 2,
  unresolved: 6,
  unconnected: 7,
  partial: 18,
  http: 22,
  unwritable: 23,
  unreadable: 26,
  timeout: 28,
  tls: 35,
  redirects: 47,
  transfer: 56,
  untrusted: 60,
  /** A mistake of ours. */
  internal: 70,
  /** What a shell says of a process that ended by SIGPIPE. */
  brokenPipe: 141,
} as const
