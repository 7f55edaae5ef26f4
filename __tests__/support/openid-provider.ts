import { spawn, type ChildProcess } from 'node:child_process'
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomUUID,
  X509Certificate,
} from 'node:crypto'
import { once } from 'node:events'
import https from 'node:https'
import path from 'node:path'
import axios, { type AxiosInstance } from 'axios'
import { createAuthority, selfSigned, type Authority, type Issued } from './pki'
import { createSigningKey, now } from './tokens'

/** A request to the token endpoint, or a registration. */
export interface SeenGrant {
  readonly grant: string
  readonly ok: boolean
  readonly error?: string
}

/** An OpenID Provider in another process; see openid-provider-process.mjs. */
export interface OpenIdProvider {
  /** `https://localhost:<port>` */
  readonly issuer: string
  /** The URL for clients with a certificate. */
  readonly mtls: string
  readonly port: number
  /** The certificate of its CA, PEM. */
  readonly ca: string
  readonly authority: Authority
  /** The certificates of the clients `mtls` and `selfsigned`. */
  readonly certificates: { readonly mtls: Issued; readonly selfsigned: Pick<Issued, 'certificate' | 'key'> }
  /** The private keys of the clients `rsa`, `ec` and `ed`, and of the service account, PEM, PKCS#8. */
  readonly keys: Readonly<Record<'rsa' | 'ec' | 'ed' | 'serviceAccount', string>>
  /** An axios instance that trusts its CA. */
  readonly http: AxiosInstance
  /** Issues a token without a request; it expires in an hour. */
  mint(claims: object): string
  /** All requests to its token endpoint, and registrations. */
  seen(): Promise<readonly SeenGrant[]>
  close(): Promise<void>
}

export interface OpenIdProviderOptions {
  /** Lifetime of access tokens in seconds. Default: 600. */
  readonly accessTokenLife?: number
  /** Whether its token endpoint requires a nonce in proofs. Default: false. */
  readonly dpopNonce?: boolean
  /** Whether tokens for services on localhost are JWTs, as those for `*.example.org` are. Default: false. */
  readonly jwtForAll?: boolean
  /** The token that a registration needs. Default: none. */
  readonly initialAccessToken?: string
  /** Its issuer, an https URL that resolves to its port; every other name is then a service. Default: localhost. */
  readonly issuer?: string
  /** The names in its certificate besides localhost. */
  readonly names?: readonly string[]
  /**
   * Clients besides those that it has anyway (OpenID Connect Dynamic Client Registration 1.0 section 2), given the public
   * keys of those.
   */
  readonly clients?: (jwks: Readonly<Record<'rsa' | 'ec' | 'ed', object>>) => readonly object[]
}

const pem = (key: ReturnType<typeof generateKeyPairSync>['privateKey']) =>
  (key as unknown as { export(options: object): string }).export({ type: 'pkcs8', format: 'pem' })

export const NATIVE_REDIRECT = 'http://127.0.0.1/callback'
export const WEB_REDIRECT = 'https://portal.example.org/callback'

export async function startOpenIdProvider({
  names = [],
  clients = () => [],
  ...options
}: OpenIdProviderOptions = {}): Promise<OpenIdProvider> {
  const authority = await createAuthority()
  const server = await authority.issueServer({ names: ['localhost', '127.0.0.1', ...names] })
  const certificates = {
    mtls: await authority.issueUser('mtls-client'),
    selfsigned: await selfSigned('self-signed'),
  }
  const [ec, serviceAccount, ofTokens] = ['ES256', 'service-account', 'es'].map((kid) =>
    createSigningKey(kid),
  )
  const ed = generateKeyPairSync('ed25519')

  const host = await sharedHost()
  const rsa = { publicKey: createPublicKey(host.rsaKey), privateKey: createPrivateKey(host.rsaKey) }
  const jwk = (pair: { publicKey: ReturnType<typeof generateKeyPairSync>['publicKey'] }, alg: string) => ({
    ...(pair.publicKey as unknown as { export(options: object): object }).export({ format: 'jwk' }),
    alg,
    use: 'sig',
    kid: alg,
  })
  const jwks = {
    rsa: jwk(rsa, 'RS256'),
    ec: ec!.jwk,
    ed: jwk(ed, 'EdDSA'),
    selfsigned: selfSignedJwk(certificates.selfsigned.certificate),
  }
  const { issuer, mtls, port } = await request<{ issuer: string; mtls: string; port: number }>(host, {
    options: {
      ...options,
      tls: { cert: server.certificate, key: server.key, ca: authority.certificate },
      keys: [
        { pem: pem(ofTokens!.privateKey), kid: 'es', alg: 'ES256', use: 'sig' },
        { pem: pem(rsa.privateKey), kid: 'rs', alg: 'RS256', use: 'sig' },
      ],
      serviceAccountKey: serviceAccount!.publicKey.export({ type: 'spki', format: 'pem' }),
      clients: [...clients(jwks), ...usualClients(jwks)],
    },
  })
  const httpsAgent = new https.Agent({ ca: authority.certificate, keepAlive: true })
  const http = axios.create({ httpsAgent })

  return {
    issuer,
    mtls,
    port,
    ca: authority.certificate,
    authority,
    certificates,
    keys: {
      rsa: pem(rsa.privateKey),
      ec: pem(ec!.privateKey),
      ed: pem(ed.privateKey),
      serviceAccount: pem(serviceAccount!.privateKey),
    },
    http,
    mint: (claims) =>
      ofTokens!.sign({ iss: issuer, ver: 'scitoken:2.0', iat: now(), exp: now() + 3600, ...claims }),
    async seen() {
      return (await http.get<SeenGrant[]>(`${issuer}/seen`)).data
    },
    async close() {
      httpsAgent.destroy()
      await request(host, { port })
    },
  }
}

