import { secondsNow, since } from '../clock'
import type { Ask, Reply } from './ask'
import { askDirector, directorUrl } from './director'
import { discoverFederation, type Federation } from './discovery'
import { scopesFor } from './object-scope'
import { parsePelicanHeaders, type ObjectServer, type PelicanHeaders } from './pelican-headers'
import { parsePelicanUrl, type PelicanUrl } from './pelican-url'

/** Where an object of a federation is, and which token it needs. */
export interface ResolvedObject extends PelicanHeaders {
  /** `pelican://federation/path`, whichever form was given. */
  readonly url: string
  /** The federation that has it. */
  readonly federation: Federation
  /** The path in the federation, percent-encoded. */
  readonly path: string
  /** The HTTP method for which it was resolved, in upper case; GET for HEAD, too. */
  readonly method: string
  /** The name of the token to use, as in `name+osdf:///path`; undefined for any. */
  readonly tokenName: string | undefined
  /** Scopes of which a token needs one: that of the WLCG profile and that of SciTokens. Empty where no issuer is known. */
  readonly scopes: readonly string[]
}

/** An object, and what the director responded. */
export interface Resolution {
  readonly object: ResolvedObject
  readonly reply: Reply
}

/** Resolves objects, and remembers them. */
export interface ObjectResolver {
  /** Resolves a URL. Concurrent calls for one object share a request. `ask` sends requests without a credential. */
  readonly resolve: (url: string, method: string, ask: Ask) => Promise<Resolution>
  /** What is remembered of a URL, at once; undefined where it has to be resolved. */
  readonly known: (url: string, method: string) => Resolution | undefined
  /** The federation of a URL. */
  readonly federationOf: (url: string, ask: Ask) => Promise<Federation>
  /** Puts a server that failed behind the others of its object. */
  readonly demote: (resolution: Resolution, server: ObjectServer) => void
  /** Forgets that an object is missing, once it was written. */
  readonly forgetMissing: (object: ResolvedObject) => void
  /** Remembers what the director responded to a token. It is not kept where the object has been resolved again since. */
  readonly replace: (resolution: Resolution, by: Resolution) => void
}

/** Seconds. A federation is kept as by the client of Pelican; a director ranks servers anew all the time. */
const KEEP_FEDERATION = 30 * 60
const KEEP_OBJECT = 5 * 60
const KEEP_FAILURE = 10

/**
 * A resolver with caches of its own.
 *
 * @param pause - waits for a director that restarts, in milliseconds
 */
export function objectResolver(pause?: (delay: number) => Promise<void>): ObjectResolver {
  const federations = timedCache<Federation>(() => KEEP_FEDERATION)
  const objects = timedCache<Resolution>(({ object }) =>
    object.servers.length > 0 ? KEEP_OBJECT : KEEP_FAILURE,
  )
  const discover = (host: string, ask: Ask) => federations.get(host, () => discoverFederation(host, ask))

  return {
    async resolve(url, anyMethod, ask) {
      const method = askedMethod(anyMethod)
      return objects.get(`${method} ${url}`, async () => {
        const { federation: host, ...object } = parsePelicanUrl(url)
        const federation = await discover(host, ask)
        const reply = await askDirector({ federation, object, method, ask, pause })
        return resolutionOf(federation, object, method, reply)
      })
    },
    known: (url, method) => objects.known(`${askedMethod(method)} ${url}`),
    federationOf: async (url, ask) => discover(parsePelicanUrl(url).federation, ask),
    demote({ object: { url, method } }, failed) {
      // By the object: other requests may have changed the order since.
      objects.update((known) => {
        const { object } = known
        const others = object.servers.filter((server) => server.url !== failed.url)
        const isConcerned = object.url === url && object.method === method
        if (!isConcerned || others.length === object.servers.length) return known
        return { ...known, object: { ...object, servers: [...others, failed] } }
      })
    },
    forgetMissing({ url }) {
      objects.update((known) => {
        const { object } = known
        return object.url === url && object.servers.length === 0 ? undefined : known
      })
    },
    replace(resolution, by) {
      objects.update((known) => (known === resolution ? by : known))
    },
  }
}

