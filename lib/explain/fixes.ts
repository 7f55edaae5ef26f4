import type { ReasonCode } from '../errors'
import { htgettokenFor } from '../tokens/find-sci-token'
import type { TokenRequirements } from '../tokens/validate-claims'
import { pathName } from '../secrets/sanitize'

/** What is known of a thing that will not do. */
interface Broken {
  readonly code: ReasonCode
  /** Its file, where it is in one. */
  readonly path?: string | undefined
  /** The variable that holds or names it. */
  readonly variable?: string | undefined
}

/** The command or the action that would give a token that satisfies, or take one that never will out of the way. */
export function tokenFix({ code, path, variable }: Broken, want: TokenRequirements): string | undefined {
  switch (code) {
    case 'expired':
    case 'audience':
    case 'issuer':
    case 'scope':
    case 'claim':
    case 'profile':
    case 'signature':
    case 'refused':
      return htgettokenFor(want)
    case 'malformed':
    case 'empty':
      // The default file is written anew; what a variable holds would still be there.
      return variable === undefined ? htgettokenFor(want) : `unset ${variable}`
    case 'not-yet-valid':
      return "wait, or set this machine's clock"
    case 'not-verified':
      return 'see that the issuer can be reached from here, or leave verify out'
    default:
      return fileFix({ code, path, variable })
  }
}

/** The same for a certificate. */
export function certificateFix(broken: Broken): string | undefined {
  switch (broken.code) {
    case 'expired':
    case 'broken-chain':
    case 'malformed':
    case 'empty':
    case 'refused':
      return 'grid-proxy-init, or voms-proxy-init -rfc'
    case 'key-mismatch':
      return 'give the certificate and the key that belong together'
    case 'passphrase':
      return 'set the passphrase option, or make a proxy: grid-proxy-init'
    case 'not-yet-valid':
      return "wait, or set this machine's clock"
    default:
      return fileFix(broken)
  }
}

/** What mends a file, whatever is in it. */
export function fileFix({ code, path, variable }: Broken): string | undefined {
  if (path === undefined) return undefined
  const name = pathName(path)
  switch (code) {
    case 'open-permissions':
      return `chmod 600 ${name}`
    case 'unreadable':
      return `make ${name} readable for this user${variable === undefined ? '' : `, or unset ${variable}`}`
    case 'foreign-owner':
      return `name a file of your own in ${variable ?? 'a variable'}; that one belongs to somebody else`
    case 'not-a-file':
    case 'too-large':
    case 'malformed':
    case 'empty':
      return outOfTheWay(path, variable)
    default:
      return undefined
  }
}

function outOfTheWay(path: string | undefined, variable: string | undefined): string | undefined {
  if (variable !== undefined) return `unset ${variable}`
  return path === undefined ? undefined : `rm ${pathName(path)}`
}
