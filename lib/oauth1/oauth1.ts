import { createHash, randomBytes } from 'node:crypto'
import { kindOf } from '../check-values'
import { secondsNow } from '../clock'
import { IgwnAuthError } from '../errors'
import type { AuthScheme, SchemeRequest, RequestChanges } from '../schemes/auth-scheme'
import { isPromise } from '../tokens/token'
import { signerOf, type OAuth1Options, type Signer } from './oauth1-options'
import { isForm, placements } from './placement'
import { describeProblem, problemIn } from './problem'
import {
  parametersOf,
  percentEncode,
  signatureBaseString,
  type EncodedParameter,
} from './signature-base-string'
import type { SignatureInput } from './signature-method'

/**
 * The OAuth 1.0 scheme (RFC 5849) for the `scheme` option of `applyIgwnAuth`; {@link applyOAuth1} combines both. Each request is
 * signed just before it is sent, from its final URL and body, with a new nonce and timestamp.
 *
 * A request that cannot be signed rejects with `ERR_IGWN_OAUTH1_UNSIGNED` and is not sent.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid option
 */
export function oauth1(options: OAuth1Options): AuthScheme {
  return signingScheme(signerOf(options))
}

/** @param extra - protocol parameters of one step of the flow: `oauth_callback`, `oauth_verifier` */
export function signingScheme(signer: Signer, extra: Readonly<Record<string, string>> = {}): AuthScheme {
  const { method, signatureType, realm } = signer
  const placement = placements[signatureType]

  return {
    name: 'OAuth 1.0',
    allowOverHttp: method.allowOverHttp ?? false,
    authorize(unprepared) {
      const request = placement.prepare(unprepared)
      const parameters = protocolParameters(signer, request, extra)
      const finish = (signature: unknown): RequestChanges => {
        const signed = [...parameters, encoded('oauth_signature', checkedSignature(signature, method.name))]
        return placement.place(request, signed, realm)
      }
      const signature = method.sign(signatureInput(signer, request, parameters))
      return isPromise(signature) ? signature.then(finish) : finish(signature)
    },
    describeRefusal: ({ challenges }) => describeProblem(problemIn(challenges)),
  }
}

/** RFC 5849 section 3.1, without the signature. */
function protocolParameters(
  signer: Signer,
  request: SchemeRequest,
  extra: Readonly<Record<string, string>>,
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
    ...extra,
    ...(hash !== undefined && { oauth_body_hash: hash }),
  }).map(([name, value]) => encoded(name, value))
}

/** The parameters of a form are signed themselves; any other body is signed by its hash. */
function bodyHash({ body, contentType, isStream }: SchemeRequest, hash = 'sha1'): string | undefined {
  if (isForm(contentType)) return undefined
  if (isStream) throw unsigned('forceIncludeBody signs the hash of the body. Pass it as a string or bytes')
  return body?.length ? createHash(hash).update(body).digest('base64') : undefined
}

function signatureInput(
  { clientSecret, token, rsaKey }: Signer,
  { method, url, contentType, body, isStream }: SchemeRequest,
  protocol: readonly EncodedParameter[],
): SignatureInput {
  const hasForm = isForm(contentType)
  if (hasForm && isStream)
    throw unsigned(
      'the parameters of a form are signed. Pass it as a string or bytes; if it is not a form, set Content-Type, which axios defaults to a form',
    )
  const form = hasForm && body !== undefined ? parametersOf(body) : []
  const parameters = [...parametersOf(url.search.slice(1)), ...form, ...protocol]
  const baseString = signatureBaseString(method, url, parameters)
  return { baseString, clientSecret, tokenSecret: token?.tokenSecret ?? '', rsaKey }
}

function encoded(name: string, value: string): EncodedParameter {
  return [percentEncode(name), percentEncode(value)]
}

/** A signature method of the caller may return anything. */
function checkedSignature(signature: unknown, method: string): string {
  if (typeof signature === 'string' && signature !== '') return signature
  const found = signature === '' ? 'an empty string' : kindOf(signature)
  throw new IgwnAuthError(
    'ERR_IGWN_OAUTH1_UNSIGNED',
    `The signature method ${method} returned ${found}; it must return the signature as a string. Nothing was sent.`,
  )
}

function unsigned(why: string): IgwnAuthError {
  return new IgwnAuthError(
    'ERR_IGWN_OAUTH1_UNSIGNED',
    `The body is a stream or is serialized by axios itself, so it cannot be read before sending: ${why}. Nothing was sent.`,
  )
}
