/**
 * The examples of the pages about OAuth 1, run against a server that verifies each signature.
 */
import fs from 'node:fs'
import path from 'node:path'
import axios from 'axios'
import { oauth1Flow, type OAuth1Options } from '../../lib/oauth1/index'
import { programExample, runExample, testExamples, type Example } from '../support/examples'
import { leadHosts } from '../support/redirect-hosts'
import { CLIENT, oauth1Server, type OAuth1Server } from '../support/oauth1-server'
import { createAuthority } from '../support/pki'
import { thrownBy } from '../support/thrown-by'
import { createHmac } from 'node:crypto'

const ROOT = path.join(__dirname, '../..')
const document = fs.readFileSync(path.join(ROOT, 'docs/oauth1.md'), 'utf8')
const folder = process.env.XDG_RUNTIME_DIR ?? ''
const VARIABLES = ['CLIENT_SECRET', 'TOKEN', 'TOKEN_SECRET']

let server: OAuth1Server
let end: () => void

beforeAll(async () => {
  const authority = await createAuthority()
  const { certificate: cert, key } = await authority.issueServer({ names: ['photos.example.org'] })
  server = await oauth1Server({
    tls: { cert, key },
    besides: { screen_name: 'albert' },
    methods: {
      'HMAC-SHA512': (base, secrets, signature) =>
        createHmac('sha512', secrets).update(base).digest('base64') === signature,
    },
    resource: (_, { client, token }) => ({
      body: JSON.stringify({ signedBy: token === undefined ? client : `${client} for a user` }),
    }),
    open: ['/public'],
  })
  end = leadHosts(server.port, authority.certificate)
  const { token, tokenSecret } = server.grant()
  Object.assign(process.env, { CLIENT_SECRET: CLIENT.secret, TOKEN: token, TOKEN_SECRET: tokenSecret })
})

afterAll(async () => {
  end()
  for (const name of VARIABLES) delete process.env[name]
  await server.close()
})

/** Functions that the examples use without defining them: they act as the user, who allows access. */
const globals = {
  ask: async (question: string) => server.decide(/https:\S+(?=,)/.exec(question)?.[0] ?? ''),
  openBrowser: (url: string) => void axios.get(server.decide(url)),
  allowAccess: (url: string) => {
    const back = new URL(server.decide(url))
    return back.pathname + back.search
  },
}

/** Tokens are random; the document shows the one of RFC 5849. */
const normal = (text: string) => text.replace(/oauth_token=\S+/, 'oauth_token=hh5s93j4hdidpola')

describe.each(['docs/oauth1.md', 'docs/oauth1-get-a-token.md'])('%s', (name) => {
  testExamples(name, () => ({
    async run(example: Example) {
      const slashTmp = path.join(folder, '..', 'slash-tmp')
      const printed = await runExample(example, { folder, slashTmp, normal, globals })
      const refused = example.heading === 'Errors' ? ['signature_invalid'] : []
      expect(server.problems.splice(0)).toEqual(refused)
      return printed
    },
  }))
})

it('the program oauth1.ts runs and prints what it shows', async () => {
  const example = programExample('oauth1.ts')
  /** The user opens the printed URL and allows access. */
  const visit = (text: string) => {
    const url = /^Open (\S+)/.exec(text)?.[1]
    if (url !== undefined) globals.openBrowser(url)
    return normal(text)
  }
  expect(
    await runExample(example, { folder, slashTmp: path.join(folder, '..', 'slash-tmp'), normal: visit }),
  ).toEqual(example.prints)
})

it('has one row for each option', () => {
  const error = thrownBy(() => oauth1Flow({ clientId: 'x', nonsense: 1 } as OAuth1Options)) as Error
  const options = /there are (.*)\.$/.exec(error.message)?.[1]?.split(', ')
  expect(rows('Options').sort()).toEqual(options?.sort())
})

it('has one row for each error code of OAuth 1', () => {
  const source = fs.readFileSync(path.join(ROOT, 'lib/errors.ts'), 'utf8')
  const codes = source.match(/ERR_IGWN_OAUTH1_\w+/g) ?? []
  expect(codes.length).toBeGreaterThan(3)
  expect(rows('Errors')).toEqual(expect.arrayContaining(codes))
})

/** The names in the first column of the table in a section. */
function rows(heading: string): string[] {
  const section = document.slice(document.indexOf(`\n## ${heading}\n`)).split('\n## ')[1] ?? ''
  return Array.from(section.matchAll(/^\| `(\w+)`/gm), ([, name = '']) => name)
}
