/**
 * Apache with four ports: plain HTTP; TLS for passwords (mod_auth_basic) and tokens (mod_auth_openidc); TLS that requires a
 * certificate (mod_ssl); and the same without TLS 1.3. Tokens with `write:/files` can upload files (mod_dav).
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
  /** Passwords by user name, for `/basic`. */
  readonly logins?: Readonly<Record<string, string>>
}

/** A request as Apache logged it. */
export interface Logged {
  readonly status: number
  readonly method: string
  readonly path: string
  /** Bytes of the request, including headers. */
  readonly received: number
  /** The subject of the client certificate, or ''. */
  readonly subject: string
  /** The `Authorization` header, or ''. */
  readonly authorization: string
}

export interface Apache extends Daemon {
  readonly ports: Readonly<Record<'clear' | 'tls' | 'certificates' | 'tls12', number>>
  /** `https://localhost:<port>` for passwords and tokens. */
  readonly origin: string
  /** The requests logged since the last call, without those for the keys of the issuer. */
  requests(): Promise<Logged[]>
  /** The content of a file that mod_dav wrote. */
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
      // Apache logs a request after its response, so this one is logged last.
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
  // mod_auth_openidc sets a variable with what a token lacks; sites put it into a header.
  const insufficient = (status: number) =>
    `Header always append WWW-Authenticate "%{OIDC_OAUTH_BEARER_SCOPE_ERROR}e" "expr=%{REQUEST_STATUS} == ${status} && reqenv('OIDC_OAUTH_BEARER_SCOPE_ERROR') != ''"`
  const byToken = (place: string, scope: string, ...more: string[]) => `
<Location /${place}>
  AuthType oauth20
  AuthName "sci data"
  Require ${scope === '' ? 'valid-user' : `claim "scope~(^|\\s)${scope}(\\s|$)"`}
  ${more.join('\n  ')}
</Location>`
  const virtualHost = (port: number, ...more: string[]) => `
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
${virtualHost(
  ports.tls,
  `Redirect 307 /other/ https://127.0.0.1:${ports.tls}/`,
  `Redirect 307 /door/ https://localhost:${ports.certificates}/`,
  `Redirect 302 /clear/ http://localhost:${ports.clear}/`,
  '<Location /certificate>',
  '  SSLVerifyClient require',
  '  SSLVerifyDepth 5',
  '</Location>',
)}
${virtualHost(ports.certificates, 'SSLVerifyClient require', 'SSLVerifyDepth 5', 'Protocols h2 http/1.1')}
${virtualHost(
  ports.tls12,
  'SSLProtocol TLSv1.2',
  '<Location /certificate>',
  '  SSLVerifyClient require',
  '  SSLVerifyDepth 5',
  '</Location>',
)}
`
}
