/** The commands and actions that mend something, as lines of a failure. */
export function fixLines(mends: readonly string[]): string[] {
  return mends.map((mend) => `to mend it: ${mend}`)
}
