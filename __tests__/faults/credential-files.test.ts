/** Faults of each kind of credential file, and their effect on a request. */
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import axios from 'axios'
import { netrcLookup } from '../../lib/netrc/find-netrc-credentials'
import { discovery } from '../../lib/tokens/discovery'
import { requirementsOf } from '../../lib/tokens/validate-claims'
import { x509Discovery } from '../../lib/x509/find-x509-credentials'
import { applyIgwnAuth, IgwnAuthError, type Reason } from '../support/all'
import { asOtherUser } from '../support/as-other-user'
import { createAuthority, type Authority, type Issued } from '../support/pki'
import { serve, type TestServer } from '../support/server'
import { emptyPlaces, mint, put, room, runtimeFile } from '../support/tokens'

let authority: Authority
let alice: Issued
let server: TestServer

beforeAll(async () => {
  authority = await createAuthority()
  alice = await authority.issueUser()
  const { certificate, key } = await authority.issueServer()
  server = await serve(() => ({}), { tls: { cert: certificate, key } })
})

const VARIABLES = ['BEARER_TOKEN_FILE', 'X509_USER_PROXY', 'NETRC', 'REQUESTS_CA_BUNDLE'] as const
type Variable = (typeof VARIABLES)[number]

beforeEach(() => {
  emptyPlaces()
  server.seen.length = 0
  for (const name of VARIABLES) delete process.env[name]
  // With an untrusted server, every TLS request would fail, whatever this bundle contains.
  process.env.REQUESTS_CA_BUNDLE = put(room('ca.pem'), authority.certificate)
})

/** The variable for each kind of file, and its valid content. */
const KINDS: [string, Variable, () => string][] = [
  ['a token', 'BEARER_TOKEN_FILE', () => mint({ aud: 'ANY' })],
  ['a certificate', 'X509_USER_PROXY', () => alice.bundle],
  ['a login', 'NETRC', () => 'machine 127.0.0.1 login albert password sesame\n'],
  ['an authority', 'REQUESTS_CA_BUNDLE', () => authority.certificate],
]

/** Faults: a function that causes one, and the code of the reason. */
const FAULTS: [string, (file: string, text: string) => void, string][] = [
  ['is missing', () => undefined, 'absent'],
  ['is below what is no folder', (file) => put(path.dirname(file), ''), 'absent'],
  ['is empty', (file) => put(file, ''), 'empty'],
  ['is a folder', (file) => fs.mkdirSync(file, { recursive: true }), 'not-a-file'],
  ['is a FIFO', (file) => makeFifo(file), 'not-a-file'],
  ['is a link to itself', (file) => link(file, file), 'unreadable'],
  ['is a link to a device', (file) => link('/dev/zero', file), 'not-a-file'],
  ['is far too large', (file) => put(file, '#'.repeat(4 * 1024 * 1024 + 1)), 'too-large'],
  ['is noise', (file) => put(file, Buffer.alloc(2000, 'f3c0ff00', 'hex').toString('latin1')), 'malformed'],
  ['is full of NUL', (file) => put(file, '\0'.repeat(5000)), 'malformed'],
  ['is truncated', (file, text) => put(file, text.slice(0, text.length * 0.4)), 'malformed'],
]

function makeFifo(file: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  execFileSync('mkfifo', ['-m', '600', file])
}

function link(target: string, file: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.symlinkSync(target, file)
}

const hasFifos = spawnSync('mkfifo', ['--help']).error === undefined

async function request(): Promise<unknown> {
  const instance = applyIgwnAuth(axios.create({ proxy: false }), { failIfNoAuth: true })
  return instance.get(server.origin).catch((error: unknown) => error)
}

/** Other expected codes: netrc ignores unknown words, and CAs may be in a folder. */
const ALSO: Partial<Record<Variable, Record<string, string>>> = {
  NETRC: {
    'is empty': 'absent',
    'is full of NUL': 'absent',
    'is noise': 'absent',
    'is truncated': 'empty',
  },
  REQUESTS_CA_BUNDLE: { 'is a folder': 'malformed' },
}

