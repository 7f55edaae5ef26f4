import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { createAuthority, RSA } from '../support/pki'
import { put } from '../support/tokens'
import { caFolder } from './support/ca-folder'
import { createIssuer } from './support/issuer'
import { gridProxyInit, userFiles } from './support/proxies'
import { newFolder } from './support/room'
import { subjectOf } from './support/subject-of'
import { startXrootd, type Xrootd } from './support/xrootd'

/** The built package in programs of users. The other tests run the sources. */
const issuer = createIssuer()
let xrootd: Xrootd
const env: Record<string, string> = {}

beforeAll(async () => {
  const authority = await createAuthority('Interop CA', RSA)
  const alice = await authority.issueUser('Alice Adams')
  const certificates = caFolder(newFolder('certificates'), authority)
  xrootd = await startXrootd({
    authority,
    issuer,
    gridmap: { [subjectOf(alice.certificate)]: 'alice' },
    authorizations: ['u alice /grid rl'],
    files: { 'data/f.txt': 'secret data', 'grid/f.txt': 'grid data' },
  })
  const folder = newFolder('user')
  Object.assign(env, {
    PATH: process.env.PATH,
    HOME: folder,
    X509_CERT_DIR: certificates,
    X509_USER_PROXY: gridProxyInit(userFiles(alice), certificates),
    BEARER_TOKEN_FILE: put(path.join(folder, 'token'), issuer.mint({ aud: xrootd.origin })),
  })
})

const PROGRAM = `
const get = (file, igwnAuth) =>
  igwnAxios.create({ igwnAuth }).get(process.argv.at(-1) + file).then(({ data }) => data, ({ igwnAuth }) => igwnAuth.summary)
Promise.all([get('/data/f.txt', {}), get('/grid/f.txt', { token: false }), get('/grid/f.txt', { token: false, cert: false })])
  .then((results) => console.log(JSON.stringify(results)))
`

it.each([
  [
    'an ES module',
    ['--input-type=module', '--eval', `import { igwnAxios } from 'axios-igwn-auth'${PROGRAM}`],
  ],
  [
    'CommonJS',
    ['--input-type=commonjs', '--eval', `const { igwnAxios } = require('axios-igwn-auth')${PROGRAM}`],
  ],
])('reads from XRootD with a token and with a proxy, and explains a refusal: %s', (_kind, args) => {
  const cwd = path.join(__dirname, '../..')
  const { stdout, stderr } = spawnSync(process.execPath, [...args, xrootd.origin], {
    cwd,
    env,
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual([
    'secret data',
    'grid data',
    'the server refused with 403 and gave no reason; no token was sent: tokens are switched off for this request',
  ])
})
