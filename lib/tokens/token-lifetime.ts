import path from 'node:path'
import { secondsNow } from '../clock'
import type { Environment } from '../environment'
import { duration } from '../formats/duration'
import { shellWord } from '../secrets/sanitize'
import { withIssuerOf } from './describe-token'
import { logInFor } from './find-sci-token'
import type { SciToken } from './scitoken'
import { MIN_TIME_LEFT, requirementsOf, type TokenRequirements } from './validate-claims'

/** What brings a new token before the last one expires. */
export type TokenRenewer = 'HTCondor' | 'htgettoken' | 'oidc-agent' | 'source' | 'schedule'

/** Whether a token is valid for as long as the work is expected to take. All numbers are seconds. */
export interface TokenLifetime {
  /** How long the work takes. */
  readonly expected: number
  /** Until the token expires; undefined where that is not known: no JWT, no `exp`, or a source that was not asked. */
  readonly timeLeft: number | undefined
  /** Whether the token, or one that replaces it in time, is valid until the work is done; undefined where that is not known. */
  readonly isEnough: boolean | undefined
  /**
   * What can bring the next token: `HTCondor` and a given `schedule` write it, a `source` is asked for it; `htgettoken` and
   * `oidc-agent` write it only when a user runs them. Undefined where the token is enough, and where nothing can replace it.
   */
  readonly renewer: TokenRenewer | undefined
  /** Until the next token is due at the latest; negative if it is overdue, undefined where no time is known. */
  readonly renewedIn: number | undefined
  /** One sentence, without a full stop. */
  readonly message: string
  /** What to do where it is not enough. */
  readonly fix: string | undefined
}

/** What is known of a token and of the work. */
export interface TokenUse {
  /** Undefined for a token that cannot be read, and for a source that was not asked. */
  readonly token: SciToken | undefined
  /** Where the token comes from: a variable, a file, an option. */
  readonly source: string
  /** Whether a token source returns it. Default is false. */
  readonly isOfSource?: boolean | undefined
  /** How long the work takes, in seconds. */
  readonly expected: number
  /** Seconds after which a program writes the next token at the latest. Default is the schedule of HTCondor for its files, else none. */
  readonly renewedEvery?: number | undefined
  /** What another token must have, for the fix. Default is the issuer of the token. */
  readonly requirements?: TokenRequirements | undefined
}

/**
 * Compares the time until a token expires with the time that the work takes. Where it expires first, says what will bring the next
 * one, and whether that is in time.
 */
export function tokenLifetime(use: TokenUse, environment: Environment): TokenLifetime {
  const { token, source, expected } = use
  const timeLeft = token?.timeLeft()
  const needed = `and is needed for ${duration(expected)}`
  if (timeLeft !== undefined && timeLeft >= expected)
    return {
      expected,
      timeLeft,
      isEnough: true,
      renewer: undefined,
      renewedIn: undefined,
      message: `${source} expires in ${duration(timeLeft)}, ${needed}`,
      fix: undefined,
    }
  const { isInTime, renewer, renewedIn, what, fix } = renewalOf(use, environment)
  const life =
    timeLeft === undefined
      ? 'has no expiry that is known'
      : timeLeft > 0
        ? `expires in ${duration(timeLeft)}`
        : `expired ${duration(-timeLeft)} ago`
  const isEnough = timeLeft === undefined ? undefined : isInTime
  return {
    expected,
    timeLeft,
    isEnough,
    renewer,
    renewedIn,
    message: `${source} ${life}, ${needed}; ${what}`,
    fix: isEnough === false ? fix : undefined,
  }
}

/** A transfer whose duration is to be compared with the lifetime of the token. */
export interface ExpectedTransfer {
  /** The size of the object in bytes. */
  readonly bytes: number
  /** Bytes per second. Default is 10,000,000. */
  readonly rate?: number | undefined
}

/** How long a transfer takes, in seconds. */
export function transferTime({ bytes, rate = 10_000_000 }: ExpectedTransfer): number {
  return bytes / rate
}

interface Renewal {
  readonly isInTime: boolean
  readonly renewer?: TokenRenewer
  readonly renewedIn?: number
  /** The end of the sentence. */
  readonly what: string
  readonly fix?: string
}

