import { decodeJwt } from '../../lib/formats/jwt'
import { igwnAuth, runtimeFile } from '../support/command'
import { emptyPlaces, mint, now, put } from '../support/tokens'

beforeEach(emptyPlaces)

it('shows what the chosen token says, and how long it lasts', async () => {
  put(runtimeFile(), mint({ scope: 'read:/frames write:/home', nbf: now() - 60 }))
  const { code, stdout, stderr } = await igwnAuth(['token'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(
    new RegExp(
      [
        `^${runtimeFile()}`,
        '  profile   scitoken:2.0',
        '  subject   albert.einstein',
        '  issuer    https://issuer.example.org',
        '  audience  https://x.example.org',
        '  scope     read:/frames',
        '            write:/home',
        '  begins    [-\\dT:]+Z, (?:60|6\\d) seconds ago',
        '  ends      [-\\dT:]+Z, in 59 minutes\n$',
      ].join('\n'),
    ),
  )
})

it('takes the first that satisfies what is asked for: scope, audience, issuer and life', async () => {
  process.env.BEARER_TOKEN = mint({ scope: 'read:/frames', aud: 'https://x.example.org', exp: now() + 300 })
  put(
    runtimeFile(),
    mint({ scope: 'write:/home', aud: 'https://y.example.org', iss: 'https://z.example.org' }),
  )
  const sourceFor = async (...words: string[]) => {
    const { stdout } = await igwnAuth(['token', '--json', ...words])
    return (JSON.parse(stdout) as { source: string }).source
  }
  expect(await sourceFor()).toBe('BEARER_TOKEN')
  expect(await sourceFor('--scope', 'write:/home')).toBe(runtimeFile())
  expect(await sourceFor('--audience', 'https://y.example.org')).toBe(runtimeFile())
  expect(await sourceFor('https://y.example.org/path')).toBe(runtimeFile())
  expect(await sourceFor('y.example.org')).toBe(runtimeFile())
  expect(await sourceFor('--issuer', 'https://z.example.org')).toBe(runtimeFile())
  expect(await sourceFor('--min-time-left', '600')).toBe(runtimeFile())
  delete process.env.BEARER_TOKEN
})

it('--decode prints the header and every claim, times also as people read them', async () => {
  const exp = now() + 3000
  put(runtimeFile(), mint({ exp, groups: ['/ligo', '/virgo'], 'odd\u001bname': 'x' }))
  const { stdout } = await igwnAuth(['token', '--decode'])
  expect(stdout).toMatch(/^header$/m)
  expect(stdout).toMatch(/^ {2}alg +ES256$/m)
  expect(stdout).toMatch(/^claims$/m)
  expect(stdout).toMatch(
    new RegExp(
      `^  exp +${exp} \\(${new Date(exp * 1000).toISOString().slice(0, 19)}Z, in 49 minutes\\)$`,
      'm',
    ),
  )
  expect(stdout).toMatch(/^ {2}groups +\["\/ligo","\/virgo"\]$/m)
  expect(stdout).toMatch(/^ {2}odd\?name +x$/m)
})

it('--json prints the same as data, with --decode header and claims too', async () => {
  const text = mint()
  put(runtimeFile(), text)
  const data = async (...words: string[]) =>
    JSON.parse((await igwnAuth(['token', '--json', ...words])).stdout) as object
  const plain = await data()
  expect(plain).toMatchObject({
    source: runtimeFile(),
    issuer: 'https://issuer.example.org',
    scopes: ['read:/frames'],
  })
  expect(plain).not.toHaveProperty('claims')
  expect(await data('--decode')).toMatchObject({ ...decodeJwt(text) })
})

it('--print prints the token itself, and nothing else', async () => {
  const text = mint()
  put(runtimeFile(), text)
  expect(await igwnAuth(['token', '--print'])).toMatchObject({ code: 0, stdout: `${text}\n`, stderr: '' })
})

it('says why there is none, one by one, and what mends it; exit code 1, and nothing on stdout', async () => {
  process.env.BEARER_TOKEN = 'garbage'
  put(runtimeFile(), mint({ exp: now() - 7300 }))
  for (const words of [[], ['--print'], ['--json']]) {
    const { code, stdout, stderr } = await igwnAuth(['token', '--scope', 'read:/frames', ...words])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^igwn-auth: no token satisfies\n {2}A token must give read:\/frames\.\n/)
    expect(stderr).toMatch(/^ +passed over {2}BEARER_TOKEN\n +holds no SciToken \(not a JWT\)$/m)
    expect(stderr).toMatch(/^ +expired 2 hours ago$/m)
    expect(stderr).toMatch(
      /^ +To mend it:\n +unset BEARER_TOKEN\n +htgettoken -a VAULT -i ISSUER --scopes=read:\/frames$/m,
    )
  }
  const { stderr } = await igwnAuth(['token', '--strict'])
  expect(stderr).toContain('igwn-auth: BEARER_TOKEN holds no SciToken')
  delete process.env.BEARER_TOKEN
})
