// The package has no types of its own; only its parser is used here, for its file reading checks no permissions.
declare module 'netrc' {
  const netrc: { parse(content: string): Record<string, Record<string, string>> }
  export default netrc
}
