/** The one way to create a signing key and a token; and functions that empty and fill the places of discovery. */
import { generateKeyPairSync, randomUUID, type JsonWebKey, type KeyObject } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import jsonwebtoken from 'jsonwebtoken'
import type { IgwnAuthErrorCode } from '../../lib/errors'
import { processEnvironment } from '../../lib/environment'

export interface SigningKey {
  /** A token with exactly these claims, without undefined ones, and more header parameters. */
  sign(claims: object, header?: object): string
  /** The public key as an issuer publishes it (RFC 7517). */
  readonly jwk: JsonWebKey & { readonly kid: string }
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

export function createSigningKey(kid: string = randomUUID(), alg: 'ES256' | 'RS256' = 'ES256'): SigningKey {
  const { privateKey, publicKey } =
    alg === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 })
  return {
    privateKey,
    publicKey,
    jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' },
    // As text, because jsonwebtoken refuses to sign claims of a wrong type.
    sign: (claims, header = {}) =>
      jsonwebtoken.sign(JSON.stringify(claims), privateKey, {
        algorithm: alg,
        header: { alg, typ: 'JWT', kid, ...header },
      }),
  }
}

const key = createSigningKey()

/** Seconds since the epoch. */
export const now = () => Math.trunc(Date.now() / 1000)

/** A SciToken 2.0 for `https://x.example.org` with `read:/frames`, valid for an hour. A claim set to undefined is omitted. */
export function mint(claims: Record<string, unknown> = {}, signedBy: SigningKey = key): string {
  const mine = {
    ver: 'scitoken:2.0',
    iss: 'https://issuer.example.org',
    sub: 'albert.einstein',
    aud: 'https://x.example.org',
    scope: 'read:/frames',
    exp: now() + 3600,
    jti: randomUUID(),
  }
  return signedBy.sign({ ...mine, ...claims })
}

/** For `toThrow`: an `IgwnAuthError` with this code and message. */
export const ours = (code: IgwnAuthErrorCode, message: string): Error =>
  expect.objectContaining({ name: 'IgwnAuthError', code, message }) as Error

/** The signature, which is unique to a token: tests search for it where no token may be. */
export function signatureOf(token: string): string {
  return token.slice(token.lastIndexOf('.') + 1)
}

const uid = process.geteuid?.() ?? 0

/** The default token files, which no variable names. */
export const runtimeFile = () => path.join(String(process.env.XDG_RUNTIME_DIR), `bt_u${uid}`)
export const temporaryFile = () => path.join(processEnvironment.temporaryFolder, `bt_u${uid}`)
export const room = (name: string) => path.join(String(process.env.HOME), name)

/** Removes all tokens. */
export function emptyPlaces(): void {
  for (const name of ['SCITOKEN', 'SCITOKEN_FILE', '_CONDOR_CREDS', 'BEARER_TOKEN', 'BEARER_TOKEN_FILE'])
    delete process.env[name]
  for (const folder of [process.env.HOME, process.env.XDG_RUNTIME_DIR, processEnvironment.temporaryFolder])
    for (const name of fs.readdirSync(String(folder)))
      fs.rmSync(path.join(String(folder), name), { recursive: true, force: true })
}

/** Ten seconds ago. A file that was written just now is always read again, because it may be written once more within the clock tick. */
export function age(file: string, seconds = 10): string {
  const then = Date.now() / 1000 - seconds
  fs.utimesSync(file, then, then)
  return file
}

/** Writes a private file, with a modification time some seconds ago. */
export function put(file: string, text: string, mode = 0o600): string {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, text, { mode })
  fs.chmodSync(file, mode)
  return age(file)
}

/** `$_CONDOR_CREDS` with these files. */
export function putCondorCreds(files: Record<string, string>): string {
  const folder = room('condor')
  fs.mkdirSync(folder, { recursive: true })
  for (const [name, text] of Object.entries(files)) put(path.join(folder, name), text)
  age(folder)
  return (process.env._CONDOR_CREDS = folder)
}

/** Stops the clock at a whole second; `jest.setSystemTime` moves it. Timers keep running. */
export function stopClock(): void {
  jest.useFakeTimers({
    now: now() * 1000,
    doNotFake: [
      'clearImmediate',
      'clearInterval',
      'clearTimeout',
      'hrtime',
      'nextTick',
      'performance',
      'queueMicrotask',
      'setImmediate',
      'setInterval',
      'setTimeout',
    ],
  })
}

/** Moves the stopped clock. */
export function passTime(seconds: number): void {
  jest.setSystemTime(Date.now() + seconds * 1000)
}
