import { variable, type Environment } from '../environment'
import { IgwnAuthError } from '../errors'
import type { Finding } from '../explain/finding'
import { findingFor } from '../files/describe-file'
import { pathName } from '../secrets/sanitize'
import { caBundleInUse, CA_FOLDER, trustedCasFinder } from './trusted-cas'

/** The variables that set which CAs servers are verified with; none where Node.js decides. Files are read at each call. */
export function describeTrustedCas(environment: Environment): Finding[] {
  const bundle = caBundleInUse(environment)
  const folder = variable(environment.env, CA_FOLDER)
  const [reason] = problems(environment)
  const active = (name: string, value: string, effect: string): Finding => {
    const source = `${pathName(value)} (${name})`
    if (reason?.source === source) return findingFor('ca', reason, { fix: `unset ${name}` })
    return { kind: 'ca', source, verdict: 'active', message: `${source} ${effect}` }
  }
  return [
    ...(bundle ? [active(bundle.name, bundle.value, 'replaces the roots of Node.js')] : []),
    ...(folder === undefined ? [] : [active(CA_FOLDER, folder, 'adds to the roots')]),
  ]
}

function problems(environment: Environment): IgwnAuthError['reasons'] {
  try {
    trustedCasFinder(environment)()
    return []
  } catch (error) {
    if (error instanceof IgwnAuthError) return error.reasons
    throw error
  }
}
