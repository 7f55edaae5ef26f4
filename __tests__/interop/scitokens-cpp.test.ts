import { findSciToken, isValidToken, SciToken } from '../../lib/index'
import { emptyPlaces, now } from '../support/tokens'
import { createIssuer } from './support/issuer'
import {
  PROFILES,
  scitokensCpp,
  type Objection,
  type Profile,
  type ScitokensCpp,
} from './support/scitokens-cpp'

/**
 * Tokens checked by scitokens-cpp, which XRootD and HTCondor use, and by this package. scitokens-cpp protects a server; this
 * package selects the token to send. Where scitokens-cpp is stricter than some issuers, for example about claims that they
 * omit, the token is sent, and the server decides. Every difference is listed here with its reason. Version 0.7.3 (Debian 12).
 */
const issuer = createIssuer()
let cpp: ScitokensCpp
beforeAll(() => {
  cpp = scitokensCpp(issuer)
})
beforeEach(emptyPlaces)

const HERE = 'https://localhost'
const ELSEWHERE = 'https://elsewhere.example.org'

/** Whether this package finds a token suitable, without a minimum lifetime. */
const isGood = (token: string, audience?: string, scope?: string) =>
  isValidToken(token, { audience, scope, issuer: issuer.url, minTimeLeft: 0 })

const profileOf = (token: string) => SciToken.read(token)?.profile

describe.each(PROFILES)('a token of the profile %s, by scitokens-create', (profile) => {
  const KNOWN_AS: Record<Profile, string> = {
    scitokens1: 'scitoken:1.0',
    scitokens2: 'scitoken:2.0',
    wlcg: 'wlcg',
    atjwt: 'scitoken:1.0', // has no `ver`
  }
  const claims = { sub: 'albert', aud: HERE, scope: 'read:/data write:/scratch gracedb.read' }

  it('is found with its profile', async () => {
    process.env.BEARER_TOKEN = cpp.create(profile, claims)
    const found = await findSciToken({
      audience: HERE,
      scope: ['read:/data/f', 'gracedb.read'],
      issuer: issuer.url,
    })
    expect(found.profile).toBe(KNOWN_AS[profile])
    expect(found.subject).toBe('albert')
    expect(await cpp.verify(found.serialize())).toBeUndefined()
  })

  it.each<[scope: string, authorization: string, path: string, good: boolean]>([
    ['read:/data/f', 'read', '/data/f', true],
    ['read:/scratch', 'read', '/scratch', false],
    ['write:/scratch/x/y', 'write', '/scratch/x/y', true],
    ['write:/data', 'write', '/data', false],
    ['gracedb.read', 'gracedb.read', '', true],
    ['gracedb.write', 'gracedb.write', '', false],
  ])('has equal results for %s', async (scope, authorization, path, good) => {
    const token = cpp.create(profile, claims)
    expect(await cpp.testAccess(token, HERE, authorization, path)).toEqual(good ? undefined : DENIED)
    expect(isGood(token, HERE, scope)).toBe(good)
    expect(isGood(token, ELSEWHERE, scope)).toBe(false)
    expect(await cpp.testAccess(token, ELSEWHERE, authorization, path)).toEqual(expect.any(String))
  })

  const DENIED = expect.stringContaining('Access test failed') as string
})

it('WLCG scopes have equal results, under the names that scitokens-cpp uses', async () => {
  const NAMES = {
    'storage.read': ['read'],
    'storage.create': ['create', 'write'],
    'storage.modify': ['modify', 'write'],
    'storage.stage': ['storage.stage'],
    'compute.create': ['compute.create'],
    'compute.modify': ['compute.modify'],
    'compute.cancel': ['compute.cancel'],
  }
  const differences: string[] = []
  for (const [given, names] of Object.entries(NAMES)) {
    const token = issuer.mint({ ver: undefined, 'wlcg.ver': '1.0', aud: HERE, scope: `${given}:/data` })
    for (const asked of Object.keys(NAMES) as (keyof typeof NAMES)[]) {
      const ours = isGood(token, HERE, `${asked}:/data/f`)
      const [name = ''] = NAMES[asked]
      const theirs = (await cpp.testAccess(token, HERE, name, '/data/f')) === undefined
      expect([given, asked, theirs]).toEqual([given, asked, names.includes(name)])
      if (ours !== theirs) differences.push(`${given} for ${asked}`)
    }
  }
  // WLCG profile 1.3 section 2.2.1 calls each of these a superset of the other.
  expect(differences).toEqual(['storage.modify for storage.create', 'storage.stage for storage.read'])
})