function renewalOf(use: TokenUse, environment: Environment): Renewal {
  const { token, source, isOfSource, renewedEvery, expected } = use
  const { env } = environment
  if (isOfSource)
    return { isInTime: true, renewer: 'source', what: 'the token source is asked for the next one' }
  const variable = /^\w+$/.exec(source)?.[0]
  const file = variable === undefined ? fileOf(source, environment) : undefined
  if (file === undefined)
    return {
      isInTime: false,
      what: `nothing replaces ${variable === undefined ? 'a token that is given' : 'a variable of a running process'}`,
      fix: 'name a file that a program renews in BEARER_TOKEN_FILE, or give a token source',
    }
  if (renewedEvery !== undefined)
    return scheduled('schedule', 'the program that renews it', scheduleOf(token, renewedEvery), token)
  if (isOfHTCondor(file, env)) {
    if (token?.expiresAt === undefined)
      return { isInTime: true, renewer: 'HTCondor', what: 'HTCondor replaces it' }
    const renewal = scheduled('HTCondor', 'HTCondor', htcondorSchedule(token, token.expiresAt), token)
    return {
      ...renewal,
      fix: 'ask the operator of the access point how often this credential is renewed, and how long it is valid',
    }
  }
  const { requirements = requirementsOf({}) } = use
  const wanted = token ? withIssuerOf(token, requirements) : requirements
  if (env.OIDC_SOCK)
    return {
      isInTime: false,
      renewer: 'oidc-agent',
      what: 'oidc-token writes the next one only when it is run again',
      fix: `(umask 077; oidc-token --time=${Math.ceil(expected)} ACCOUNT > ${shellWord(file)})`,
    }
  return {
    isInTime: false,
    renewer: 'htgettoken',
    what: 'igwn-auth login and htgettoken write the next one only when they are run again',
    fix: `${logInFor(wanted)} --no-input`,
  }
}

/** A renewer that writes the next token in a known number of seconds, at the latest. */
function scheduled(
  renewer: TokenRenewer,
  name: string,
  renewedIn: number,
  token: SciToken | undefined,
): Renewal {
  const isOverdue = renewedIn < 0
  const isInTime = !isOverdue && renewedIn <= (token?.timeLeft() ?? 0) - MIN_TIME_LEFT
  const when = isOverdue ? `${duration(-renewedIn)} ago` : `in ${duration(renewedIn)}`
  const what = isOverdue
    ? `${name} should have replaced it ${when}`
    : `${name} replaces it ${isInTime ? 'in time' : 'too late'}: at the latest ${when}`
  return {
    isInTime,
    renewer,
    renewedIn,
    what,
    fix: 'renew it more often, or request tokens with a longer lifetime',
  }
}

/** Seconds until the next token. A server may return one that it issued earlier: that one's age says nothing. */
function scheduleOf(token: SciToken | undefined, interval: number): number {
  const next = (issuedAt(token) ?? -Infinity) + interval - secondsNow()
  return next > 0 ? next : interval
}

/**
 * Seconds until HTCondor has the next token in the job. Its credential monitors renew a token at half of its lifetime; that for Vault
 * keeps at least 20 minutes. The job gets it within five minutes (SEC_CREDENTIAL_REFRESH).
 */
function htcondorSchedule(token: SciToken, expiresAt: number): number {
  const half = expiresAt - (expiresAt - (issuedAt(token) ?? -Infinity)) / 2
  return Math.max(half, expiresAt - VAULT_MARGIN) + REFRESH - secondsNow()
}

const VAULT_MARGIN = 20 * 60
const REFRESH = 5 * 60

/** `iat`, else `nbf`. */
function issuedAt(token: SciToken | undefined): number | undefined {
  const iat = token?.claims.iat
  return typeof iat === 'number' && Number.isFinite(iat) ? iat : token?.notBefore
}

/** The file of a source such as `/run/user/1000/bt_u1000` or `/home/me/token (BEARER_TOKEN_FILE)`; undefined for a given token. */
function fileOf(source: string, { env }: Environment): string | undefined {
  const [, shown, name = ''] = /^(.+) \((\w+)\)$/.exec(source) ?? []
  if (shown === undefined) return path.isAbsolute(source) ? source : undefined
  return name.endsWith('_FILE') ? (env[name] ?? shown) : shown
}

/** HTCondor names the files of a job `*.use`; a job may name one of them in BEARER_TOKEN_FILE. */
function isOfHTCondor(file: string, { _CONDOR_CREDS: folder }: Environment['env']): boolean {
  return folder !== undefined && folder !== '' && path.dirname(path.resolve(file)) === path.resolve(folder)
}
