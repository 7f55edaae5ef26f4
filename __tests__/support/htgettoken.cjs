#!/usr/bin/env node
/**
 * A substitute for `htgettoken`: takes the same options, gets a bearer token from a Vault server with its Vault token, and
 * writes it in the same way. Its only login is in a browser, and that fails.
 */
const { Buffer } = require('buffer')
const fs = require('fs')
const http = require('http')
const path = require('path')
const { URL } = require('url')

const FLAGS = ['quiet', 'verbose', 'debug', 'nooidc', 'nokerberos', 'nossh', 'nobearertoken', 'novaulttoken']
const VALUES = [
  'vaultserver',
  'issuer',
  'role',
  'credkey',
  'scopes',
  'audience',
  'minsecs',
  'outfile',
  'vaulttokenfile',
  'configdir',
]
const SHORT = { a: 'vaultserver', i: 'issuer', r: 'role', o: 'outfile', q: 'quiet', v: 'verbose' }

const euid = process.geteuid()
const options = { issuer: 'default', role: 'default', minsecs: '60', vaulttokenfile: `/tmp/vt_u${euid}` }
const given = [...(process.env.HTGETTOKENOPTS ?? '').split(' ').filter(Boolean), ...process.argv.slice(2)]
while (given.length > 0) read(given.shift())

function read(argument) {
  const [, long, inline] = /^--([^=]+)(?:=(.*))?$/.exec(argument) ?? []
  const name = long ?? SHORT[/^-(.)$/.exec(argument)?.[1] ?? '']
  if (FLAGS.includes(name)) options[name] = true
  else if (VALUES.includes(name)) options[name] = inline ?? given.shift()
  else fail(`Usage: htgettoken [options]\n\nhtgettoken: error: no such option: ${argument}`, 2)
}

function fail(message, code = 1) {
  if (!options.quiet) process.stderr.write(`${message}\n`)
  process.exit(code)
}

function log(message) {
  if (!options.quiet) process.stderr.write(`${message}\n`)
}

const expiry = (token) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).exp
const outfile =
  options.outfile ??
  process.env.BEARER_TOKEN_FILE ??
  path.join(process.env.XDG_RUNTIME_DIR ?? '/tmp', `bt_u${euid}`)

/** An existing token is kept if it has enough time left and the request is the same. */
function isGood() {
  if (options.scopes || options.audience || !fs.existsSync(outfile)) return false
  try {
    return expiry(fs.readFileSync(outfile, 'utf8').trim()) - Date.now() / 1000 >= Number(options.minsecs)
  } catch {
    return false
  }
}

function ask(vaultToken) {
  const credkey = options.credkey ?? 'albert.einstein'
  const kind = options.scopes || options.audience ? 'sts' : 'creds'
  const url = new URL(
    `/v1/secret/oauth/${kind}/${options.issuer}/${credkey}:${options.role}`,
    options.vaultserver,
  )
  url.searchParams.set('minimum_seconds', options.minsecs)
  if (options.scopes) url.searchParams.set('scopes', options.scopes)
  if (options.audience) url.searchParams.set('audiences', options.audience)
  log(`Attempting to get token from ${url.origin} using vault token`)
  return new Promise((resolve) => {
    http
      .get(url, { headers: { 'X-Vault-Token': vaultToken }, agent: false }, (response) => {
        let body = ''
        response.on('data', (chunk) => (body += chunk))
        response.on('end', () => {
          const { data, errors = [] } = JSON.parse(body)
          if (response.statusCode !== 200) log(`failed: ${errors.join(', ')} (vault token was ${vaultToken})`)
          resolve(data?.access_token)
        })
      })
      .on('error', (error) => fail(`failure getting token from ${url.origin}: ${error.message}`))
  })
}

async function main() {
  if (!options.vaultserver) fail('vaultserver not specified')
  if (isGood()) return
  const vaultToken =
    fs.existsSync(options.vaulttokenfile) && fs.readFileSync(options.vaulttokenfile, 'utf8').trim()
  const token = vaultToken && (await ask(vaultToken))
  if (!token)
    fail(
      options.nooidc ? 'No way left to get a vault token: oidc is disabled' : 'The browser cannot be opened',
    )
  const temporary = fs.mkdtempSync(`${outfile}.`)
  const file = path.join(temporary, 'token')
  fs.writeFileSync(file, `${token}\n`, { mode: 0o600 })
  fs.renameSync(file, outfile)
  fs.rmdirSync(temporary)
  log(`Storing bearer token in ${outfile}`)
}

void main()
