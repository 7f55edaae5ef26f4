import { processEnvironment } from '../environment'
import { IgwnAuthError } from '../errors'
import { FileAccessError, failureText, writeTextFile } from '../files/write-file'
import { parseUrl } from '../formats/url'
import { IGWN_VAULT } from '../formats/log-in-command'
import { isRefused } from '../oauth2/errors'
import { authorizationCode } from '../oauth2/grants/authorization-code'
import { deviceCode } from '../oauth2/grants/device-code'
import { refreshToken } from '../oauth2/grants/refresh-token'
import type { OAuthTokenSource } from '../oauth2/grants/renewing-grant'
import { webLogin } from '../oauth2/web-login'
import { pathName, printable, shellWord } from '../secrets/sanitize'
import type { TokenStore } from '../stores/token-store'
import { describeTokens } from '../tokens/describe-token'
import { defaultOutFile } from '../vault/files'
import { SciToken } from '../tokens/scitoken'
import { requirementsOf, validateClaims } from '../tokens/validate-claims'
import { abortOnSignal, asCommandError, CommandError, EXIT, fileError, usageError } from './errors'
import { defined, useTrustFlags, type TrustFlags } from './flags'
import { json } from './format'
import { clientOf, OFFLINE_ACCESS } from './login-client'
import { openPage, printPage } from './login-prompt'
import { hasBrowser } from '../files/open-browser'
import {
  loginStore,
  saveSettings,
  savedLogin,
  storeOf,
  withLogin,
  type LoginSettings,
  type SavedLogin,
} from './saved-logins'
import { table } from './table'
import { terminalOf } from './terminal'
import { dataOf, summaryRows } from './token'
import { obtainFromVault } from './vault-login'
import { optionsOfEnvironment } from './vault-options'

export interface LoginFlags extends TrustFlags {
  readonly issuer?: string
  readonly vault?: string
  readonly role?: string
  readonly preset?: string
  readonly clientId?: string
  readonly scope?: readonly string[]
  readonly audience?: readonly string[]
  readonly web?: boolean
  readonly device?: boolean
  /** False with `--no-input`. */
  readonly input: boolean
  readonly force?: boolean
  readonly output?: string
  readonly minTimeLeft?: number
  readonly json?: boolean
}

/** How a token was obtained. */
type Outcome = 'logged in' | 'renewed' | 'still valid'

/** `igwn-auth login`: gets a token and puts it where requests find it. The user is asked only when no earlier login can renew it. */
export async function loginCommand(flags: LoginFlags): Promise<number> {
  useTrustFlags(flags)
  const file = tokenFileOf(flags)
  const store = loginStore()
  return abortOnSignal(async (signal) => {
    try {
      return await withLogin(store, file, signal, () => logIn(flags, { store, file, signal }))
    } catch (error) {
      throw signal.aborted ? signal.reason : asCommandError(error)
    }
  })
}

async function logIn(flags: LoginFlags, place: Place): Promise<number> {
  const { store, file } = place
  const settings = await settingsOf(flags, store, file)
  const before = await savedLogin(store, file)
  const { text, outcome, name } = await obtain(settings, flags, place)
  const token = readToken(text, file, name)
  const warning = validate(token, settings, name)
  await write(token, file)
  process.stdout.write(`${textOf(token, { outcome, name, warning }, flags)}\n`)
  if (warning !== undefined) warn(warning)
  warnOfOthers(token, file)
  if (before) await revokeReplaced(before, flags, place)
  return EXIT.ok
}

function warn(message: string): void {
  process.stderr.write(`igwn-auth: warning: ${message}\n`)
}

/** Revokes the refresh token of a login that another one replaced. One that was renewed ended by itself. */
async function revokeReplaced(
  before: SavedLogin,
  { force = false }: LoginFlags,
  place: Place,
): Promise<void> {
  const { store, file, signal } = place
  const { refresh_token: refreshToken, login } = before
  const now = await savedLogin(store, file)
  const isRenewed = !force && JSON.stringify(now?.login) === JSON.stringify(login)
  if (refreshToken === undefined || now?.refresh_token === refreshToken || isRenewed) return
  // Keycloak revokes all logins of a client with one (TokenRevocationEndpoint.revokeClient), the new one too.
  if (login.issuer?.includes('/realms/') && now?.login.issuer === login.issuer) return
  try {
    const { client } = await clientOf(login, store, signal)
    await webLogin(client).revoke(refreshToken, { hint: 'refresh_token', signal })
  } catch (error) {
    if (!(error instanceof IgwnAuthError) && !signal.aborted) throw error
    const why = error instanceof IgwnAuthError ? error.message : 'It was interrupted.'
    warn(`the login before, at ${printable(login.issuer ?? '')}, was replaced, but not revoked: ${why}`)
  }
}