describe('scopes and paths', () => {
  const SCOPES = [
    'read:/',
    'read:/data',
    'read:/data/',
    'read:/data/f',
    'read:/da',
    'read:/data//f',
    'read:/data/./f',
    'read:/d%61ta',
    'read:/data%2Ff',
    'read:~/a',
    'read:a',
    'read:',
    'read',
    'read:/Data',
    'READ:/data',
    'write:/data',
    'read:/other read:/data',
    ' read:/data  write:/x ',
    'read:/x\tread:/data',
    'read:/a:b',
  ]
  const PATHS = [
    '/',
    '/data',
    '/data/',
    '/data/f',
    '/data//f',
    '/data/./f',
    '/data/../etc',
    '/database',
    '/data%2Ff',
    '/a:b',
    'data',
    '',
  ]

  /** By reason and scope: the paths with different results. This package rejects all but the last. */
  const DIFFERENCES: Record<string, Record<string, string[]>> = {
    'WLCG profile 1.3 section 2.2.1 has whole segments, where it compares letters (later ones do not)': {
      'read:/data': ['/database', '/data%2Ff', 'data'],
      'read:/da': ['/data', '/data/', '/data/f', '/data//f', '/data/./f', '/database', '/data%2Ff', 'data'],
      'read:a': ['/a:b'],
      'read:/other read:/data': ['/database', '/data%2Ff', 'data'],
      ' read:/data  write:/x ': ['/database', '/data%2Ff', 'data'],
    },
    'a slash at the end makes a folder, of which a file of that name is none (section 2.2.1)': {
      'read:/data/': ['/data', '/database', '/data%2Ff', 'data'],
    },
    'what has a colon has a path, and an empty one is none (Python refuses such a token as well)': {
      'read:': PATHS,
    },
    'what is asked for must be a path, and those begin with a slash': {
      'read:/': ['data'],
      read: ['data'],
    },
    'RFC 3986 section 6.2.2.2 has "%61" and "a" for the same; we let the server decide': {
      'read:/d%61ta': ['/data', '/data/', '/data/f', '/data//f', '/data/./f'],
    },
  }

  it('have equal results, except for the listed differences', async () => {
    const differences: Record<string, string[]> = {}
    await Promise.all(
      SCOPES.map(async (scope) => {
        const token = issuer.mint({ scope })
        for (const path of PATHS) {
          const theirs = (await cpp.testAccess(token, HERE, 'read', path)) === undefined
          const ours = isGood(token, HERE, path === '' ? 'read' : `read:${path}`)
          if (ours !== theirs) (differences[scope] ??= []).push(path)
          if (ours && !theirs) expect(scope).toBe('read:/d%61ta')
        }
      }),
    )
    expect(differences).toEqual(Object.assign({}, ...Object.values(DIFFERENCES)))
  })

  it('with a parent segment make a token unsuitable here, as in later versions of scitokens-cpp', async () => {
    for (const scope of ['read:/data read:/x/../y', 'read:/data read:/%2e%2e/y']) {
      expect(isGood(issuer.mint({ scope }), HERE, 'read:/data')).toBe(false)
      expect(await cpp.testAccess(issuer.mint({ scope }), HERE, 'read', '/data')).toBeUndefined()
    }
  })
})