describe.each(KINDS)('the file of %s', (_kind, variable, content) => {
  it('is used when it is valid', async () => {
    process.env[variable] = put(room('folder/file'), content())
    if (variable === 'REQUESTS_CA_BUNDLE')
      process.env.BEARER_TOKEN_FILE = put(room('token'), mint({ aud: 'ANY' }))
    expect(await request()).toMatchObject({ status: 200 })
  })

  it.each(FAULTS.filter(([name]) => hasFifos || name !== 'is a FIFO'))(
    'that %s is reported before anything is sent, and is not used',
    async (fault, harm, code) => {
      const file = (process.env[variable] = room('folder/file'))
      harm(file, content())
      const error = (await request()) as IgwnAuthError
      expect(error).toBeInstanceOf(IgwnAuthError)
      expect(server.seen).toEqual([])
      // A named CA bundle must not be replaced silently by the default CAs.
      const isAuthority = variable === 'REQUESTS_CA_BUNDLE'
      expect(error.code).toBe(isAuthority ? 'ERR_IGWN_CA_UNUSABLE' : 'ERR_IGWN_NO_CREDENTIAL')
      expect(error.message).toContain(file)
      const codes = error.reasons.filter(({ source }) => source.startsWith(file)).map((reason) => reason.code)
      expect(codes).toContain(ALSO[variable]?.[fault] ?? code)
    },
  )
})

describe('unreadable files', () => {
  it('are reported with their location', () => {
    const file = put(room('closed/file'), 'x', 0o000)
    fs.chmodSync(path.dirname(file), 0o700)
    for (const name of VARIABLES) process.env[name] = file
    const codeOf = (reasons: readonly Reason[]) => reasons.find(({ source }) => source.startsWith(file))?.code
    expect(asOtherUser(() => codeOf(discovery()(requirementsOf({})).reasons))).toBe('unreadable')
    expect(asOtherUser(() => codeOf(x509Discovery()().reasons))).toBe('unreadable')
    expect(asOtherUser(() => codeOf(netrcLookup()('https://127.0.0.1').reasons))).toBe('unreadable')
  })

  it('are used as soon as they can be read', () => {
    const file = (process.env.BEARER_TOKEN_FILE = put(room('closed/file'), mint(), 0o000))
    fs.chmodSync(path.dirname(file), 0o700)
    const look = discovery()
    expect(asOtherUser(() => look(requirementsOf({})).token)).toBeUndefined()
    fs.chmodSync(file, 0o600)
    expect(look(requirementsOf({})).token?.source).toBe(`${file} (BEARER_TOKEN_FILE)`)
  })
})

describe('a full disk', () => {
  /** A write that the system cuts off at 1 KiB: the result is the same as on a full disk. */
  function writeOnFullDisk(file: string, text: string): number {
    const script = 'ulimit -f 1; trap "" XFSZ; exec cat > "$1"'
    const { status } = spawnSync('bash', ['-c', script, 'bash', file], { input: text })
    expect(status).not.toBe(0)
    return fs.statSync(file).size
  }

  it('leaves a truncated token, which is skipped, also when only its signature is truncated', async () => {
    const justTooLong = (length = 300): string => {
      const token = mint({ aud: 'ANY', sub: 'x'.repeat(length) })
      return token.length > 1024 ? token : justTooLong(length + 1)
    }
    for (const token of [mint({ aud: 'ANY', sub: 'x'.repeat(2000) }), justTooLong()]) {
      expect(writeOnFullDisk(runtimeFile(), token)).toBe(1024)
      const error = (await request()) as IgwnAuthError
      expect(error.reasons.find(({ source }) => source === runtimeFile())?.code).toBe('malformed')
      expect(server.seen).toEqual([])
    }
  })

  it('leaves an empty file, which is skipped', async () => {
    spawnSync('bash', ['-c', 'ulimit -f 0; trap "" XFSZ; exec cat > "$1"', 'bash', runtimeFile()], {
      input: mint(),
    })
    expect(fs.statSync(runtimeFile()).size).toBe(0)
    const error = (await request()) as IgwnAuthError
    expect(error.reasons.find(({ source }) => source === runtimeFile())?.code).toBe('empty')
  })
})
