import { processEnvironment, variable, type Environment } from '../environment'
import { startProgram } from './start-program'

/** Whether a browser can be opened on this host: it has a display, and the user is at it. */
export function hasBrowser({ env }: Environment = processEnvironment): boolean {
  const isSet = (name: string) => variable(env, name) !== undefined
  if (['SSH_CONNECTION', 'SSH_CLIENT', 'SSH_TTY'].some(isSet)) return false
  return isSet('BROWSER') || process.platform !== 'linux' || ['DISPLAY', 'WAYLAND_DISPLAY'].some(isSet)
}

/** Opens a URL in the browser of the user. A browser that does not start is no error: the URL was printed, too. */
export function openBrowser(url: string, environment: Environment = processEnvironment): void {
  const [program, ...words] = command(environment)
  startProgram(program, [...words, url], environment.env)
}

/** The variable is that of xdg-open, Python and the GitHub CLI. No shell interprets the URL. */
function command({ env }: Environment): readonly [string, ...string[]] {
  const browser = variable(env, 'BROWSER')
  if (browser !== undefined) return [browser]
  switch (process.platform) {
    case 'darwin':
      return ['open']
    case 'win32':
      return ['rundll32', 'url.dll,FileProtocolHandler']
    default:
      return ['xdg-open']
  }
}
