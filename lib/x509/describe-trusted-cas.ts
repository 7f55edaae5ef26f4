import { IgwnAuthError } from '../errors'
import { pathName } from '../secrets/sanitize'
import { here, variable, type Surroundings } from '../environment'
import { BUNDLES, GRID_FOLDER, lookForTrust, trustFinder } from './trusted-cas'
import { findingFor, type Finding } from '../explain/finding'

/** What the environment says of the authorities that vouch for servers; nothing where it leaves that to Node.js. */
export function examineAuthorities(surroundings: Surroundings): Finding[] {
  const { env } = surroundings
  const bundle = BUNDLES.find((name) => variable(env, name) !== undefined)
  const findings: Finding[] = []
  if (bundle !== undefined) findings.push(inUse(bundle, 'replaces the roots of Node.js'))
  if (variable(env, GRID_FOLDER) !== undefined) findings.push(inUse(GRID_FOLDER, 'adds to the roots'))
  const [reason] = findings.length > 0 ? problems(surroundings) : []
  if (!reason) return findings
  return findings.map((finding) =>
    finding.source === reason.source
      ? findingFor('authorities', reason, { mend: `unset ${nameIn(reason.source)}` })
      : finding,
  )

  function inUse(name: string, effect: string): Finding {
    const source = `${pathName(variable(env, name) ?? '')} (${name})`
    return { kind: 'authorities', source, verdict: 'in-use', message: `${source} ${effect}` }
  }
}

function problems(surroundings: Surroundings): IgwnAuthError['reasons'] {
  try {
    const look = surroundings === here ? lookForTrust : trustFinder(surroundings)
    look()
    return []
  } catch (error) {
    if (error instanceof IgwnAuthError) return error.reasons
    throw error
  }
}

function nameIn(source: string): string {
  return /\((\w+)\)$/.exec(source)?.[1] ?? GRID_FOLDER
}
