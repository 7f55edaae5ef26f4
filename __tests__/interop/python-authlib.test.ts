import { generateKeyPairSync } from 'node:crypto'
import http from 'node:http'
import axios, { type AxiosRequestConfig } from 'axios'
import { applyOAuth1, type OAuth1Options, type SignatureType } from '../../lib/oauth1/index'
import { serve, type Seen, type TestServer } from '../support/server'
import { numbers, picker } from './support/numbers'
import { python } from './support/python'

/**
 * OAuth 1.0 requests as this package sends them, and as Authlib signs them with the same nonce and timestamp: all protocol
 * parameters must be equal, including the signature.
 */

/** What Authlib signs: the request without OAuth parameters. */
interface Bare {
  readonly method: string
  readonly url: string
  readonly contentType: string
  readonly body: string
}

type Parameters = Record<string, string>

interface Signed {
  readonly options: OAuth1Options
  readonly bare: Bare
  readonly ours: Parameters
}

const PROGRAM = `
import hashlib, hmac
from authlib.common.encoding import to_bytes, to_unicode
from authlib.common.urls import url_decode, urlparse
from authlib.oauth1 import ClientAuth
from authlib.oauth1.rfc5849 import client_auth
from authlib.oauth1.rfc5849.signature import generate_signature_base_string
from authlib.oauth1.rfc5849.util import escape, unescape
import base64

def sign_hmac_sha256(client, request):
    key = escape(client.client_secret or "") + "&" + escape(client.token_secret or "")
    text = generate_signature_base_string(request)
    return base64.b64encode(hmac.new(to_bytes(key), to_bytes(text), hashlib.sha256).digest()).decode()
ClientAuth.register_signature_method("HMAC-SHA256", sign_hmac_sha256)

def parameters(kind, url, headers, body):
    if kind == "HEADER":
        field = headers["Authorization"].split(" ", 1)[1]
        pairs = [part.strip().split("=", 1) for part in field.split(",")]
        return {name: unescape(value.strip('"')) for name, value in pairs}
    text = urlparse.urlparse(url).query if kind == "QUERY" else to_unicode(body)
    return {name: value for name, value in url_decode(text) if name.startswith("oauth_")}

def sign(one):
    options, bare, ours = one["options"], one["bare"], one["ours"]
    client_auth.generate_nonce = lambda: ours["oauth_nonce"]
    client_auth.generate_timestamp = lambda: ours["oauth_timestamp"]
    client = ClientAuth(
        options["clientId"], client_secret=options.get("clientSecret"), token=options.get("token"),
        token_secret=options.get("tokenSecret"), rsa_key=options.get("rsaKey"), realm=options.get("realm"),
        signature_method=options["signatureMethod"], signature_type=options["signatureType"].upper(),
        force_include_body=options.get("forceIncludeBody", False))
    headers = {"Content-Type": bare["contentType"]} if bare["contentType"] else {}
    # As requests has them: a form is text, all else bytes.
    is_form = bare["contentType"].startswith("application/x-www-form-urlencoded")
    body = bare["body"] if is_form else bare["body"].encode("latin-1")
    try:
        url, headers, body = client.prepare(bare["method"], bare["url"], headers, body)
    except ValueError as error:
        return {"error": str(error)}
    return parameters(client.signature_type, url, headers, body)
answer = [sign(one) for one in given]
`

const FORM = 'application/x-www-form-urlencoded'
const rsaKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
  type: 'pkcs8',
  format: 'pem',
}) as string

let server: TestServer
beforeAll(async () => {
  server = await serve(() => ({}))
})
afterAll(() => server.close())

/** Python blocks the event loop, so a connection that the server closed meanwhile would be reused. */
const httpAgent = new http.Agent({ keepAlive: false })

/** Sends a request, and returns the parts that arrived. */
async function signed(options: OAuth1Options, config: AxiosRequestConfig): Promise<Signed> {
  const before = server.seen.length
  await applyOAuth1(axios.create({ baseURL: server.origin, timeout: 5000, httpAgent }), options).request(
    config,
  )
  const [seen] = server.seen.slice(before)
  return { options, ...apart(seen!, options.signatureType ?? 'header') }
}

/** Removes the OAuth parameters from a request. */
function apart({ method, url, headers, body }: Seen, signatureType: SignatureType): Omit<Signed, 'options'> {
  const { pathname: path, search } = new URL(url, server.origin)
  const query = search.slice(1)
  const rest = (text: string) => withoutOurs(text).join('&')
  const bareQuery = rest(query) === '' ? '' : `?${rest(query)}`
  const bare: Bare = {
    method,
    url: `${server.origin}${path}${bareQuery}`,
    contentType: headers['content-type'] ?? '',
    body: signatureType === 'body' ? rest(body) : body,
  }
  const field = headers.authorization ?? ''
  const ours = {
    header: () =>
      field
        .replace(/^OAuth /, '')
        .split(/,\s*/)
        .map((part) => part.replace(/="(.*)"$/, '=$1')),
    query: () => onlyOurs(query),
    body: () => onlyOurs(body),
  }[signatureType]()
  return { bare, ours: Object.fromEntries(ours.map(decoded)) }
}

const isOurs = (pair: string) => pair.startsWith('oauth_')
const onlyOurs = (text: string) => text.split('&').filter(isOurs)
const withoutOurs = (text: string) => text.split('&').filter((pair) => pair !== '' && !isOurs(pair))

