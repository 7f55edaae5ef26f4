import { variable, type Environment } from '../environment'
import type { Reason } from '../errors'
import type { Finding } from '../explain/finding'
import { findingFor } from '../files/describe-file'
import { pathName } from '../secrets/sanitize'
import { caBundleInUse, CA_FOLDER } from './trusted-cas'

/**
 * The variables that set which CAs servers are verified with; none where Node.js decides. No file is read: a bundle takes
 * 50 ms.
 *
 * @param reasons - those of the search for credentials, which ends when a bundle cannot be used
 */
export function describeTrustedCas(environment: Environment, reasons: readonly Reason[]): Finding[] {
  const bundle = caBundleInUse(environment)
  const folder = variable(environment.env, CA_FOLDER)
  const describe = (name: string, value: string, effect: string): Finding => {
    const source = `${pathName(value)} (${name})`
    const reason = reasons.find((one) => one.source === source)
    if (reason) return findingFor('ca', reason, { fix: `unset ${name}` })
    return { kind: 'ca', source, verdict: 'active', message: `${source} ${effect}` }
  }
  return [
    ...(bundle ? [describe(bundle.name, bundle.value, 'replaces the roots of Node.js')] : []),
    ...(folder === undefined ? [] : [describe(CA_FOLDER, folder, 'adds to the roots')]),
  ]
}
