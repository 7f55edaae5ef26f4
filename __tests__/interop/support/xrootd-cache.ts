/**
 * A cache of XRootD (libXrdPss and libXrdPfc), as the caches of OSDF. It checks tokens itself, because what is on its disk it sends
 * without asking the origin, and hands them on. For checksums it logs in at the origin with a token of its own.
 */
import fs from 'node:fs'
import path from 'node:path'
import type { Authority } from '../../support/pki'
import { caFolder } from './ca-folder'
import { freePorts, startDaemon, type Daemon } from './daemon'
import type { Issuer } from './issuer'
import { handOver, identityOf, newFolder, write } from './room'
import { networkConfig, scitokensConfig } from './xrootd'

export interface XrootdCacheOptions {
  readonly authority: Authority
  readonly issuer: Issuer
  /** The port of the origin, an XRootD server with `checksums`. */
  readonly originPort: number
  /** The folder that it exports, and that scopes are relative to. */
  readonly basePath: string
}

export interface XrootdCache extends Daemon {
  /** `https://localhost:<port>` */
  readonly origin: string
  readonly port: number
}

export async function startXrootdCache({
  authority,
  issuer,
  originPort,
  basePath,
}: XrootdCacheOptions): Promise<XrootdCache> {
  const folder = newFolder('xrootd-cache')
  const { port } = await freePorts('port')
  const server = await authority.issueServer()
  const at = (...names: string[]) => path.join(folder, ...names)

  for (const name of ['disk', 'admin', 'run', 'cache']) fs.mkdirSync(at(name), { mode: 0o755 })
  write(at('host.pem'), server.certificate)
  write(at('host.key'), server.key, 0o400)
  write(at('own-token'), issuer.mint({ scope: 'read:/', exp: Math.trunc(Date.now() / 1000) + 86_400 }))
  caFolder(at('certificates'), authority)
  issuer.seedCache(at('cache'))
  write(at('authdb'), 'u * /public rl\n')
  write(at('scitokens.cfg'), scitokensConfig(port, issuer, basePath))
  write(
    at('xrootd.cfg'),
    `all.export ${basePath}
ofs.osslib libXrdPss.so
pss.cachelib libXrdPfc.so
pss.origin roots://localhost:${originPort}
oss.localroot ${at('disk')}
# With less it does not start.
pfc.ram 1g
pfc.blocksize 1m
pfc.prefetch 8
pfc.diskusage 0.98 0.99
${networkConfig(at, port)}http.selfhttps2http no
http.desthttps no
http.header2cgi Authorization authz
# Checksums are asked of the origin; a second algorithm here would be the adler32 under another name.
xrootd.chksum max 2 adler32
ofs.ckslib * libXrdPss.so
acc.audit deny
ofs.authorize 1
acc.authdb ${at('authdb')}
ofs.authlib ++ libXrdAccSciTokens.so config=${at('scitokens.cfg')}
`,
  )

  const identity = identityOf('xrootd')
  handOver(folder, identity)
  const daemon = await startDaemon({
    command: ['xrootd', '-c', at('xrootd.cfg'), '-s', at('run', 'xrootd.pid')],
    folder,
    port,
    identity,
    env: {
      XDG_CACHE_HOME: at('cache'),
      X509_CERT_DIR: at('certificates'),
      BEARER_TOKEN_FILE: at('own-token'),
      // With the defaults, nothing is sent for minutes where the origin is down.
      XRD_CONNECTIONWINDOW: '3',
      XRD_CONNECTIONRETRY: '1',
      XRD_STREAMERRORWINDOW: '1',
      XRD_REQUESTTIMEOUT: '15',
      XRD_STREAMTIMEOUT: '10',
      XRD_TIMEOUTRESOLUTION: '1',
    },
  })
  return { ...daemon, origin: `https://localhost:${port}`, port }
}
