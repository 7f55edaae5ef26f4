import { IgwnAuthError, type Reason } from '../errors'
import { variable } from '../environment'
import { LOG_IN } from '../formats/log-in-command'
import { OAuthError, refusalOf } from '../oauth2/errors'
import { pathName, sanitize, shellWord } from '../secrets/sanitize'
import { tokenResponse } from '../stores/stored-token'
import type { StoredToken } from '../stores/token-store'
import { tokenText } from '../tokens/token'
import { browserLogin } from './browser-login'
import { isDevice, readLine, writeCredkey, writeLine } from './files'
import { kerberosToken } from './kerberos'
import { isVaultPath, type InteractiveVaultOptions } from './options'
import type { VaultAuth, VaultServer } from './server'
import type { Settings } from './settings'
import { sshAgent, SshAgentError, type AgentKey, type SshAgent } from './ssh-agent'

/** What a login may do, and what for. */
export interface LoginMode extends Pick<InteractiveVaultOptions, 'onPrompt' | 'loginTimeout'> {
  /** Register the keys of the SSH agent, after a login in a browser. */
  readonly registersKeys?: boolean | undefined
  /** Get a new Vault token, and no bearer token. */
  readonly onlyVaultToken?: boolean | undefined
}

/** What came of it. Secret. */
export interface Obtained {
  /** Undefined where only a Vault token was wanted. */
  readonly bearer: StoredToken | undefined
  readonly by: LoginMethod
  readonly credkey: string | undefined
}

/** How a token was obtained: with the Vault token of an earlier login, or with a new login. */
export type LoginMethod = 'vault token' | 'kerberos' | 'ssh agent' | 'browser'

/**
 * The sequence of htgettoken: the Vault token in its file, Kerberos, keys of an SSH agent, a browser. The first that gives a
 * token ends it. What does not apply, and what the server refuses, is a reason; a login that the server refuses after it was started
 * is an error, except that of an SSH key, which may be another one.
 *
 * It rejects with {@link IgwnAuthError} `ERR_IGWN_TOKEN_NOT_FOUND` if no step gave a token, with a reason for each; the codes
 * of {@link VaultServer} for a failed login; `ERR_IGWN_STORE_UNUSABLE` if a file cannot be written.
 */
