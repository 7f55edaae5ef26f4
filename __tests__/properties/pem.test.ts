import fc from 'fast-check'
import { parsePem } from '../../lib/formats/pem'
import type { FileProblem } from '../../lib/files/read-file'
import { readPemFile, loadCredential } from '../../lib/x509/load-credential'
import { X509Credential } from '../../lib/x509/x509-credential'
import { createAuthority, type Authority, type Issued } from '../support/pki'
import { anyText, runs, SEEDED, textOf } from '../support/properties'

let authority: Authority
let alice: Issued
let proxy: Issued
let below: Issued

beforeAll(async () => {
  authority = await createAuthority()
  alice = await authority.issueUser()
  proxy = await authority.issueProxy(alice)
  below = await authority.issueProxy(proxy)
})

function load(text: string): X509Credential | FileProblem {
  const file = readPemFile(text, 'bundle.pem')
  if ('problem' in file) return file
  const pem = loadCredential(file, file, undefined, 'bundle.pem')
  return 'problem' in pem ? pem : new X509Credential({ cert: 'bundle.pem', source: 'bundle.pem' }, pem)
}

/** Text that people and programs leave between blocks; it starts no block. */
const between = textOf(
  ['\n', '\r\n', ' ', 'Bag Attributes', 'friendlyName: x', '-----', '- ', 'subject=/CN=x'],
  4,
).filter((text) => !/-{5} ?[BE]/.test(text))
const lineEnd = fc.constantFrom('\n', '\r\n', '\n\n', ' \n', '\t\r\n')

describe(`a bundle ${SEEDED}`, () => {
  // The blocks after the first certificate, by number, because the certificates are made later.
  const order = fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 })

  it('is the same credential in any order of the blocks after the first certificate', () => {
    fc.assert(
      fc.property(
        order,
        fc.array(between, { minLength: 6, maxLength: 6 }),
        lineEnd,
        fc.nat(4),
        (positions, gaps, end, keyAt) => {
          const rest = [proxy.certificate, alice.certificate, authority.certificate, proxy.certificate]
          const others = positions.map((position) => rest[position]!)
          const blocks = [below.certificate, ...others]
          blocks.splice(keyAt, 0, below.key) // at any position, also first
          const text = blocks
            .map((block, index) => (gaps[index] ?? '') + '\n' + block.replaceAll('\n', end))
            .join('')

          const credential = load(text)
          if ('problem' in credential) throw new Error(credential.what)
          expect(credential.pem()).toEqual({ cert: below.certificate + others.join(''), key: below.key })
          expect(credential.certificates[0]!.subject).toMatch(/CN=Alice Adams\/CN=\d+\/CN=\d+$/)
        },
      ),
      runs(20),
    )
  })

  it('without an issuer of its proxy is rejected in any order', () => {
    const missing = fc.constantFrom('proxy', 'alice')
    fc.assert(
      fc.property(order, missing, (positions, which) => {
        const rest = [
          which === 'proxy' ? '' : proxy.certificate,
          which === 'alice' ? '' : alice.certificate,
          authority.certificate,
          below.key,
        ]
        expect(load(below.certificate + positions.map((position) => rest[position]).join(''))).toMatchObject({
          problem: 'broken-chain',
        })
      }),
      runs(20),
    )
  })

  it('that is truncated is either the whole credential or rejected', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (share) => {
        const { bundle } = below
        const cut = bundle.slice(0, Math.floor(bundle.length * share))
        const credential = load(cut)
        if ('problem' in credential)
          expect(['empty', 'malformed', 'broken-chain']).toContain(credential.problem)
        else expect(credential.pem().cert).toBe(below.certificate + below.chain)
      }),
      runs(20),
    )
  })
})

describe(`any text ${SEEDED}`, () => {
  const pieces = textOf(
    [
      '-----BEGIN ',
      '-----END ',
      '-----',
      'CERTIFICATE',
      'PRIVATE KEY',
      'ENCRYPTED ',
      'MIIB',
      '\n',
      ' ',
      'é',
      '\0',
      '=',
      ':',
    ],
    20,
  )

  it('is parsed without an error, into blocks that parse the same again', () => {
    fc.assert(
      fc.property(pieces, (text) => {
        const blocks = parsePem(text)
        expect(parsePem(blocks.map((block) => block.text).join(''))).toEqual(blocks)
      }),
    )
  })

  it('is rejected without repeating it', () => {
    fc.assert(
      fc.property(fc.oneof(pieces, anyText(80)), (text) => {
        const outcome = load(text)
        const shown = JSON.stringify(outcome)
        expect('problem' in outcome && shown.length < 200 && !shown.includes('MIIB')).toBe(true)
      }),
    )
  })
})
