/** XRootD over HTTPS: SciTokens and WLCG tokens (libscitokens), X.509 certificates and proxies (RFC 3820), VOMS attributes. */
import fs from 'node:fs'
import path from 'node:path'
import type { Authority, Issued } from '../../support/pki'
import { caFolder } from './ca-folder'
import { freePorts, startDaemon, type Daemon } from './daemon'
import type { Issuer } from './issuer'
import { handOver, identityOf, newFolder, write } from './room'
import { subjectOf } from './subject-of'

export interface XrootdOptions {
  readonly authority: Authority
  readonly issuer: Pick<Issuer, 'url' | 'seedCache'>
  /** Local user names by certificate subject, as in a grid-mapfile. */
  readonly gridmap?: Readonly<Record<string, string>>
  /** Lines of its authorization file, for requests without a token. */
  readonly authorizations?: readonly string[]
  /** Files that exist at the start, by path. */
  readonly files?: Readonly<Record<string, string>>
  /** The folder that the scopes of its tokens are relative to. Default is `/`. */
  readonly basePath?: string
  /** The digests that it computes, such as `adler32 md5`. Default is none. */
  readonly checksums?: string
  /** A VO whose attributes it accepts from this issuer. */
  readonly vo?: { readonly name: string; readonly issuer: Issued }
  /** The origin of another server, to which it redirects all requests: it is a redirector then. */
  readonly redirectsTo?: string
}

export interface Xrootd extends Daemon {
  /** `https://localhost:<port>` */
  readonly origin: string
  readonly port: number
  /** The content of a file on the server. */
  read(file: string): Buffer
  /** Where a file of the server is on this host. */
  pathOf(file: string): string
}

export async function startXrootd({
  authority,
  issuer,
  gridmap = {},
  authorizations = [],
  files = {},
  basePath = '/',
  checksums,
  vo,
  redirectsTo,
}: XrootdOptions): Promise<Xrootd> {
  const folder = newFolder('xrootd')
  const { port } = await freePorts('port')
  const server = await authority.issueServer()
  const at = (...names: string[]) => path.join(folder, ...names)

  for (const name of ['data', 'admin', 'run', 'cache']) fs.mkdirSync(at(name), { mode: 0o755 })
  for (const [file, text] of Object.entries(files)) write(at('data', file), text, 0o644)
  write(at('host.pem'), server.certificate)
  write(at('host.key'), server.key, 0o400)
  caFolder(at('certificates'), authority)
  issuer.seedCache(at('cache'))
  write(
    at('gridmap'),
    Object.entries(gridmap)
      .map(([subject, name]) => `"${subject}" ${name}\n`)
      .join(''),
  )
  write(at('authdb'), authorizations.map((line) => `${line}\n`).join(''))
  write(at('scitokens.cfg'), scitokensConfig(port, issuer, basePath))
  if (vo) {
    const chain = `${subjectOf(vo.issuer.certificate)}\n${subjectOf(authority.certificate)}\n`
    write(at('vomsdir', vo.name, 'localhost.lsc'), chain, 0o644)
  }
  write(
    at('xrootd.cfg'),
    `all.export /
oss.localroot ${at('data')}
${networkConfig(at, port)}http.selfhttps2http no
http.desthttps yes
http.header2cgi Authorization authz
http.gridmap ${at('gridmap')}
${vo ? 'http.secxtractor libXrdHttpVOMS.so' : ''}
${checksums === undefined ? '' : `xrootd.chksum max 2 ${checksums}\nxrootd.tls capable all`}
${redirectsTo === undefined ? '' : `xrootd.redirect ${new URL(redirectsTo).host} all`}
# Logs decisions without tokens. (http.trace would log tokens.)
acc.audit deny grant
scitokens.trace all
xrootd.seclib libXrdSec.so
sec.protocol ztn
ofs.authorize 1
acc.authdb ${at('authdb')}
ofs.authlib ++ libXrdAccSciTokens.so config=${at('scitokens.cfg')}
`,
  )

  const identity = identityOf('xrootd')
  handOver(folder, identity)
  const daemon = await startDaemon({
    // It writes its environment next to the pid file; without a pid file, into /tmp.
    command: ['xrootd', '-c', at('xrootd.cfg'), '-s', at('run', 'xrootd.pid')],
    folder,
    port,
    identity,
    env: { XDG_CACHE_HOME: at('cache'), X509_VOMS_DIR: at('vomsdir'), X509_CERT_DIR: at('certificates') },
  })
  return {
    ...daemon,
    origin: `https://localhost:${port}`,
    port,
    read: (file) => fs.readFileSync(at('data', file)),
    pathOf: (file) => at('data', file),
  }
}

/** Which tokens the server accepts, and the folder that their scopes are relative to. */
export function scitokensConfig(port: number, { url }: Pick<Issuer, 'url'>, basePath: string): string {
  return `[Global]
audience = https://localhost:${port}, https://localhost
onmissing = passthrough
[Issuer test]
issuer = ${url}
base_path = ${basePath}
default_user = albert
`
}

/** The port, the protocols and the files of an XRootD server, in its folder. */
export function networkConfig(at: (name: string) => string, port: number): string {
  return `all.adminpath ${at('admin')}
all.pidpath ${at('run')}
# It cannot be bound to one address, so it refuses other clients.
xrd.port ${port}
xrd.allow host localhost
xrd.allow host 127.0.0.1
xrd.network nodnr
xrd.tls ${at('host.pem')} ${at('host.key')}
xrd.tlsca certdir ${at('certificates')}
xrd.protocol XrdHttp:${port} libXrdHttp.so
`
}