export async function obtain(
  server: VaultServer,
  settings: Settings,
  { onPrompt, loginTimeout = 120_000, registersKeys = false, onlyVaultToken = false }: LoginMode,
): Promise<Obtained> {
  const { issuer, role, mayUse, vaultTokenFile, vaultTokenInFile, options, environment } = settings
  const isExchange = settings.scopes !== undefined || settings.audience !== undefined
  const reasons: Reason[] = []
  /** The last failure of the server. */
  let failure: OAuthError | undefined
  const agentKeys = registersKeys ? await keysToRegister() : []
  let credkey = settings.credkey ?? knownCredkey()

  if ((credkey !== undefined || onlyVaultToken) && !registersKeys) {
    const found =
      (await withVaultTokenOfFile()) ??
      (mayUse.kerberos ? await withKerberos() : undefined) ??
      (mayUse.ssh && credkey !== undefined ? await withSshAgent(credkey) : undefined)
    if (found) return found
  }
  return (await withBrowser()) ?? fail()

  function knownCredkey(): string | undefined {
    const found = readLine(settings.credkeyFile)
    if ('text' in found && isVaultPath(found.text)) return found.text
    const problem = 'text' in found ? { ...MALFORMED_CREDKEY, source: pathName(settings.credkeyFile) } : found
    reasons.push({ ...problem, message: `the credkey is not known: ${problem.message}` })
    return undefined
  }

  async function withVaultTokenOfFile(): Promise<Obtained | undefined> {
    const found = readLine(vaultTokenInFile)
    if ('code' in found) {
      reasons.push({ ...found, message: `Vault token: ${found.message}` })
      return undefined
    }
    const source = `the Vault token in ${pathName(vaultTokenInFile)}`
    let vaultToken = found.text
    if (isDevice(vaultTokenInFile)) {
      vaultToken = await childToken(vaultToken)
      await writeLine(vaultTokenFile, vaultToken)
      if (onlyVaultToken) return { bearer: undefined, by: 'vault token', credkey }
    } else if (onlyVaultToken || !(await isLongEnough(vaultToken, source))) return undefined
    const bearer = await readBearer(vaultToken, source, false)
    return bearer && { bearer, by: 'vault token', credkey }
  }

  async function isLongEnough(vaultToken: string, source: string): Promise<boolean> {
    if (settings.minTtl === 0) return true
    try {
      const { data } = await server.request({ path: 'auth/token/lookup-self', vaultToken })
      if (typeof data.ttl === 'number' && data.ttl >= settings.minTtl) return true
      const message = `${source} expires in ${Number(data.ttl)} seconds, before vaulttokenminttl`
      reasons.push({ code: 'expired', source, message })
    } catch (error) {
      reasons.push(reasonOf(error, source, 'was refused: it has expired, or was revoked'))
    }
    return false
  }

  async function withKerberos(): Promise<Obtained | undefined> {
    const source = 'Kerberos'
    const found = await kerberosToken(new URL(settings.alias).hostname, options.kerberos)
    if ('code' in found) {
      reasons.push({ code: found.code, source, message: `${source} ${found.problem}` })
      return undefined
    }
    const auth = await essential('The login with Kerberos failed', () =>
      logIn({ path: `${settings.kerberosPath}/login`, authorization: `Negotiate ${found.token}` }),
    )
    const user = typeof auth.metadata.user === 'string' ? ` as ${sanitize(auth.metadata.user)}` : ''
    return withLogin(auth, 'kerberos', `the login with Kerberos${user}`)
  }

  async function withSshAgent(name: string): Promise<Obtained | undefined> {
    const source = 'SSH agent'
    const agent = agentOf()
    const keys = await keysOf(agent).catch((error: unknown) => problemOfAgent(error))
    if ('code' in keys) {
      reasons.push(keys)
      return undefined
    }
    for (const [index, key] of keys.entries()) {
      const label = `key${index + 1}`
      const nonce = await nonceToSign(source)
      const auth = nonce && (await logInWithKey(agent, name, key, label, nonce))
      if (auth) return withLogin(auth, 'ssh agent', `the login with ${label} of the SSH agent`)
      if (!nonce) break
    }
    return undefined
  }

  async function nonceToSign(source: string): Promise<Buffer | undefined> {
    try {
      const { data } = await server.request({ path: `${settings.sshPath}/nonce` })
      if (isNonce(data.nonce)) return Buffer.from(data.nonce)
      reasons.push({
        code: 'failed',
        source,
        message: `${server.url} returned no nonce that is safe to sign`,
      })
    } catch (error) {
      reasons.push(reasonOf(error, source, `was not used: ${(error as Error).message}`))
    }
    return undefined
  }

  /** Undefined if this key cannot be used; the next one may be registered. */
  async function logInWithKey(
    agent: SshAgent,
    name: string,
    key: AgentKey,
    label: string,
    nonce: Buffer,
  ): Promise<VaultAuth | undefined> {
    const source = `${label} (${sanitize(key.type)}) of the SSH agent`
    try {
      const signature = await agent.sign(key, nonce)
      return await logIn({
        path: `${settings.sshPath}/login`,
        body: {
          role: name,
          public_key: publicKey(key, label),
          signature: signature.toString('base64'),
          nonce: nonce.toString('base64'),
          metadata: { issuer, group: role },
        },
      })
    } catch (error) {
      const isOfAgent = error instanceof SshAgentError
      reasons.push(
        isOfAgent
          ? { code: 'failed', source, message: `${source} cannot sign: it ${error.message}` }
          : reasonOf(error, source, `was refused${saidBy(error)}. Register it with registerssh`),
      )
      return undefined
    }
  }

  async function withBrowser(): Promise<Obtained | undefined> {
    if (!mayUse.oidc || !onPrompt) {
      const why = mayUse.oidc ? 'needs a user, and this is not interactive' : 'is switched off (nooidc)'
      reasons.push({ code: 'disabled', source: 'browser', message: `a login in a browser ${why}` })
      return undefined
    }
    const auth = await essential('The login in a browser failed', () =>
      browserLogin(server, settings, { onPrompt, loginTimeout }),
    )
    if (settings.credkey === undefined && typeof auth.metadata.credkey === 'string')
      credkey = auth.metadata.credkey
    if (credkey === undefined || !isVaultPath(credkey)) {
      if (!onlyVaultToken || registersKeys) throw incomplete('credkey')
    } else if (registersKeys) await registerKeys(credkey, auth.client_token)
    const vaultToken = await vaultTokenOf(auth)
    await writeLine(vaultTokenFile, vaultToken)
    if (onlyVaultToken || credkey === undefined) return { bearer: undefined, by: 'browser', credkey }
    if (settings.credkey === undefined) await writeCredkey(settings.credkeyFile, credkey)
    await storeRefreshToken(credkey, vaultToken, auth.metadata.oauth2_refresh_token)
    const bearer = await readBearer(vaultToken, 'the login in a browser')
    return bearer && { bearer, by: 'browser', credkey }
  }

  async function registerKeys(name: string, vaultToken: string): Promise<void> {
    const public_keys = agentKeys.map((key, index) => publicKey(key, `key${index + 1}`))
    await essential('The keys of the SSH agent cannot be registered', () =>
      server.request({ path: `${settings.sshPath}/role/${name}`, body: { public_keys }, vaultToken }),
    )
  }

  async function storeRefreshToken(name: string, vaultToken: string, refreshToken: unknown): Promise<void> {
    if (typeof refreshToken !== 'string') throw incomplete('oauth2_refresh_token')
    const what = `The refresh token cannot be stored for credkey ${name}, which may be of another user`
    await essential(what, () =>
      server.request({
        path: settings.secretPath(name),
        body: { server: issuer, refresh_token: refreshToken },
        vaultToken,
      }),
    )
  }

  /** With a new login: its Vault token is stored only if it gives what was wanted. */
  async function withLogin(auth: VaultAuth, by: LoginMethod, source: string): Promise<Obtained | undefined> {
    const vaultToken = await vaultTokenOf(auth)
    const bearer = onlyVaultToken ? undefined : await readBearer(vaultToken, source)
    if (!bearer && !onlyVaultToken) return undefined
    await writeLine(vaultTokenFile, vaultToken)
    return { bearer, by, credkey }
  }

  async function logIn(request: Parameters<VaultServer['request']>[0]): Promise<VaultAuth> {
    const { auth } = await server.request(request)
    if (auth) return auth
    throw new OAuthError('ERR_IGWN_OAUTH_RESPONSE', `${server.url} accepted the login without a Vault token.`)
  }

  /** The token of a login, or one that is valid for a shorter time and cannot register keys. */
  async function vaultTokenOf({
    client_token: token,
    policies,
    lease_duration: lease,
  }: VaultAuth): Promise<string> {
    const others = policies.filter((policy) => !policy.startsWith('sshregister'))
    const mayRegister = others.length < policies.length
    if (!mayRegister && lease !== undefined && lease <= settings.ttl) return token
    return childToken(token, mayRegister ? others : undefined)
  }

  async function childToken(vaultToken: string, policies?: readonly string[]): Promise<string> {
    const body = { ttl: `${settings.ttl}s`, renewable: 'false', ...(policies && { policies }) }
    const auth = await essential('No Vault token of the wanted lifetime', () =>
      logIn({ path: 'auth/token/create', body, vaultToken }),
    )
    return auth.client_token
  }

  /** Undefined, and a reason, if this Vault token gives none. */
  async function readBearer(
    vaultToken: string,
    source: string,
    isNew = true,
  ): Promise<StoredToken | undefined> {
    const path = settings.secretPath(credkey ?? '')
    try {
      const { data } = await server.request({
        path: isExchange ? path.replace('/creds/', '/sts/') : path,
        query: { minimum_seconds: settings.minsecs, scopes: settings.scopes, audiences: settings.audience },
        vaultToken,
      })
      if (typeof data.access_token === 'string')
        return tokenResponse({
          access_token: tokenText(data.access_token, `the token of ${server.url}`),
          token_type: 'Bearer',
          expires_at: data.expire_time,
        })
      reasons.push({
        code: 'malformed',
        source,
        message: `${source} was accepted, but the response has no token`,
      })
    } catch (error) {
      if (isExchange && /invalid_(?:scope|target)/.test(saidBy(error))) throw notToBeHad(error as OAuthError)
      reasons.push(reasonOf(error, source, bearerProblem(error, isNew)))
    }
    return undefined
  }

  /** What the refusal of a bearer token means, and which login changes it. */
  function bearerProblem(error: unknown, isNew: boolean): string {
    const { status } = error as OAuthError
    if (status === 404)
      return `was accepted, but Vault has no refresh token of ${credkey}: only a login in a browser stores one`
    if (status !== 403) return `got no bearer token: ${(error as OAuthError).message}`
    return isNew
      ? `was accepted, but its policies do not allow tokens of ${credkey}: it is the key of another user, or a login in a browser is needed`
      : 'was refused: it has expired, or its policies do not allow this token'
  }

  function notToBeHad({ status, errorDescription, message }: OAuthError): OAuthError {
    const wanted = [
      settings.scopes === undefined ? '' : `the scopes ${sanitize(settings.scopes)}`,
      settings.audience === undefined ? '' : `the audience ${sanitize(settings.audience)}`,
    ]
    return new OAuthError(
      'ERR_IGWN_OAUTH_REFUSED',
      `Vault refused a token with ${wanted.filter(Boolean).join(' and ')} for the role ${role} of ${issuer}: ${message} Another login does not change that.`,
      { error: 'invalid_scope', errorDescription, status, reasons },
    )
  }

  /** A refusal or no response, as a reason. What says that this is no Vault server, or was aborted, ends the sequence. */
  function reasonOf(error: unknown, source: string, problem: string): Reason {
    if (!(error instanceof OAuthError) || error.code === 'ERR_IGWN_OAUTH_RESPONSE') throw error
    failure = error
    const isRefusal = error.code === 'ERR_IGWN_OAUTH_REFUSED'
    return {
      code: isRefusal ? 'refused' : 'failed',
      source,
      message: `${source} ${isRefusal ? problem : `was not used: ${error.message}`}`.replace(/\.$/, ''),
    }
  }

  /** A step that has to succeed. */
  async function essential<T>(what: string, step: () => Promise<T>): Promise<T> {
    try {
      return await step()
    } catch (error) {
      if (!(error instanceof OAuthError)) throw error
      const { code, message } = error
      throw new OAuthError(code, `${what}: ${message} ${earlier()}`.trim(), { ...refusalOf(error), reasons })
    }
  }

  function earlier(): string {
    return reasons.length === 0 ? '' : `Before: ${sentences(reasons)}`
  }

  function incomplete(member: string): OAuthError {
    return new OAuthError(
      'ERR_IGWN_OAUTH_RESPONSE',
      `The login at ${server.url} has no valid ${member}. Check that it is configured as by htvault-config.`,
    )
  }

  function fail(): never {
    throw new IgwnAuthError(
      failure && failure.code !== 'ERR_IGWN_OAUTH_REFUSED' ? failure.code : 'ERR_IGWN_TOKEN_NOT_FOUND',
      `No token from ${server.url} for issuer ${issuer} and role ${role}. ${sentences(reasons)} To log in, run ${logInCommand(settings)} in a terminal.`,
      { reasons },
    )
  }

  function agentOf(): SshAgent {
    const socket = variable(environment.env, 'SSH_AUTH_SOCK')
    return socket === undefined ? NO_AGENT : sshAgent(socket, undefined, options.signal)
  }

  async function keysToRegister(): Promise<readonly AgentKey[]> {
    try {
      return await keysOf(agentOf())
    } catch (error) {
      const reason = problemOfAgent(error)
      throw new IgwnAuthError(
        'ERR_IGWN_TOKEN_NOT_FOUND',
        `No key can be registered: ${reason.message}. Start an agent, run ssh-add, and try again.`,
        { reasons: [reason] },
      )
    }
  }
}

