import type { IgwnAuthOptions } from '../options'
import { lookUpNetrc } from './find-netrc-credentials'
import type { Surroundings } from '../environment'
import { findingFor, type Finding } from '../explain/finding'
import { mendFile } from '../explain/fixes'

/** What netrc has for the host of a URL, and what is wrong with its files. */
export function examineLogins(url: URL, { netrc }: IgwnAuthOptions, surroundings: Surroundings): Finding[] {
  const option = typeof netrc === 'string' ? { netrc } : {}
  const { credentials, source = 'netrc', isDefault, reasons } = lookUpNetrc(url, option, surroundings)
  const findings = reasons.map((reason) =>
    findingFor('login', reason, { mend: mendFile({ code: reason.code, path: pathIn(reason.source) }) }),
  )
  if (!credentials) return findings
  const { username } = credentials
  const entry = isDefault ? 'its default entry' : 'an entry'
  const message = `${source} has ${entry} for ${url.hostname}`
  return [...findings, { kind: 'login', source, verdict: 'satisfies', message, login: { username } }]
}

/** The name of a netrc file is its path, and behind it what named it. */
function pathIn(source: string): string {
  return source.replace(/ \((?:NETRC|netrc option)\)$/, '')
}
