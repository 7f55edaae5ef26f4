import { createHash, randomBytes } from 'node:crypto'
import { IgwnAuthError } from '../errors'
import type { AuthScheme, SchemeRequest, RequestChanges } from '../schemes/auth-scheme'
import { secondsNow } from '../clock'
import { isPromise, kindOf } from '../tokens/token'
import { signerOf, type OAuth1Options, type Signer } from './oauth1-options'
import { percentEncode } from './percent-encode'
import { isForm, placements } from './placement'
import { describeProblem, problemIn } from './problem'
import { parametersOf, signatureBaseString, type EncodedParameter } from './signature-base-string'

/**
 * The OAuth 1.0 scheme (RFC 5849): signs each request as it leaves, from its final URL and body, each time with a new nonce
 * and timestamp. For the `scheme` option of `applyIgwnAuth`; {@link applyOAuth1} does both in one.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when an option cannot be used. A request that cannot be signed is not sent:
 *   `ERR_IGWN_OAUTH1_UNSIGNED`
 */
export function oauth1(options: OAuth1Options): AuthScheme {
  return signing(signerOf(options))
}

/**
 * The same with options that were understood.
 *
 * @param more - protocol parameters for one step of the three: `oauth_callback`, `oauth_verifier`
 */
export function signing(signer: Signer, more: Readonly<Record<string, string>> = {}): AuthScheme {
  const { method, signatureType, realm } = signer
  const placement = placements[signatureType]

  return {
    name: 'OAuth 1.0',
    allowOverHttp: method.isSafeInClear ?? false,
    authorize(leaving) {
      const request = placement.prepare(leaving)
      const parameters = protocolParameters(signer, request, more)
      const finish = (signature: unknown): RequestChanges => {
        const signed = [...parameters, encoded('oauth_signature', textOf(signature, method.name))]
        return placement.place(request, signed, realm)
      }
      const signature = method.sign(signable(signer, request, parameters))
      return isPromise(signature) ? signature.then(finish) : finish(signature)
    },
    describeRefusal: ({ challenges }) => describeProblem(problemIn(challenges)),
  }
}

/** RFC 5849 section 3.1, but for the signature. */
function protocolParameters(
  signer: Signer,
  request: SchemeRequest,
  more: Readonly<Record<string, string>>,
): EncodedParameter[] {
  const { clientId, token, method } = signer
  const hash = signer.forceIncludeBody ? bodyHash(request, method.bodyHash) : undefined
  return Object.entries({
    oauth_consumer_key: clientId,
    ...(token && { oauth_token: token.token }),
    oauth_signature_method: method.name,
    oauth_timestamp: String(Math.floor(secondsNow())),
    oauth_nonce: randomBytes(16).toString('hex'),
    oauth_version: '1.0',
    ...more,
    ...(hash !== undefined && { oauth_body_hash: hash }),
  }).map(([name, value]) => encoded(name, value))
}

/** Of a body that is no form; a form is signed by its parameters. */
function bodyHash({ body, contentType, isStream }: SchemeRequest, hash = 'sha1'): string | undefined {
  if (isForm(contentType)) return undefined
  if (isStream) throw unsigned('forceIncludeBody signs the hash of the body. Give it as text or bytes')
  return body?.length ? createHash(hash).update(body).digest('base64') : undefined
}

function signable(
  { clientSecret, token, rsaKey }: Signer,
  { method, url, contentType, body, isStream }: SchemeRequest,
  protocol: readonly EncodedParameter[],
) {
  const inBody = isForm(contentType)
  if (inBody && isStream)
    throw unsigned(
      'the parameters of a form are signed. Give it as text or bytes; or, if it is no form, say so in Content-Type, where axios has a form for default',
    )
  const form = inBody && body !== undefined ? parametersOf(body) : []
  const parameters = [...parametersOf(url.search.slice(1)), ...form, ...protocol]
  const baseString = signatureBaseString(method, url, parameters)
  return { baseString, clientSecret, tokenSecret: token?.tokenSecret ?? '', rsaKey }
}

function encoded(name: string, value: string): EncodedParameter {
  return [percentEncode(name), percentEncode(value)]
}

/** What a method of somebody's own gives may be anything. */
function textOf(signature: unknown, method: string): string {
  if (typeof signature === 'string' && signature !== '') return signature
  const found = signature === '' ? 'an empty string' : kindOf(signature)
  throw new IgwnAuthError(
    'ERR_IGWN_OAUTH1_UNSIGNED',
    `The signature method ${method} gave ${found}, and must give the signature as a string. Nothing was sent.`,
  )
}

function unsigned(why: string): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_OAUTH1_UNSIGNED',
    `The body is a stream, or is written out by axios itself, and cannot be read ahead: ${why}. Nothing was sent.`,
  )
}