/** The file of a token: that of htgettoken, where discovery finds it. */
export function tokenFileOf({ output }: Pick<LoginFlags, 'output'>): string {
  try {
    return output ?? defaultOutFile(processEnvironment)
  } catch {
    throw usageError('this platform has no default file for a token; name one with --output FILE')
  }
}

/**
 * What the flags say. Without a server, the last login for this file is repeated, with the flags replacing what it had; without one,
 * the server of IGWN or that of HTGETTOKENOPTS is used.
 */
async function settingsOf(flags: LoginFlags, store: TokenStore, file: string): Promise<LoginSettings> {
  const { issuer, vault, role, preset, clientId, scope, audience } = flags
  if (vault === undefined && issuer !== undefined && !isHttpUrl(issuer))
    throw usageError(
      '--issuer expects a URL, such as https://issuer.example.org; with --vault, the name of the issuer there',
    )
  const isNamed = issuer !== undefined || vault !== undefined || preset === 'igwn'
  const last = isNamed ? undefined : (await savedLogin(store, file))?.login
  if (!isNamed && !last && (preset !== undefined || clientId !== undefined))
    throw usageError('--preset and --client-id need --issuer, the URL of the server')
  const isDefault = !isNamed && !last && optionsOfEnvironment().vaultserver === undefined
  const settings = {
    ...(isDefault && IGWN_VAULT),
    ...last,
    ...defined({ issuer, vault, role, preset, clientId, audience }),
    ...(scope && { scope: scope.flatMap((one) => one.split(' ')).filter(Boolean) }),
  }
  return { ...settings, scope: settings.scope ?? [], audience: settings.audience ?? [] }
}

function isHttpUrl(text: string): boolean {
  const { protocol, username, password } = parseUrl(text) ?? { protocol: '', username: '', password: '' }
  return /^https?:$/.test(protocol) && username === '' && password === ''
}

/** Whether a Vault server issues the token. */
function isOfVault({ vault, issuer, preset }: LoginSettings): boolean {
  return vault !== undefined || (issuer === undefined && preset === undefined)
}

interface Place {
  readonly store: TokenStore
  readonly file: string
  readonly signal: AbortSignal
}

interface ObtainedToken {
  readonly text: string
  readonly outcome: Outcome
  /** The server, for people. */
  readonly name: string
}

async function obtain(settings: LoginSettings, flags: LoginFlags, place: Place): Promise<ObtainedToken> {
  try {
    return await (isOfVault(settings) ? ofVault : ofIssuer)(settings, flags, place)
  } catch (error) {
    throw mayAsk(flags) ? error : asNeedsLogin(error, flags)
  }
}

async function ofVault(
  settings: LoginSettings,
  flags: LoginFlags,
  { store, file, signal }: Place,
): Promise<ObtainedToken> {
  const obtained = await obtainFromVault(settings, flags, { mayAsk: mayAsk(flags), signal })
  await saveSettings(store, file, obtained.settings)
  const { vault = '' } = obtained.settings
  return { text: obtained.text, outcome: obtained.isRenewed ? 'renewed' : 'logged in', name: vault }
}

async function ofIssuer(
  settings: LoginSettings,
  flags: LoginFlags,
  { store, file, signal }: Place,
): Promise<ObtainedToken> {
  let outcome: Outcome = 'still valid'
  const { minTimeLeft, force = false } = flags
  const { client, metadata, scope } = await clientOf(settings, store, signal)
  const { audience } = settings
  const flow = {
    scope,
    ...(audience.length > 0 && { audience }),
    ...(minTimeLeft !== undefined && { minTimeLeft }),
    store: storeOf(store, file, settings, force),
    storeKey: 'login',
    signal,
    onToken: () => {
      if (outcome === 'still valid') outcome = 'renewed'
    },
  }
  const asked = () => (outcome = 'logged in')
  const source = mayAsk(flags) ? interactive() : refreshToken(client, flow)
  const { access_token: text } = await source.getTokenResponse()
  return { text, outcome, name: settings.issuer ?? metadata.issuer ?? '' }

  function interactive(): OAuthTokenSource {
    if (!usesBrowser(flags, metadata))
      return deviceCode(client, {
        ...flow,
        prompt: ({ verificationUri, verificationUriComplete, userCode }) => {
          asked()
          printPage(verificationUri, userCode, verificationUriComplete)
        },
      })
    // Without a preset nothing is known about the server; OpenID Connect requires this for a refresh token.
    const isConsentRequired = settings.preset === undefined && scope.includes(OFFLINE_ACCESS)
    return authorizationCode(client, {
      ...flow,
      ...(isConsentRequired && { loginParams: { prompt: 'consent' } }),
      open: (url) => {
        asked()
        openPage(url)
      },
    })
  }
}

/** Whether the user can be asked. */
function mayAsk({ input }: LoginFlags): boolean {
  return input && process.stdin.isTTY && process.stderr.isTTY
}

