import { clearText, isClearText, readableOnTheWay } from './insecure-transport'
import type { Credentials, Purpose } from './context'
import { isStranger, wantedFor } from './token-requirements'

/**
 * A scheme of the options, which says what goes on a request when that leaves; undefined where there is none. It is for the
 * server that the request was made for, and does not go in clear unless it says that it may.
 */
export function byScheme(purpose: Purpose): Credentials | undefined {
  const { url, options, request } = purpose
  const { scheme, withholdToken = false, allowInsecureHttp = false } = options
  if (!scheme) return undefined
  if (withholdToken) return without(scheme.name, 'disabled', `${scheme.name} is withheld from this request`)
  if (isStranger(purpose))
    return without(scheme.name, 'not-needed', `${scheme.name} is for another server than ${url.host}`)
  if (!scheme.allowOverHttp && !allowInsecureHttp && isClearText(url, request.proxy))
    throw clearText(readableOnTheWay(url, `what ${scheme.name} puts on a request`))
  return { scheme, query: wantedFor(purpose, false), reasons: [] }
}

function without(source: string, code: 'disabled' | 'not-needed', message: string): Credentials {
  return { reasons: [{ code, source, message }] }
}
