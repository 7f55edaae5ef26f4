import { decodeJwt } from '../../lib/formats/jwt'
import { igwnAuth, runtimeFile } from '../support/command'
import { emptyPlaces, mint, now, put } from '../support/tokens'

beforeEach(emptyPlaces)

it('shows the claims of the selected token, and when it expires', async () => {
  put(runtimeFile(), mint({ scope: 'read:/frames write:/home', nbf: now() - 60 }))
  const { code, stdout, stderr } = await igwnAuth(['token'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(
    new RegExp(
      [
        `^${runtimeFile()}`,
        '  profile     scitoken:2.0',
        '  subject     albert.einstein',
        '  issuer      https://issuer.example.org',
        '  audience    https://x.example.org',
        '  scope       read:/frames',
        '              write:/home',
        '  valid from  [-\\dT:]+Z, (?:60|6\\d) seconds ago',
        '  expires     [-\\dT:]+Z, in 59 minutes\n$',
      ].join('\n'),
    ),
  )
})

it('selects the first token with the required scope, audience, issuer and lifetime', async () => {
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

it('--decode prints the header and all claims, with times as dates', async () => {
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

it('--json prints the same as JSON, with --decode header and claims too', async () => {
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

it('--print prints only the token', async () => {
  const text = mint()
  put(runtimeFile(), text)
  expect(await igwnAuth(['token', '--print'])).toMatchObject({ code: 0, stdout: `${text}\n`, stderr: '' })
})

it('lists why each token was skipped, and how to get one; exit code 1', async () => {
  process.env.BEARER_TOKEN = 'garbage'
  put(runtimeFile(), mint({ exp: now() - 7300 }))
  for (const words of [[], ['--print']]) {
    const { code, stdout, stderr } = await igwnAuth(['token', '--scope', 'read:/frames', ...words])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(
      /^igwn-auth: no suitable token found\n {2}Required of a token: scope read:\/frames\n/,
    )
    expect(stderr).toMatch(/^ +skipped {2}BEARER_TOKEN\n +\S.*JWT.*$/m)
    expect(stderr).toMatch(/^ +expired 2 hours ago$/m)
    expect(stderr).toMatch(
      /^ +To fix:\n +unset BEARER_TOKEN\n +igwn-auth login --vault VAULT --issuer ISSUER --scope=read:\/frames$/m,
    )
  }
  const { stderr } = await igwnAuth(['token', '--strict'])
  expect(stderr).toMatch(/^igwn-auth: BEARER_TOKEN .*JWT/)
  delete process.env.BEARER_TOKEN
})

it('--json prints a failure as JSON too', async () => {
  process.env.BEARER_TOKEN = 'garbage'
  const { code, stdout, stderr } = await igwnAuth(['token', '--json'])
  delete process.env.BEARER_TOKEN
  expect(code).toBe(1)
  expect(stderr).toContain('igwn-auth: no suitable token found')
  expect(JSON.parse(stdout)).toMatchObject({
    error: {
      exitCode: 1,
      message: 'no suitable token found',
      fixes: expect.arrayContaining(['unset BEARER_TOKEN']),
    },
    findings: expect.arrayContaining([
      expect.objectContaining({ source: 'BEARER_TOKEN', verdict: 'skipped', code: 'malformed' }),
    ]),
  })
})

it('--json has an integer timeLeft', async () => {
  put(runtimeFile(), mint())
  const { timeLeft } = JSON.parse((await igwnAuth(['token', '--json'])).stdout) as { timeLeft: number }
  expect(Number.isInteger(timeLeft)).toBe(true)
})

describe('--for', () => {
  it('says whether the token lasts; a warning, or an error with --strict', async () => {
    put(runtimeFile(), mint({ iat: now() }))
    const enough = await igwnAuth(['token', '--for', '30m', '--strict'])
    expect(enough).toMatchObject({ code: 0, stderr: '' })
    expect(enough.stdout).toMatch(/^ {2}lasts +yes: for 30 minutes$/m)
    const { code, stdout, stderr } = await igwnAuth(['token', '--for', '12h'])
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^ {2}lasts +no: for 12 hours$/m)])
    expect(stderr).toBe(
      `igwn-auth: warning: ${runtimeFile()} expires in 59 minutes, and is needed for 12 hours; igwn-auth login and htgettoken write the next one only when they are run again\n` +
        '  To fix: igwn-auth login --vault VAULT --issuer ISSUER --no-input\n',
    )
    expect(await igwnAuth(['token', '--for', '12h', '--strict'])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: stderr.replace('warning: ', ''),
    })
  })

  it('and --renewed-every count what renews the token', async () => {
    put(runtimeFile(), mint({ iat: now() }))
    const { code, stdout, stderr } = await igwnAuth([
      'token',
      '--for',
      '12h',
      '--renewed-every',
      '300s',
      '--json',
    ])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({
      lifetime: { expected: 43_200, isEnough: true, renewer: 'schedule', message: expect.any(String) },
    })
    const failed = await igwnAuth(['token', '--for', '12h', '--json', '--strict'])
    expect(JSON.parse(failed.stdout)).toMatchObject({
      error: { exitCode: 1 },
      lifetime: { isEnough: false, renewer: 'htgettoken' },
    })
  })

  it('is a duration, and --renewed-every needs it', async () => {
    put(runtimeFile(), mint())
    expect((await igwnAuth(['token', '--for', '1 week'])).stderr).toContain('such as 12h, 30m or 300s')
    expect(await igwnAuth(['token', '--renewed-every', '300'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--renewed-every needs --for'),
    })
  })
})
