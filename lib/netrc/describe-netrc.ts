import type { IgwnAuthOptions } from '../options'
import { lookUpNetrc } from './find-netrc-credentials'
import type { Environment } from '../environment'
import type { Finding } from '../explain/finding'
import { fileFix, findingFor } from '../files/describe-file'

/** What netrc has for the host of a URL, and what is wrong with its files. */
export function describeNetrc(url: URL, { netrc }: IgwnAuthOptions, environment: Environment): Finding[] {
  const option = typeof netrc === 'string' ? { netrc } : {}
  const { credentials, source = 'netrc', isDefault, reasons } = lookUpNetrc(url, option, environment)
  const findings = reasons.map((reason) =>
    findingFor('basic', reason, { fix: fileFix({ code: reason.code, path: pathIn(reason.source) }) }),
  )
  if (!credentials) return findings
  const { username } = credentials
  const entry = isDefault ? 'its default entry' : 'an entry'
  const message = `${source} has ${entry} for ${url.hostname}`
  return [...findings, { kind: 'basic', source, verdict: 'usable', message, basic: { username } }]
}

/** The name of a netrc file is its path, and behind it what named it. */
function pathIn(source: string): string {
  return source.replace(/ \((?:NETRC|netrc option)\)$/, '')
}
