import { IgwnAuthError } from '../errors'
import { pathName } from '../secrets/sanitize'
import { processEnvironment, variable, type Environment } from '../environment'
import { CA_BUNDLES, CA_FOLDER, findTrustedCas, trustedCasFinder } from './trusted-cas'
import type { Finding } from '../explain/finding'
import { findingFor } from '../files/describe-file'

/** What the environment says of the authorities that vouch for servers; nothing where it leaves that to Node.js. */
export function describeTrustedCas(environment: Environment): Finding[] {
  const { env } = environment
  const bundle = CA_BUNDLES.find((name) => variable(env, name) !== undefined)
  const findings: Finding[] = []
  if (bundle !== undefined) findings.push(inUse(bundle, 'replaces the roots of Node.js'))
  if (variable(env, CA_FOLDER) !== undefined) findings.push(inUse(CA_FOLDER, 'adds to the roots'))
  const [reason] = findings.length > 0 ? problems(environment) : []
  if (!reason) return findings
  return findings.map((finding) =>
    finding.source === reason.source
      ? findingFor('ca', reason, { fix: `unset ${nameIn(reason.source)}` })
      : finding,
  )

  function inUse(name: string, effect: string): Finding {
    const source = `${pathName(variable(env, name) ?? '')} (${name})`
    return { kind: 'ca', source, verdict: 'active', message: `${source} ${effect}` }
  }
}

function problems(environment: Environment): IgwnAuthError['reasons'] {
  try {
    const look = environment === processEnvironment ? findTrustedCas : trustedCasFinder(environment)
    look()
    return []
  } catch (error) {
    if (error instanceof IgwnAuthError) return error.reasons
    throw error
  }
}

function nameIn(source: string): string {
  return /\((\w+)\)$/.exec(source)?.[1] ?? CA_FOLDER
}
