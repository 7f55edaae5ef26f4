// The package has no types of its own; only its columns are used here.
declare module 'cliui' {
  interface Column {
    readonly text: string
    readonly width?: number
    /** Top, right, bottom, left. */
    readonly padding?: readonly [number, number, number, number]
  }
  interface Layout {
    div(...columns: Column[]): unknown
    toString(): string
  }
  export default function cliui(options: { width: number; wrap?: boolean }): Layout
}