function usesBrowser(
  { web, device }: LoginFlags,
  {
    authorization_endpoint: page,
    device_authorization_endpoint: codes,
  }: { readonly [name: string]: unknown },
): boolean {
  if (web || device) return Boolean(web)
  if (page === undefined || codes === undefined) return codes === undefined
  return hasBrowser()
}

/** The error where a login is required and the user cannot be asked. */
function asNeedsLogin(error: unknown, { input }: LoginFlags): unknown {
  const refusal = isRefused(error, 'invalid_grant', 'invalid_token', '') ? [error.message] : undefined
  const isOver = error instanceof IgwnAuthError && error.code === 'ERR_IGWN_TOKEN_NOT_FOUND'
  if (!refusal && !isOver) return error
  const why = input ? 'there is no terminal' : '--no-input is set'
  return new CommandError(EXIT.refused, `a login is required and cannot be started: ${why}`, {
    lines: refusal ?? (error as IgwnAuthError).reasons.map(({ message }) => message),
    fixes: ['run igwn-auth login with the same options on a terminal, once; later runs renew the token'],
  })
}

function readToken(text: string, file: string, server: string): SciToken {
  const token = SciToken.read(text, pathName(file))
  if (token) return token
  throw new CommandError(
    EXIT.refused,
    `the token of ${printable(server)} is opaque, not a JWT, so that requests cannot select it; it was not written`,
    { fixes: ['name the service it is for: --audience URL'] },
  )
}

/** Returns what the token lacks of what was asked for: some servers ignore that. An expired one is an error. */
function validate(
  token: SciToken,
  { issuer, audience, scope }: LoginSettings,
  server: string,
): string | undefined {
  const withoutSlash = (text = '') => text.replace(/\/$/, '')
  // Servers and their users disagree about the slash at the end.
  const isSame = withoutSlash(token.issuer) === withoutSlash(issuer)
  const wanted = {
    ...(issuer !== undefined && isHttpUrl(issuer) && !isSame && { issuer }),
    audience,
    scope: scope.filter((one) => !SCOPES_OF_LOGINS.includes(one)),
  }
  const problem = validateClaims(token, requirementsOf({ ...wanted, minTimeLeft: 0 }))
  if (!problem) return undefined
  const text = `the token of ${printable(server)} ${problem.message}`
  if (problem.code !== 'expired') return text
  throw new CommandError(EXIT.refused, `${text}; it was not written`, {
    fixes: ['check the clock of this host, then igwn-auth login --force'],
  })
}

/** OpenID Connect Core 1.0 sections 5.4 and 11: a token does not name them. */
const SCOPES_OF_LOGINS = ['openid', 'profile', 'email', 'address', 'phone', OFFLINE_ACCESS]

/** Writes a token where discovery finds it. Another user's file is refused, and a reader never sees half of it. */
async function write(token: SciToken, file: string): Promise<void> {
  const name = pathName(file)
  try {
    await writeTextFile(file, `${token.serialize()}\n`)
  } catch (error) {
    if (!(error instanceof FileAccessError)) throw fileError(EXIT.unwritable, name, error)
    throw new CommandError(EXIT.unwritable, `${name} ${failureText(error, 'written')}`, {
      fixes: ['name another file: --output FILE'],
    })
  }
}

const OUTCOMES: Readonly<Record<Outcome, string>> = {
  'logged in': 'Logged in at',
  renewed: 'Renewed the token of',
  'still valid': 'Still logged in at',
}

function textOf(
  token: SciToken,
  { outcome, name: server, warning }: Omit<ObtainedToken, 'text'> & { readonly warning: string | undefined },
  { json: isJson }: LoginFlags,
): string {
  if (isJson) return json({ outcome, server, ...(warning !== undefined && { warning }), ...dataOf(token) })
  const { width, paint } = terminalOf(process.stdout)
  const title = `${OUTCOMES[outcome]} ${printable(server)}`
  return table([paint('bold', title), ['file', printable(token.source ?? '')], ...summaryRows(token)], width)
}

/** Other locations may come before the file. */
function warnOfOthers(token: SciToken, file: string): void {
  const found = describeTokens(requirementsOf({}), processEnvironment)
  const first = found.find(({ verdict }) => verdict === 'usable')
  if (first === undefined || isAt(first.source, token)) return
  const isListed = found.some(({ source }) => isAt(source, token))
  const fix = isListed ? `unset or remove it` : `set BEARER_TOKEN_FILE=${shellWord(file)}`
  warn(`requests send the token from ${printable(first.source)}, which is found first; ${fix}`)
}

/** A source is a path, perhaps followed by the variable that names it. */
function isAt(source: string, { source: file = '' }: SciToken): boolean {
  return source === file || source.startsWith(`${file} (`)
}