/** A director responds to both in the same way. */
function askedMethod(method: string): string {
  return method === 'HEAD' ? 'GET' : method
}

/** What a reply of the director says about an object. */
export function resolutionOf(
  federation: Federation,
  object: Omit<PelicanUrl, 'federation'>,
  method: string,
  reply: Reply,
): Resolution {
  const headers = parsePelicanHeaders(reply.headers)
  const isRefused = reply.status === 401 || reply.status === 403
  return {
    reply,
    object: {
      ...headers,
      requiresToken: headers.requiresToken || isRefused,
      servers: serversOf(federation, object, method, reply, headers),
      url: `pelican://${federation.host}${object.path}`,
      federation,
      path: object.path,
      tokenName: object.tokenName,
      method,
      scopes: headers.issuers.length > 0 ? scopesFor(object.path, method, headers) : [],
    },
  }
}

function serversOf(
  federation: Federation,
  object: Omit<PelicanUrl, 'federation'>,
  method: string,
  { status }: Reply,
  { servers, collectionsUrl }: PelicanHeaders,
): readonly ObjectServer[] {
  if (federation.director === undefined) {
    // It refuses the request that asked, because that had no token.
    const isNew = status === 404 && method === 'PUT'
    const isThere = status < 300 || status === 401 || status === 403 || isNew
    return isThere ? [{ url: directorUrl(federation, object), priority: 1 }] : []
  }
  if (status >= 400) return []
  if (method === 'PROPFIND' && servers.length === 0 && collectionsUrl !== undefined)
    return [{ url: `${collectionsUrl.replace(/\/$/, '')}${object.path}`, priority: 1 }]
  return servers
}

interface TimedCache<Value> {
  /** The value of a key, made unless it is there and not too old. */
  readonly get: (key: string, make: () => Promise<Value>) => Promise<Value>
  /** The value of a key that is there and not too old. */
  readonly known: (key: string) => Value | undefined
  /**
   * Replaces the values that are there by what `change` makes of them, and drops those of which it makes undefined. A new value is
   * kept for as long as the old one would have been. If it is kept for longer, its time starts now.
   */
  readonly update: (change: (value: Value) => Value | undefined) => void
}

interface Entry<Value> {
  value: Promise<Value>
  /** The value, once it is there. */
  settled?: Value
  /** When it was made, and for how many seconds it is kept from then on. */
  at: number
  keep: number
}

/** @param keepFor - seconds for which a value is kept; failures are kept for {@link KEEP_FAILURE} */
function timedCache<Value>(keepFor: (value: Value) => number): TimedCache<Value> {
  const entries = new Map<string, Entry<Value>>()
  const fresh = (key: string) => {
    const entry = entries.get(key)
    return entry && since(entry.at) < entry.keep ? entry : undefined
  }

  return {
    known: (key) => fresh(key)?.settled,
    get(key, make) {
      const known = fresh(key)
      if (known) return known.value
      if (entries.size >= MAX_ENTRIES) entries.clear()
      const entry: Entry<Value> = { value: make(), at: secondsNow(), keep: Infinity }
      const settle = (keep: number) => Object.assign(entry, { at: secondsNow(), keep })
      entry.value.then(
        (value) => Object.assign(settle(keepFor(value)), { settled: value }),
        () => settle(KEEP_FAILURE),
      )
      entries.set(key, entry)
      return entry.value
    },
    update(change) {
      for (const [key, entry] of entries) {
        if (entry.settled === undefined) continue
        const changed = change(entry.settled)
        if (changed === entry.settled) continue
        if (changed === undefined) {
          entries.delete(key)
          continue
        }
        Object.assign(entry, { value: Promise.resolve(changed), settled: changed })
        const keep = keepFor(changed)
        if (keep > entry.keep) Object.assign(entry, { at: secondsNow(), keep })
      }
    },
  }
}

const MAX_ENTRIES = 1000
