import { processEnvironment } from '../environment'
import type { Finding } from '../explain/finding'
import { LOG_IN } from '../formats/log-in-command'
import { describeNetrcFile } from '../netrc/describe-netrc'
import { pathName, sanitize } from '../secrets/sanitize'
import { describeTokens } from '../tokens/describe-token'
import { requirementsOf } from '../tokens/validate-claims'
import { CREATE_PROXY, describeCertificates } from '../x509/describe-certificates'
import { asCommandError, CommandError, EXIT } from './errors'
import { credentialsText } from './findings-text'
import { json } from './format'
import { terminalOf } from './terminal'

export interface StatusFlags {
  readonly json?: boolean
}

/** A credential, and what gets the next one. */
interface Credential {
  readonly finding: Finding
  readonly renewal?: string | undefined
}

/** `igwn-auth status`: lists every credential on this host, until when it is valid, and what can renew it. Uses no network. */
export async function statusCommand(flags: StatusFlags): Promise<number> {
  const found = await credentials().catch((error: unknown) => {
    throw asCommandError(error)
  })
  const isUsable = found.some(({ finding }) => finding.verdict === 'usable')
  const data = { credentials: found.map(({ finding, renewal }) => ({ ...finding, renewal })) }
  const text = credentialsText(found, terminalOf(isUsable ? process.stdout : process.stderr))
  if (isUsable) {
    process.stdout.write(`${flags.json ? json(data) : text}\n`)
    return EXIT.ok
  }
  throw new CommandError(
    EXIT.refused,
    found.length > 0 ? 'no usable credential found' : 'no credential found',
    {
      lines: found.length > 0 ? ['', ...text.split('\n'), ''] : [],
      fixes: [LOG_IN, `${CREATE_PROXY}, for a certificate`],
      data,
    },
  )
}

async function credentials(): Promise<Credential[]> {
  const tokens = describeTokens(requirementsOf({}), processEnvironment)
  const certificates = describeCertificates(undefined, {}, processEnvironment)
  const netrc = describeNetrcFile(processEnvironment)
  const all = [...tokens, ...certificates, ...(netrc ? [netrc] : [])]
  const present = all.filter(({ verdict }) => verdict !== 'absent')
  return Promise.all(present.map(async (finding) => ({ finding, renewal: await renewalOf(finding) })))
}

async function renewalOf({ kind, source }: Finding): Promise<string | undefined> {
  if (kind === 'certificate') return CREATE_PROXY
  if (kind !== 'token') return undefined
  if (source.includes('(_CONDOR_CREDS)')) return 'HTCondor, while the job runs'
  if (!source.includes('/')) return 'none: a variable holds it'
  const [, file = source] = /^(.*?)(?: \(\w+\))?$/.exec(source) ?? []
  const { loginFile, loginStore, savedLogin } = await import('./saved-logins')
  const saved = await savedLogin(loginStore(), file)
  if (saved?.refresh_token !== undefined)
    return `${LOG_IN}, with the refresh token of ${sanitize(saved.login.issuer ?? '')} in ${pathName(loginFile())}`
  const { vaultTokenFile } = await import('./vault-options')
  const vaultToken = vaultTokenFile()
  const { isDevice, readLine } = await import('../vault/files')
  return !isDevice(vaultToken) && 'text' in readLine(vaultToken)
    ? `${LOG_IN} or htgettoken, with the Vault token in ${pathName(vaultToken)}`
    : `${LOG_IN}, with a new login`
}