function decoded(pair: string): [string, string] {
  const [name = '', value = ''] = pair.split('=')
  return [decodeURIComponent(name), decodeURIComponent(value)]
}

const CREDENTIALS: readonly Pick<OAuth1Options, 'clientId' | 'clientSecret' | 'token' | 'tokenSecret'>[] = [
  {
    clientId: 'dpf43f3p2l4k3l03',
    clientSecret: 'kd94hf93k423kf44',
    token: 'nnch734d00sl2jdk',
    tokenSecret: 'pfkkdhi9sl3r4s00',
  },
  { clientId: 'key', clientSecret: 'secret' },
  { clientId: 'key', clientSecret: 'secret', token: 'token', tokenSecret: '' },
  { clientId: 'kéy & co/=', clientSecret: 'se%cr+t &é', token: 'to ken~', tokenSecret: "x'y(z)*!" },
]
const METHODS = ['HMAC-SHA1', 'HMAC-SHA256', 'RSA-SHA1', 'PLAINTEXT'] as const
const PATHS = [
  '/',
  '/photos',
  '/a/b/',
  '/r%20v/X',
  '/%7Euser',
  '/a%2Fb',
  '/é',
  '/x;y',
  '/A',
  '/a+b',
  '/a!b*c',
]
const PAIRS = [
  'a=1',
  'a=2',
  'a=',
  'a',
  'b=x%20y',
  'b=x+y',
  'c%40=',
  'z=%C3%A9',
  'A=1',
  'a2=r%20b',
  'b5=%3D%253D',
  'q=~-._',
  'n=1=2',
  'w=%2B',
  'p=a%26b',
  'k=*',
  'e=!',
  'y=%E2%82%AC',
  'd=,',
  't=10:30',
  'g=/a/b?c',
]

function cases(count: number): { options: OAuth1Options; config: AxiosRequestConfig }[] {
  const next = numbers(5849)
  const pick = picker(next)
  const often = (share: number) => next() < share
  const pairs = () => Array.from({ length: Math.floor(next() * 5) }, () => pick(PAIRS)).join('&')

  return Array.from({ length: count }, () => {
    const method = pick(['GET', 'POST', 'PUT', 'DELETE', 'PATCH'])
    const hasBody = ['POST', 'PUT', 'PATCH'].includes(method)
    const form = hasBody && often(0.7) ? pairs() : ''
    const signatureMethod = pick(METHODS)
    const signatureType = pick(
      form === '' ? (['header', 'query'] as const) : (['header', 'query', 'body'] as const),
    )
    const query = often(0.6) ? pairs() : ''
    const options: OAuth1Options = {
      ...pick(CREDENTIALS),
      signatureMethod,
      signatureType,
      ...(signatureMethod === 'RSA-SHA1' && { rsaKey }),
      ...(signatureType === 'header' && often(0.3) && { realm: 'Photos' }),
    }
    const config: AxiosRequestConfig = { method, url: `${pick(PATHS)}${query && `?${query}`}` }
    if (form !== '') Object.assign(config, { data: form, headers: { 'Content-Type': FORM } })
    else if (hasBody) {
      const forceIncludeBody = often(0.5) && signatureMethod !== 'HMAC-SHA256'
      Object.assign(options, { forceIncludeBody })
      Object.assign(config, { data: { json: 'é' } })
    }
    return { options, config }
  })
}

function byAuthlib(requests: readonly Signed[]): Parameters[] {
  return python(PROGRAM, requests, { AUTHLIB_INSECURE_TRANSPORT: '1' }) as Parameters[]
}

it('signs all requests as Authlib does, in each placement', async () => {
  const all: Signed[] = []
  for (const { options, config } of cases(400)) all.push(await signed(options, config))
  for (const [index, theirs] of byAuthlib(all).entries())
    expect({ ...all[index], ours: theirs }).toEqual(all[index])
})

/** Authlib ignores all parameters if one has a character that it expects encoded; RFC 5849 section 3.4.1.3 has no such rule. */
describe('for characters that Authlib cannot read, the signature is the same as for their encoded form', () => {
  const options = { clientId: 'key', signatureMethod: 'HMAC-SHA1', signatureType: 'header' } as const

  it.each(['$', '[1]', '{}'])('%s in a query, which Authlib refuses to sign', async (sign) => {
    const request = await signed(options, { url: `/?a=${sign}` })
    const url = `${server.origin}/?a=${encodeURIComponent(sign)}`
    const [refused, encoded] = byAuthlib([request, { ...request, bare: { ...request.bare, url } }])
    expect(refused).toEqual({ error: expect.stringContaining('non urlencoded') as string })
    expect(request.ours).toEqual(encoded)
  })

  it.each(['$', '[1]', "'x'"])('%s in a form, which Authlib leaves out of the signature', async (sign) => {
    const form = { method: 'POST', data: `a=${sign}`, headers: { 'Content-Type': FORM } }
    const request = await signed(options, form)
    const bodies = ['', `a=${encodeURIComponent(sign).replaceAll("'", '%27')}`]
    const others = bodies.map((body) => ({ ...request, bare: { ...request.bare, body } }))
    const [raw, empty, encoded] = byAuthlib([request, ...others])
    expect(raw).toEqual(empty)
    expect(request.ours).toEqual(encoded)
  })
})