const MALFORMED_CREDKEY = { code: 'malformed', message: 'it is not a name in Vault' } as const

async function keysOf(agent: SshAgent): Promise<readonly AgentKey[]> {
  const keys = await agent.keys()
  if (keys.length > 0) return keys
  throw new SshAgentError('has no keys')
}

function problemOfAgent(error: unknown): Reason {
  if (!(error instanceof SshAgentError)) throw error
  const message = `the SSH agent ${error.message}`
  return {
    code: /has no keys|is not running/.test(message) ? 'absent' : 'failed',
    source: 'SSH agent',
    message,
  }
}

const NO_AGENT: SshAgent = {
  keys: () => Promise.reject(new SshAgentError('is not running: SSH_AUTH_SOCK is not set')),
  sign: () => Promise.reject(new SshAgentError('is not running')),
}

/** As in `authorized_keys`. The comment is not that of the agent, which may be a path. */
function publicKey({ type, blob }: AgentKey, comment: string): string {
  return `${type} ${blob.toString('base64')} ${comment}`
}

function saidBy(error: unknown): string {
  return error instanceof OAuthError && error.errorDescription ? `: ${error.errorDescription}` : ''
}

function sentences(reasons: readonly Reason[]): string {
  return reasons.map(({ message }) => `${message.charAt(0).toUpperCase()}${message.slice(1)}.`).join(' ')
}

/** The command that logs in to the same server, issuer and role. */
export function logInCommand({ server, issuer, role }: Pick<Settings, 'server' | 'issuer' | 'role'>): string {
  const { protocol, hostname, port } = new URL(server)
  const vault = protocol === 'https:' && port === '8200' ? hostname : server
  const others = role === 'default' ? '' : ` --role ${role}`
  return `${LOG_IN} --vault ${shellWord(vault)} --issuer ${issuer}${others}`
}

/**
 * Short printable text, such as the UUID of the plugin. What else is signed with SSH keys, such as logins and git commits, has NUL
 * bytes: a server must not get signatures of that.
 */
function isNonce(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,256}$/.test(value)
}