/** A process for providers, and an RSA key for all of them, PEM: to generate one takes long. */
type Host = ChildProcess & { readonly rsaKey: string }

/** The test files of a Jest process share one process for their providers (`test-environment.ts`). */
async function sharedHost(): Promise<Host> {
  const { idleHosts } = globalThis as unknown as { idleHosts: Map<string, Host[]> }
  const known = idleHosts.get(KEY)?.find(({ connected }) => connected)
  if (known) return known
  // It prints warnings about development settings.
  const child = spawn(process.execPath, [HOST], {
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const rsaKey = pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)
  const host: Host = Object.assign(child, { rsaKey })
  idleHosts.set(KEY, [host])
  await once(host, 'spawn')
  host.unref()
  host.channel?.unref()
  return host
}

const HOST = path.join(__dirname, 'openid-provider-process.mjs')
const KEY = 'OpenID Providers'

/** Sends a message to the process of the providers, and returns the response. */
function request<Response>(host: ChildProcess, message: object): Promise<Response> {
  const id = randomUUID()
  return new Promise((resolve, reject) => {
    const onMessage = (response: Response & { id: string }) => {
      if (response.id === id) end(() => resolve(response))
    }
    const onExit = () => end(() => reject(new Error('The process of the providers has ended.')))
    const end = (settle: () => void) => {
      host.off('message', onMessage).off('exit', onExit)
      settle()
    }
    host.on('message', onMessage).on('exit', onExit)
    host.send({ id, ...message })
  })
}

/** A self-signed certificate for the registration of its client (RFC 8705 section 2.2.2). */
function selfSignedJwk(certificate: string): object {
  const { publicKey, raw } = new X509Certificate(certificate)
  return { ...publicKey.export({ format: 'jwk' }), kid: 'self', use: 'sig', x5c: [raw.toString('base64')] }
}

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'

/** Registered clients, one for each authentication method. */
function usualClients(jwks: Record<'rsa' | 'ec' | 'ed' | 'selfsigned', object>): object[] {
  const robot = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }
  const byKey = (alg: string, key: object) => ({
    ...robot,
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: alg,
    jwks: { keys: [key] },
  })
  const bySecret = (id: string, alg: string) => ({
    ...robot,
    client_id: id,
    client_secret: LONG_SECRET,
    token_endpoint_auth_method: 'client_secret_jwt',
    token_endpoint_auth_signing_alg: alg,
  })
  const person = {
    grant_types: ['authorization_code', 'refresh_token', DEVICE_CODE],
    response_types: ['code'],
  }
  return [
    { ...robot, client_id: 'basic', client_secret: 'secret of basic' },
    { ...robot, client_id: 'odd:id', client_secret: 'p%ss w+rd/&=' },
    { ...robot, client_id: 'plain', client_secret: 'plain-secret_of.plain' },
    {
      ...robot,
      client_id: 'post',
      client_secret: 'secret of post',
      token_endpoint_auth_method: 'client_secret_post',
    },
    bySecret('sjwt', 'HS256'),
    bySecret('sjwt512', 'HS512'),
    { ...byKey('RS256', jwks.rsa), client_id: 'rsa' },
    { ...byKey('ES256', jwks.ec), client_id: 'ec' },
    { ...byKey('EdDSA', jwks.ed), client_id: 'ed' },
    {
      ...robot,
      client_id: 'mtls',
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_subject_dn: 'DC=org,DC=example,CN=mtls-client',
      tls_client_certificate_bound_access_tokens: true,
    },
    {
      ...robot,
      client_id: 'selfsigned',
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      jwks: { keys: [jwks.selfsigned] },
      tls_client_certificate_bound_access_tokens: true,
    },
    { ...robot, client_id: 'dpop', client_secret: 'secret of dpop', dpop_bound_access_tokens: true },
    {
      client_id: 'own',
      client_secret: 'secret of own',
      grant_types: ['password', 'refresh_token', TOKEN_EXCHANGE],
      redirect_uris: [],
      response_types: [],
    },
    {
      client_id: 'service-account',
      grant_types: [JWT_BEARER],
      token_endpoint_auth_method: 'none',
      redirect_uris: [],
      response_types: [],
    },
    {
      ...person,
      client_id: 'web',
      client_secret: 'secret of web',
      redirect_uris: [WEB_REDIRECT, 'https://bare.example.org'],
    },
    {
      client_id: 'implicit',
      grant_types: ['implicit'],
      response_types: ['id_token'],
      redirect_uris: [WEB_REDIRECT],
      token_endpoint_auth_method: 'none',
    },
    {
      ...person,
      client_id: 'cli',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: [NATIVE_REDIRECT],
    },
  ]
}

export const LONG_SECRET = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'
