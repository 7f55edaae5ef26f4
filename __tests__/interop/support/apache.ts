/**
 * Apache with four doors: clear text; TLS for logins (mod_auth_basic) and tokens (mod_auth_openidc); TLS that demands a
 * certificate (mod_ssl); and the same without TLS 1.3. Files can be put where tokens give `write:/files` (mod_dav).
 */
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Authority } from '../../support/pki'
import { freePorts, startDaemon, type Daemon } from './daemon'
import type { Issuer } from './issuer'
import { handOver, identityOf, newFolder, write } from './room'

export interface ApacheOptions {
  readonly authority: Authority
  readonly issuer: Issuer
  /** Who may log in below `/basic`: passwords by name. */
  readonly logins?: Readonly<Record<string, string>>
}

/** A request as Apache logged it. */
export interface Logged {
  readonly status: number
  readonly method: string
  readonly path: string
  /** Bytes of the request, headers and all. */
  readonly received: number
  /** The subject of the certificate that was presented; '' without one. */
  readonly subject: string
  /** The header as it came; '' without one. */
  readonly authorization: string
}

export interface Apache extends Daemon {
  readonly ports: Readonly<Record<'clear' | 'tls' | 'certificates' | 'tls12', number>>
  /** `https://localhost:<port>` of the door for logins and tokens. */
  readonly origin: string
  /** The requests that were logged since it was last asked, without those for the issuer's keys. */
  requests(): Promise<Logged[]>
  /** What mod_dav has put in place. */
  read(file: string): Buffer
}

const MODULES = [
  'mpm_event alias auth_basic auth_openidc authn_core authn_file authz_core authz_user dav dav_fs',
  'env headers http2 socache_shmcb ssl',
]
  .join(' ')
  .split(' ')

export async function startApache({ authority, issuer, logins = {} }: ApacheOptions): Promise<Apache> {
  const folder = newFolder('apache')
  const ports = await freePorts('clear', 'tls', 'certificates', 'tls12')
  const at = (...names: string[]) => path.join(folder, ...names)
  const server = await authority.issueServer()

  write(at('server.pem'), server.certificate)
  write(at('server.key'), server.key)
  write(at('ca.pem'), authority.certificate)
  write(
    at('htpasswd'),
    Object.entries(logins)
      .map(([name, password]) => `${name}:${hash(password)}\n`)
      .join(''),
  )
  for (const place of ['open', 'basic', 'token', 'scope', 'shipped', 'forbidden', 'several', 'certificate'])
    write(at('htdocs', place, 'file'), `a file in ${place}`, 0o644)
  write(at('htdocs', 'open', 'jwks'), JSON.stringify({ keys: issuer.jwks }), 0o644)
  fs.mkdirSync(at('htdocs', 'files'))
  write(at('apache.conf'), configuration(folder, ports))

  const identity = identityOf('www-data')
  handOver(folder, identity)
  const daemon = await startDaemon({
    command: ['/usr/sbin/apache2', '-d', folder, '-f', at('apache.conf'), '-DFOREGROUND'],
    folder,
    port: ports.tls12,
    identity,
  })

  let seen = 0
  return {
    ...daemon,
    output: () => daemon.output() + fs.readFileSync(at('error.log'), 'utf8'),
    ports,
    origin: `https://localhost:${ports.tls}`,
    async requests() {
      // It logs a request once it has answered it; what is asked for now is logged after all others.
      const mark = `/open/file?${randomUUID()}`
      await fetch(`http://127.0.0.1:${ports.clear}${mark}`)
      const all = () => fs.readFileSync(at('access.log'), 'utf8').split('\n').filter(Boolean).slice(seen)
      while (!all().some((line) => line.includes(mark))) await wait(5)
      const lines = all()
      seen += lines.length
      return lines.filter((line) => !/\/open\/(?:file\?|jwks)/.test(line)).map(logged)
    },
    read: (file) => fs.readFileSync(at('htdocs', file)),
  }
}

function logged(line: string): Logged {
  const [status = '', method = '', path = '', received = '', subject = '', authorization = ''] =
    line.split('\t')
  const orNothing = (value: string) => (value === '-' ? '' : value)
  return {
    status: Number(status),
    method,
    path,
    received: Number(received),
    subject: orNothing(subject),
    authorization: orNothing(authorization),
  }
}

