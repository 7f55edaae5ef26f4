import type { Environment } from '../environment'
import type { Finding } from '../explain/finding'
import { permissionsOf } from '../files/access'
import { fileFix, findingFor } from '../files/describe-file'
import type { IgwnAuthOptions } from '../options'
import { sanitize } from '../secrets/sanitize'
import { netrcHosts, netrcLookup } from './find-netrc-credentials'

/** What the netrc file has for the host of a URL, and the problems of its files. Read at each call; nothing is kept. */
export function describeNetrc(
  url: URL,
  { netrc }: Pick<IgwnAuthOptions, 'netrc'>,
  environment: Environment,
): Finding[] {
  const lookUp = netrcLookup(environment)
  const named = typeof netrc === 'string' ? { netrc } : {}
  const { credentials, source = 'netrc', isDefault, reasons } = lookUp(url, named)
  const findings = reasons.map((reason) =>
    findingFor('basic', reason, { fix: fileFix({ code: reason.code, path: pathIn(reason.source) }) }),
  )
  if (!credentials) return findings
  const { username } = credentials
  const message = `${source} has ${isDefault ? 'a default entry, used' : 'an entry'} for ${url.hostname}`
  return [...findings, { kind: 'basic', source, verdict: 'usable', message, basic: { username } }]
}

/** The netrc file of this user, whatever the host; undefined when there is none. */
export function describeNetrcFile(environment: Environment): Finding | undefined {
  const { source, hosts, problem } = netrcHosts(environment)
  if (source === undefined) return undefined
  const path = pathIn(source)
  if (problem) return findingFor('basic', problem, { fix: fileFix({ code: problem.code, path }) })
  const message =
    hosts.length === 0 ? `${source} has no entries` : `${source} has ${hosts.map(sanitize).join(', ')}`
  return {
    kind: 'basic',
    source,
    verdict: hosts.length === 0 ? 'skipped' : 'usable',
    message,
    permissions: permissionsOf(path),
  }
}

/** The source is the path, followed by the variable or option that names it. */
function pathIn(source: string): string {
  return source.replace(/ \((?:NETRC|netrc option)\)$/, '')
}