describe('claims', () => {
  type Question = 'verify' | 'here' | 'elsewhere'
  /** Claims, and which results differ: of scitokens-verify, and of scitokens-test-access for two audiences. */
  type Row = [what: string, token: string, differs?: Question[]]

  const ALWAYS: Question[] = ['verify', 'here', 'elsewhere']
  const WLCG = { ver: undefined, 'wlcg.ver': '1.0', aud: HERE, scope: 'storage.read:/data' }

  it.each<[why: string, rows: () => Row[]]>([
    [
      'equal results',
      () => [
        ['a SciToken for a server', issuer.mint({ aud: HERE })],
        ['a SciToken for several', issuer.mint({ aud: ['https://x.example.org', HERE] })],
        ['a SciToken for any', issuer.mint({ aud: 'ANY' })],
        ['a SciToken 2.0 without audience', issuer.mint({ aud: undefined })],
        ['a SciToken 1.0 for a server', issuer.mint({ ver: 'scitokens:1.0', aud: HERE })],
        ['a SciToken without version for a server', issuer.mint({ ver: undefined, aud: HERE })],
        ['a token of the type at+jwt', issuer.mint({ aud: HERE }, { header: { typ: 'at+jwt' } })],
        ['an RSA signature', issuer.mint({}, { algorithm: 'RS256' })],
        ['a version in the plural', issuer.mint({ ver: 'scitokens:2.0' })],
        ['a WLCG token', issuer.mint(WLCG)],
        ['a WLCG token for any', issuer.mint({ ...WLCG, aud: 'https://wlcg.cern.ch/jwt/v1/any' })],
        ['a WLCG token without audience', issuer.mint({ ...WLCG, aud: undefined })],
        ['a WLCG token with the audience "ANY" of SciTokens', issuer.mint({ ...WLCG, aud: 'ANY' })],
        ['a SciToken with the any-audience of WLCG', issuer.mint({ aud: 'https://wlcg.cern.ch/jwt/v1/any' })],
        ['a WLCG token of another major version', issuer.mint({ ...WLCG, 'wlcg.ver': '2.0' })],
        ['a WLCG token without scope', issuer.mint({ ...WLCG, scope: undefined })],
        ['an unknown claim', issuer.mint({ uid: 'albert' })],
        ['the same in a WLCG token', issuer.mint({ ...WLCG, uid: 'albert' })],
        ['an exp in the past', issuer.mint({ exp: now() - 5 })],
        ['no exp', issuer.mint({ exp: undefined })],
        ['an exp that is text', issuer.mint({ exp: String(now() + 600) })],
        ['an nbf in five minutes', issuer.mint({ nbf: now() + 300 })],
        ['no id', issuer.mint({ jti: undefined })],
        ['no subject', issuer.mint({ sub: undefined })],
        ['another issuer', createIssuer('https://localhost:1').mint()],
        ['no token at all', 'garbage'],
        ['something with dots', 'a.b.c'],
      ],
    ],
    [
      'in SciTokens 1.0, the audience is optional, and "ANY" is any audience',
      () => [
        ['1.0 for any', issuer.mint({ ver: 'scitokens:1.0', aud: 'ANY' }), ['here', 'elsewhere']],
        ['no version, for any', issuer.mint({ ver: undefined, aud: 'ANY' }), ['here', 'elsewhere']],
        [
          '1.0 without audience',
          issuer.mint({ ver: 'scitokens:1.0', aud: undefined }),
          ['here', 'elsewhere'],
        ],
        ['no version, no audience', issuer.mint({ ver: undefined, aud: undefined }), ['here', 'elsewhere']],
      ],
    ],
    [
      'the server decides about unknown versions; SciTokens issuers write the singular',
      () => [
        ['1.0 in the singular', issuer.mint({ ver: 'scitoken:1.0' }), ALWAYS],
        ['a minor version', issuer.mint({ ver: 'scitoken:2.1' }), ALWAYS],
        ['a major version', issuer.mint({ ver: 'scitoken:3.0' }), ALWAYS],
        ['a version that is a number', issuer.mint({ ver: 2 }), ALWAYS],
      ],
    ],
    [
      'WLCG says that a newer minor version must be accepted (section 2.1)',
      () => [['a minor version', issuer.mint({ ...WLCG, 'wlcg.ver': '1.2' }), ['verify', 'here']]],
    ],
    [
      'clocks differ, and issuers set nbf as early (WLCG section 4.3.1)',
      () => [['an nbf in 45 seconds', issuer.mint({ nbf: now() + 45 }), ALWAYS]],
    ],
    [
      'some issuers omit these claims, and some servers do not require them',
      () => [
        ['no nbf', issuer.mint({ nbf: undefined }), ALWAYS],
        ['no iat', issuer.mint({ iat: undefined }), ALWAYS],
        ['an unknown claim in 1.0', issuer.mint({ ver: undefined, aud: HERE, uid: 'x' }), ['here']],
        ['the older scp', issuer.mint({ scope: undefined, scp: ['read:/data'] }), ['here', 'elsewhere']],
      ],
    ],
    [
      'a SciToken 2.0 without a scope: scitokens-verify accepts it, scitokens-test-access refuses it; a list of scopes is accepted only here',
      () => [
        ['no scope', issuer.mint({ scope: undefined }), ['verify']],
        ['an empty scope', issuer.mint({ scope: '' })],
        ['a list of scopes', issuer.mint({ scope: ['read:/data'] }), ['here', 'elsewhere']],
        ['an audience that is a number', issuer.mint({ aud: 5 }), ['verify']],
      ],
    ],
    [
      'the signature is for the server to check, or for the option verify',
      () => [
        ['a forged signature', createIssuer().mint(), ALWAYS],
        ['no key named, where there are two', issuer.mint({}, { header: { kid: undefined } }), ALWAYS],
      ],
    ],
  ])('%s', async (_why, rows) => {
    for (const [what, token, differs = []] of rows()) {
      // scitokens-test-access treats the WLCG name for it as equal.
      const scope = profileOf(token) === 'wlcg' ? 'storage.read:/data/f' : 'read:/data/f'
      const ask: Record<Question, [ours: boolean, theirs: Objection]> = {
        verify: [isGood(token), await cpp.verify(token)],
        here: [isGood(token, HERE, scope), await cpp.testAccess(token, HERE, 'read', '/data/f')],
        elsewhere: [
          isGood(token, ELSEWHERE, scope),
          await cpp.testAccess(token, ELSEWHERE, 'read', '/data/f'),
        ],
      }
      const found = ALWAYS.filter((question) => ask[question][0] !== (ask[question][1] === undefined))
      expect([what, found]).toEqual([what, differs])
    }
  })
})
