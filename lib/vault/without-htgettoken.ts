import { checkValues, flag, type Check } from '../check-values'
import type { Environment } from '../environment'
import { IgwnAuthError, isIgwnAuthError } from '../errors'
import { hasBrowser, openBrowser } from '../files/open-browser'
import { startProgram } from '../files/start-program'
import { OAuthError } from '../oauth2/errors'
import { pathName } from '../secrets/sanitize'
import { SciToken } from '../tokens/scitoken'
import { parseArguments } from './htgettoken-arguments'
import { logInWith, type LogInOptions } from './log-in'
import { VAULT_OPTIONS, type VaultPrompt } from './options'
import { argumentsOfEnvironment, optionsIn } from './settings'

interface Run {
  /** Arguments of htgettoken, before the others. */
  readonly args: readonly string[]
  /** Milliseconds for all of it; 0 for no limit. */
  readonly timeout: number
  readonly environment: Environment
}

/** Does what htgettoken does with these options, at a terminal with its texts. */
export async function withoutHtgettoken(
  options: Readonly<Record<string, unknown>>,
  { args, timeout, environment }: Run,
): Promise<SciToken> {
  const before = parseArguments(args, ARGUMENTS)
  const unsupported = Object.keys({ ...before, ...options }).find((name) => Object.hasOwn(UNSUPPORTED, name))
  if (unsupported !== undefined)
    throw new IgwnAuthError(
      'ERR_IGWN_INVALID_OPTION',
      `--${unsupported} is an option of htgettoken that cannot be used here: ${UNSUPPORTED[unsupported] ?? ''}. Leave it out, or install htgettoken.`,
    )
  const given = Object.entries(options).filter(([name]) => !OUTPUT.includes(name))
  const all = checkValues(
    {
      ...optionsIn(before, ARGUMENTS),
      ...(before.registerssh && { registerssh: true }),
      ...Object.fromEntries(given),
    },
    OPTIONS,
    'options',
  ) as LogInOptions
  const browser =
    options['web-open-command'] ??
    before['web-open-command'] ??
    argumentsOfEnvironment(environment)['web-open-command']
  const deadline = timeout > 0 ? AbortSignal.timeout(timeout) : undefined
  const onPrompt = (prompt: VaultPrompt) => {
    show(prompt)
    // The URL is on the screen too, so a browser that cannot be opened is not an error.
    if (typeof browser !== 'string') {
      if (hasBrowser(environment)) openBrowser(prompt.url, environment)
    } else if (browser !== '') startProgram(browser, [prompt.url], environment.env)
  }
  try {
    const login = await logInWith({ ...all, ...(deadline && { signal: deadline }), onPrompt }, environment)
    return SciToken.deserialize(login.bearerToken ?? '', pathName(login.bearerTokenFile ?? ''))
  } catch (error) {
    if (!deadline?.aborted || isIgwnAuthError(error)) throw error
    throw new OAuthError(
      'ERR_IGWN_OAUTH_TIMEOUT',
      `The login was not done within ${timeout / 1000} seconds. Try again, or set options.timeout.`,
    )
  }
}

const ARGUMENTS = { name: 'options.args', code: 'ERR_IGWN_INVALID_OPTION' } as const

const OPTIONS: Record<string, Check> = { ...VAULT_OPTIONS, registerssh: flag }

/** Options of htgettoken, and why they have no effect without it. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  nobearertoken: 'getSciToken returns the bearer token; logIn of axios-igwn-auth/vault has this option',
  showbearerurl: 'getSciToken returns the bearer token, not its URL',
  kerbprincipal: 'the package kerberos uses the default principal of the ticket cache',
  version: 'htgettoken is not installed',
  help: 'htgettoken is not installed',
}

/** Options of htgettoken that change only what it prints, or how it opens a browser. */
const OUTPUT = ['quiet', 'verbose', 'debug', 'web-open-command']

/** Standard output may be for a token. */
function show({ url, userCode }: VaultPrompt): void {
  const code = userCode === undefined ? '' : `\nWhen prompted, enter the code ${userCode}`
  process.stderr.write(`\nLog in at:\n    ${url}${code}\n`)
}
