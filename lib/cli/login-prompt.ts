import { printable } from '../secrets/sanitize'
import { openBrowser } from '../files/open-browser'
import { terminalOf } from './terminal'

/** Opens the page of a login, and prints it: a browser may not start. */
export function openPage(url: string, userCode?: string): void {
  const code = userCode === undefined ? '' : ` and enter the code ${codeOf(userCode)}`
  process.stderr.write(
    `Log in with the browser${code}. If it does not open, open this URL:\n  ${printable(url)}\n`,
  )
  openBrowser(url)
}

/** Prints the page of a login for another device, and the code to enter there. */
export function printPage(url: string, userCode?: string, direct?: string): void {
  const code = userCode === undefined ? '' : ` and enter the code ${codeOf(userCode)}`
  const lines = [`Open this URL in a browser on any device${code}:`, `  ${printable(url)}`]
  if (direct !== undefined) lines.push('Or open this one, which has the code:', `  ${printable(direct)}`)
  process.stderr.write(`${lines.join('\n')}\n`)
}

function codeOf(userCode: string): string {
  return terminalOf(process.stderr).paint('bold', printable(userCode))
}
