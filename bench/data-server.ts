/** A federation in a process of its own, so that its time does not count. It ends with its parent. */
import { createFederation } from '../__tests__/support/federation'
import { createAuthority } from '../__tests__/support/pki'
import { checksum } from '../lib/formats/checksum'

/** Where its objects are. */
export interface ListeningFederation {
  /** `pelican://host` */
  readonly federation: string
  /** The origin of the first cache. */
  readonly cache: string
  /** The certificate of its CA, PEM. */
  readonly ca: string
}

const size = Number(process.argv[2])
const authority = await createAuthority()
const { certificate: cert, key } = await authority.issueServer()
const federation = await createFederation({ cert, key })
const large = Buffer.alloc(size, 'x')
const sum = checksum('adler32')
sum.update(large)
federation.objects.set('/igwn/frames/large', large)
// The digest that XRootD has.
for (const cache of federation.caches) cache.faults = { digest: `adler32=${sum.digest()}` }
process.on('disconnect', () => process.exit())
process.send?.({
  federation: `pelican://${federation.host}`,
  cache: federation.caches[0].origin,
  ca: authority.certificate,
} satisfies ListeningFederation)
