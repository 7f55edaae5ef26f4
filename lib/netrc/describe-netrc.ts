import type { Environment } from '../environment'
import type { Finding } from '../explain/finding'
import { fileFix, findingFor } from '../files/describe-file'
import type { IgwnAuthOptions } from '../options'
import { netrcLookup } from './find-netrc-credentials'

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

/** The source is the path, followed by the variable or option that names it. */
function pathIn(source: string): string {
  return source.replace(/ \((?:NETRC|netrc option)\)$/, '')
}
