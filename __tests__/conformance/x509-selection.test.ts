import { X509Certificate } from 'node:crypto'
import { x509Discovery } from '../../lib/x509/find-x509-credentials'
import { createAuthority, secondsFromNow, type Authority, type Dates, type Issued } from '../support/pki'
import {
  filledIn,
  furnish,
  itOnMachine,
  setVariables,
  usualNames,
  vectorFile,
  vectors,
  type GivenFile,
  type Names,
} from '../support/vectors'

const FILE = 'x509-selection.json'
/** One clock for all certificates, so that equal dates are in the same second. */
const NOW = Date.now()
const VARIABLES = ['X509_USER_CERT', 'X509_USER_KEY', 'X509_USER_PROXY']

interface Described {
  readonly kind: 'ca' | 'user' | 'proxy'
  readonly name?: string
  readonly signedBy?: string
  readonly notBefore: number
  readonly notAfter: number
  readonly limited?: boolean
  readonly pathLength?: number
  readonly voms?: boolean
}

/** The content of a file, block by block. */
type Part =
  | { readonly certificate: string }
  | { readonly key: string; readonly encrypted?: string }
  | { readonly text: string }

interface Machine {
  readonly env: Names
  readonly files: readonly GivenFile<readonly Part[]>[]
  readonly minTimeLeft?: number
  readonly passphrase?: string
}

interface Found {
  readonly credential: {
    readonly presents: string
    readonly cert: string
    readonly key?: string
    readonly chain?: readonly string[]
    readonly endsWith?: string
  } | null
  readonly skipped?: readonly string[]
  readonly warning?: string
}

const issued = new Map<string, Issued>()
const authorities = new Map<string, Authority>()
let authority: Authority

beforeAll(async () => {
  authority = await createAuthority()
  const { certificates = {} } = vectorFile(FILE)
  for (const [name, described] of Object.entries(certificates)) {
    const { kind, ...properties } = described as Described
    if (kind === 'ca')
      authorities.set(name, await createAuthority(properties.name, undefined, datesOf(properties)))
    else issued.set(name, await issue({ kind, ...properties }))
  }
})

afterAll(() => {
  for (const name of VARIABLES) delete process.env[name]
})

function datesOf({ notBefore, notAfter }: Pick<Described, 'notBefore' | 'notAfter'>): Dates {
  return { notBefore: secondsFromNow(notBefore, NOW), notAfter: secondsFromNow(notAfter, NOW) }
}

/** Issuers come first in the file. */
function issue({ kind, name, signedBy = '', notBefore, notAfter, ...options }: Described): Promise<Issued> {
  const dates = datesOf({ notBefore, notAfter })
  return kind === 'user'
    ? (authorities.get(signedBy) ?? authority).issueUser(name, dates)
    : authority.issueProxy(of(signedBy), { ...options, ...dates })
}

function of(name: string): Issued {
  const found = issued.get(name)
  if (!found) throw new Error(`there is no certificate ${name}`)
  return found
}

function pemOf(part: Part): string {
  if ('text' in part) return part.text
  if ('certificate' in part)
    return (
      part.certificate === 'CA' ? authority : (authorities.get(part.certificate) ?? of(part.certificate))
    ).certificate
  const { key, encrypted } = part
  return encrypted === undefined ? of(key).key : of(key).encryptedKey(encrypted)
}

for (const [name, machine, expected] of vectors<Machine, Found>(FILE, 'find')) {
  const { env, files, minTimeLeft, passphrase } = machine
  itOnMachine(name, files, () => {
    const names = usualNames()
    furnish(files, names, (parts) => parts.map(pemOf).join(''))
    setVariables(VARIABLES, env, names)
    const { credential, reasons, warning } = x509Discovery()({ minTimeLeft, passphrase })

    const codes = reasons.map(({ code }) => code).filter((code) => code !== 'absent')
    if (expected.skipped) expect(codes).toEqual(expected.skipped)
    expect(warning?.code).toBe(expected.warning)
    if (!expected.credential) {
      expect(credential).toBeUndefined()
      return
    }
    const { presents, cert, key, chain, endsWith = presents } = expected.credential
    expect(credential?.cert).toBe(filledIn(cert, names))
    expect(credential?.key).toBe(key === undefined ? undefined : filledIn(key, names))
    expect(credential?.pem().key).toBe(of(presents).key)
    const [leaf, ...issuers] = credential!.pem().cert.match(/-----BEGIN [^]*?-----END CERTIFICATE-----\n/g)!
    expect(leaf).toBe(of(presents).certificate)
    if (chain) expect(issuers).toEqual(chain.map((one) => of(one).certificate))
    const end = new X509Certificate(of(endsWith).certificate).validTo
    expect(credential?.expiresAt).toBe(Date.parse(end) / 1000)
  })
}