function hash(password: string): string {
  return execFileSync('openssl', ['passwd', '-apr1', '-stdin'], { input: password, encoding: 'utf8' }).trim()
}

function configuration(folder: string, ports: Apache['ports']): string {
  // As shipped, mod_auth_openidc says in a variable what an insufficient token lacks; sites put that into a header.
  const insufficient = (status: number) =>
    `Header always append WWW-Authenticate "%{OIDC_OAUTH_BEARER_SCOPE_ERROR}e" "expr=%{REQUEST_STATUS} == ${status} && reqenv('OIDC_OAUTH_BEARER_SCOPE_ERROR') != ''"`
  const byToken = (place: string, scope: string, ...more: string[]) => `
<Location /${place}>
  AuthType oauth20
  AuthName "sci data"
  Require ${scope === '' ? 'valid-user' : `claim "scope~(^|\\s)${scope}(\\s|$)"`}
  ${more.join('\n  ')}
</Location>`
  const door = (port: number, ...more: string[]) => `
<VirtualHost 127.0.0.1:${port}>
  SSLEngine on
  SSLCertificateFile ${folder}/server.pem
  SSLCertificateKeyFile ${folder}/server.key
  SSLCACertificateFile ${folder}/ca.pem
  ${more.join('\n  ')}
</VirtualHost>`

  return `
ServerName localhost
PidFile ${folder}/apache.pid
ErrorLog ${folder}/error.log
LogLevel warn ssl:info
LogFormat "%>s\\t%m\\t%U%q\\t%I\\t%{SSL_CLIENT_S_DN}x\\t%{Authorization}i" plain
CustomLog ${folder}/access.log plain
Mutex file:${folder} default
DocumentRoot ${folder}/htdocs
StartServers 1
ThreadsPerChild 16
MaxRequestWorkers 32
ServerLimit 2
${MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
${Object.values(ports)
  .map((port) => `Listen 127.0.0.1:${port}`)
  .join('\n')}
DavLockDB ${folder}/dav-lock
SSLSessionCache shmcb:${folder}/sessions(65536)
OIDCCryptoPassphrase loopback
OIDCCacheType file
OIDCCacheDir ${folder}
OIDCOAuthVerifyJwksUri https://localhost:${ports.tls}/open/jwks
OIDCCABundlePath ${folder}/ca.pem
OIDCOAuthRemoteUserClaim sub

<Directory ${folder}/htdocs>
  Require all granted
</Directory>
<Location /basic>
  AuthType Basic
  AuthName "Loopback realm"
  AuthBasicProvider file
  AuthUserFile ${folder}/htpasswd
  Require valid-user
</Location>
${byToken('token', '')}
${byToken('scope', 'read:/data', insufficient(401))}
${byToken('shipped', 'read:/data')}
${byToken('forbidden', 'read:/data', 'AuthzSendForbiddenOnFailure On', insufficient(403))}
${byToken(
  'several',
  '',
  'Header always add WWW-Authenticate "Basic realm=\\"Loopback, realm\\", charset=\\"UTF-8\\"" "expr=%{REQUEST_STATUS} == 401"',
  'Header always add WWW-Authenticate "Negotiate" "expr=%{REQUEST_STATUS} == 401"',
)}
${byToken('files', 'write:/files', 'Dav On')}

<VirtualHost 127.0.0.1:${ports.clear}>
</VirtualHost>
${door(
  ports.tls,
  `Redirect 307 /other/ https://127.0.0.1:${ports.tls}/`,
  `Redirect 307 /door/ https://localhost:${ports.certificates}/`,
  `Redirect 302 /clear/ http://localhost:${ports.clear}/`,
  '<Location /certificate>',
  '  SSLVerifyClient require',
  '  SSLVerifyDepth 5',
  '</Location>',
)}
${door(ports.certificates, 'SSLVerifyClient require', 'SSLVerifyDepth 5', 'Protocols h2 http/1.1')}
${door(
  ports.tls12,
  'SSLProtocol TLSv1.2',
  '<Location /certificate>',
  '  SSLVerifyClient require',
  '  SSLVerifyDepth 5',
  '</Location>',
)}
`
}
