import type { Challenge } from '../formats/www-authenticate'
import { CREATE_PROXY } from '../x509/describe-certificates'
import type { Finding, FindingKind } from './finding'
import { schemeName } from './summary'

/** What refused a request: the challenges of the server (none, if it gave no reason), or what ended the connection. */
export type RefusalCause =
  readonly Challenge[] | 'client-certificate' | 'server-certificate' | 'network-proxy'

/** Leaves out the fixes for credentials that the server did not request, and adds those for what it requested. */
export function withRefusalFixes(findings: readonly Finding[], cause: RefusalCause, host: string): Finding[] {
  if (cause === 'server-certificate') return fixesOfKinds(findings, [])
  if (cause === 'network-proxy') return [networkProxy(host), ...fixesOfKinds(findings, [])]
  if (cause === 'client-certificate')
    return withProxyFix(fixesOfKinds(findings, ['request', 'ca', 'certificate']))
  if (cause.length === 0) return [...findings]
  const schemes = new Set(cause.map(({ scheme }) => scheme))
  const kinds: FindingKind[] = ['request', 'ca', 'certificate', 'scheme']
  if (schemes.has('bearer')) kinds.push('token')
  if (schemes.has('basic')) kinds.push('basic')
  const kept = fixesOfKinds(findings, kinds)
  const others = schemes.has('bearer') ? [] : [...schemes].filter((scheme) => !BUILT_IN.has(scheme))
  return [...(schemes.has('basic') ? withBasicFix(kept, host) : kept), ...others.map(notBuiltIn)]
}

function fixesOfKinds(findings: readonly Finding[], kinds: readonly FindingKind[]): Finding[] {
  return findings.map((finding) => (kinds.includes(finding.kind) ? finding : { ...finding, fix: undefined }))
}

/** Where there is no usable certificate and no fix for one that was skipped. */
function withProxyFix(findings: readonly Finding[]): Finding[] {
  const isCertificate = ({ kind }: Finding) => kind === 'certificate'
  const last = findings.map(({ kind }) => kind).lastIndexOf('certificate')
  const isDecided = findings.some(
    (finding) => isCertificate(finding) && (finding.verdict === 'selected' || finding.fix !== undefined),
  )
  return findings.map((finding, index) =>
    index === last && !isDecided ? { ...finding, fix: CREATE_PROXY } : finding,
  )
}

function withBasicFix(findings: readonly Finding[], host: string): Finding[] {
  const first = findings.findIndex(({ kind }) => kind === 'basic')
  return findings.map((finding, index) => {
    if (finding.kind !== 'basic' || finding.fix !== undefined) return finding
    const fix = basicFix(finding, host, index === first)
    return fix === undefined ? finding : { ...finding, fix }
  })
}

function basicFix({ verdict, source }: Finding, host: string, isFirst: boolean): string | undefined {
  switch (verdict) {
    case 'selected':
      return `correct the username or the password for ${host} in ${source}`
    case 'usable':
      return `send no token (token: false, --no-token): then the username and password of ${source} are sent`
    case 'absent':
      return isFirst
        ? `add the line "machine ${host} login USERNAME password PASSWORD" to ${source}, of mode 0600`
        : undefined
    default:
      return undefined
  }
}

function networkProxy(host: string): Finding {
  return {
    kind: 'request',
    source: 'the network proxy',
    verdict: 'active',
    message: `a network proxy is between this host and ${host}`,
    fix: `put the username and the password of the network proxy into its URL (HTTPS_PROXY, HTTP_PROXY or the proxy option), or name ${host} in NO_PROXY`,
  }
}

/** Bearer and Basic; DPoP and OAuth 1 need a scheme of this package. */
const BUILT_IN: ReadonlySet<string> = new Set(['bearer', 'basic', 'dpop', 'oauth'])

function notBuiltIn(scheme: string): Finding {
  const name = schemeName(scheme)
  const what = scheme === 'negotiate' ? `${name} (Kerberos)` : name
  return {
    kind: 'scheme',
    source: name,
    verdict: 'absent',
    code: 'unsupported',
    message: `the server accepts ${what} authentication, which is not built in`,
    fix: `write a scheme for ${what}, which is not built in: ${WRITE_A_SCHEME}`,
  }
}

const WRITE_A_SCHEME = 'docs/write-a-scheme.md in https://www.npmjs.com/package/axios-igwn-auth'
