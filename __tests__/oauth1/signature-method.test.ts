/**
 * Signatures that others have published, byte for byte. Where a source prints a whole request, it is signed from that
 * request; what is not said there is left out.
 */
import { createHash, createPrivateKey, createPublicKey, verify } from 'node:crypto'
import crypto from 'node:crypto'
import { percentEncode } from '../../lib/oauth1/signature-base-string'
import { parametersOf, signatureBaseString } from '../../lib/oauth1/signature-base-string'
import { signatureMethods, type SignatureMethodName } from '../../lib/oauth1/signature-method'
import { thrownBy } from '../support/thrown-by'

interface Vector {
  /** Where it was published. */
  readonly source: string
  readonly method?: SignatureMethodName
  readonly request: string
  readonly form?: string
  readonly protocol: Readonly<Record<string, string>>
  readonly clientSecret: string
  readonly tokenSecret?: string
  readonly signature: string
}

const PRINTER = { oauth_consumer_key: 'dpf43f3p2l4k3l03', oauth_signature_method: 'HMAC-SHA1' }
const PRINTER_SECRET = 'kd94hf93k423kf44'

const X = {
  form: 'status=Hello%20Ladies%20%2b%20Gentlemen%2c%20a%20signed%20OAuth%20request%21',
  protocol: {
    oauth_consumer_key: 'xvz1evFS4wEEPTGEFPHBog',
    oauth_nonce: 'kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg',
    oauth_signature_method: 'HMAC-SHA1',
    oauth_timestamp: '1318622958',
    oauth_token: '370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb',
    oauth_version: '1.0',
  },
  clientSecret: 'kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw',
  tokenSecret: 'LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE',
}

const VECTORS: Vector[] = [
  {
    source: 'RFC 5849 section 1.2, temporary credentials',
    request: 'POST https://photos.example.net/initiate',
    protocol: {
      ...PRINTER,
      oauth_timestamp: '137131200',
      oauth_nonce: 'wIjqoS',
      oauth_callback: 'http://printer.example.com/ready',
    },
    clientSecret: PRINTER_SECRET,
    signature: '74KNZJeDHnMBp0EMJ9ZHt/XKycU=',
  },
  {
    source: 'RFC 5849 section 1.2, token credentials',
    request: 'POST https://photos.example.net/token',
    protocol: {
      ...PRINTER,
      oauth_token: 'hh5s93j4hdidpola',
      oauth_timestamp: '137131201',
      oauth_nonce: 'walatlh',
      oauth_verifier: 'hfdp7dh39dks9884',
    },
    clientSecret: PRINTER_SECRET,
    tokenSecret: 'hdhd0244k9j7ao03',
    signature: 'gKgrFCywp7rO0OXSjdot/IHF7IU=',
  },
  {
    source: 'RFC 5849 section 1.2, the photo',
    request: 'GET http://photos.example.net/photos?file=vacation.jpg&size=original',
    protocol: {
      ...PRINTER,
      oauth_token: 'nnch734d00sl2jdk',
      oauth_timestamp: '137131202',
      oauth_nonce: 'chapoH',
    },
    clientSecret: PRINTER_SECRET,
    tokenSecret: 'pfkkdhi9sl3r4s00',
    signature: 'MdpQcU8iPSUjWoN/UDMsK2sui9I=',
  },
  {
    // The RFC prints bYT5CMsGcbgUdFHObYMEfcx6bsw=, which does not match these secrets; the erratum is correct.
    source: 'RFC 5849 section 3.1 with verified erratum 2550',
    request: 'POST http://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b',
    form: 'c2&a3=2+q',
    protocol: {
      oauth_consumer_key: '9djdj82h48djs9d2',
      oauth_token: 'kkk9d7dh3k39sjv7',
      oauth_signature_method: 'HMAC-SHA1',
      oauth_timestamp: '137131201',
      oauth_nonce: '7d8f3e4a',
    },
    clientSecret: 'j49sk3j29djd',
    tokenSecret: 'dh893hdasih9',
    signature: 'r6/TJjbCOr97/+UU0NsvSne7s5g=',
  },
  {
    source: 'OAuth Core 1.0 revision A, appendix A.5, https://oauth.net/core/1.0a/#anchor43',
    request: 'GET http://photos.example.net/photos?file=vacation.jpg&size=original',
    protocol: {
      ...PRINTER,
      oauth_token: 'nnch734d00sl2jdk',
      oauth_timestamp: '1191242096',
      oauth_nonce: 'kllo9940pd9333jh',
      oauth_version: '1.0',
    },
    clientSecret: PRINTER_SECRET,
    tokenSecret: 'pfkkdhi9sl3r4s00',
    signature: 'tR3+Ty81lMeYAr/Fid0kMTYa/WM=',
  },
  {
    source: 'Twitter, "Creating a signature", https://dev.twitter.com/oauth/overview/creating-signatures',
    request: 'POST https://api.twitter.com/1/statuses/update.json?include_entities=true',
    ...X,
    signature: 'tnnArxj06cWHq44gCs1OSKk/jLY=',
  },
  {
    source: 'the same page when the API had version 1.1',
    request: 'POST https://api.twitter.com/1.1/statuses/update.json?include_entities=true',
    ...X,
    signature: 'hCtSmYh+iHYCEqBWrE7C7hYmtUk=',
  },
  {
    source:
      'X, "Creating a signature", https://docs.x.com/fundamentals/authentication/oauth-1-0a/creating-a-signature',
    request: 'POST https://api.x.com/1.1/statuses/update.json?include_entities=true',
    ...X,
    signature: 'Ls93hJiZbQ3akF3HF3x1Bz8/zU4=',
  },
  {
    source: 'Flickr by a page of its users, http://www.wackylabs.net/2011/12/oauth-and-flickr-part-2/',
    request: 'GET http://www.flickr.com/services/oauth/request_token',
    protocol: {
      oauth_nonce: 'C2F26CD5C075BA9050AD8EE90644CF29',
      oauth_timestamp: '1316657628',
      oauth_consumer_key: '768fe946d252b119746fda82e1599980',
      oauth_version: '1.0',
      oauth_signature_method: 'HMAC-SHA1',
      oauth_callback: 'http://www.wackylabs.net/oauth/test',
    },
    clientSecret: '1a3c208e172d3edc',
    signature: '0fhNGlzpFNAsTme/hDfUb5HPB5U=',
  },
  {
    source: 'RFC 5849 section 2.1, PLAINTEXT',
    method: 'PLAINTEXT',
    request: 'POST https://server.example.com/request_temp_credentials',
    protocol: {
      oauth_consumer_key: 'jd83jd92dhsh93js',
      oauth_signature_method: 'PLAINTEXT',
      oauth_callback: 'http://client.example.net/cb?x=1',
    },
    clientSecret: 'ja893SD9',
    signature: 'ja893SD9&',
  },
  {
    source: 'RFC 5849 section 2.3, PLAINTEXT',
    method: 'PLAINTEXT',
    request: 'POST https://server.example.com/request_token',
    protocol: {
      oauth_consumer_key: 'jd83jd92dhsh93js',
      oauth_token: 'hdk48Djdsa',
      oauth_signature_method: 'PLAINTEXT',
      oauth_verifier: '473f82d3',
    },
    clientSecret: 'ja893SD9',
    tokenSecret: 'xyz4992k83j47x0b',
    signature: 'ja893SD9&xyz4992k83j47x0b',
  },
  {
    source: 'http://wiki.oauth.net/w/page/12238556/TestCases, RSA-SHA1 (section 9.3)',
    method: 'RSA-SHA1',
    request: 'GET http://photos.example.net/photos?file=vacaction.jpg&size=original',
    protocol: {
      oauth_consumer_key: 'dpf43f3p2l4k3l03',
      oauth_nonce: '13917289812797014437',
      oauth_signature_method: 'RSA-SHA1',
      oauth_timestamp: '1196666512',
      oauth_version: '1.0',
    },
    clientSecret: '',
    signature:
      'jvTp/wX1TYtByB1m+Pbyo0lnCOLIsyGCH7wke8AUs3BpnwZJtAuEJkvQL2/9n4s5wUmUl4aCI4BwpraNx4RtEXMe5qg5T1LVTGliMRpKasKsW//e+RinhejgCuzoH26dyF8iY2ZZ/5D1ilgeijhV/vBka5twt399mXwaYdCwFYE=',
  },
]

/** The public example key on that page of the wiki. */
const RSA_KEY = createPrivateKey({
  format: 'der',
  type: 'pkcs8',
  key: Buffer.from(
    'MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBALRiMLAh9iimur8V' +
      'A7qVvdqxevEuUkW4K+2KdMXmnQbG9Aa7k7eBjK1S+0LYmVjPKlJGNXHDGuy5Fw/d' +
      '7rjVJ0BLB+ubPK8iA/Tw3hLQgXMRRGRXXCn8ikfuQfjUS1uZSatdLB81mydBETlJ' +
      'hI6GH4twrbDJCR2Bwy/XWXgqgGRzAgMBAAECgYBYWVtleUzavkbrPjy0T5FMou8H' +
      'X9u2AC2ry8vD/l7cqedtwMPp9k7TubgNFo+NGvKsl2ynyprOZR1xjQ7WgrgVB+mm' +
      'uScOM/5HVceFuGRDhYTCObE+y1kxRloNYXnx3ei1zbeYLPCHdhxRYW7T0qcynNmw' +
      'rn05/KO2RLjgQNalsQJBANeA3Q4Nugqy4QBUCEC09SqylT2K9FrrItqL2QKc9v0Z' +
      'zO2uwllCbg0dwpVuYPYXYvikNHHg+aCWF+VXsb9rpPsCQQDWR9TT4ORdzoj+Nccn' +
      'qkMsDmzt0EfNaAOwHOmVJ2RVBspPcxt5iN4HI7HNeG6U5YsFBb+/GZbgfBT3kpNG' +
      'WPTpAkBI+gFhjfJvRw38n3g/+UeAkwMI2TJQS4n8+hid0uus3/zOjDySH3XHCUno' +
      'cn1xOJAyZODBo47E+67R4jV1/gzbAkEAklJaspRPXP877NssM5nAZMU0/O/NGCZ+' +
      '3jPgDUno6WbJn5cqm8MqWhW1xGkImgRk+fkDBquiq4gPiT898jusgQJAd5Zrr6Q8' +
      'AO/0isr/3aa6O6NLQxISLKcPDk2NOccAfS/xOtfOz4sJYM3+Bs4Io9+dZGSDCA54' +
      'Lw03eHTNQghS0A==',
    'base64',
  ),
})

function baseStringOf({ request, form = '', protocol }: Vector): string {
  const [method = '', url = ''] = request.split(' ')
  const parsed = new URL(url)
  return signatureBaseString(method, parsed, [
    ...parametersOf(parsed.search.slice(1)),
    ...parametersOf(form),
    ...Object.entries(protocol).map(([name, value]) => [percentEncode(name), percentEncode(value)] as const),
  ])
}

it.each(VECTORS.map((vector) => [vector.source, vector] as const))('signs as %s', (_, vector) => {
  const { method = 'HMAC-SHA1', clientSecret, tokenSecret = '', signature } = vector
  const baseString = baseStringOf(vector)
  const signable = { baseString, clientSecret, tokenSecret, rsaKey: RSA_KEY }
  expect(signatureMethods[method].sign(signable)).toBe(signature)
})

it('signs the base string of Flickr, https://www.flickr.com/services/api/auth.oauth.html', () => {
  // The page gives no secret for this example.
  expect(
    baseStringOf({
      source: '',
      request: 'GET http://www.flickr.com/services/oauth/request_token',
      protocol: {
        oauth_nonce: '95613465',
        oauth_timestamp: '1305586162',
        oauth_consumer_key: '653e7a6ecc1d528c516cc8f92cf98611',
        oauth_signature_method: 'HMAC-SHA1',
        oauth_version: '1.0',
        oauth_callback: 'http://www.example.com',
      },
      clientSecret: '',
      signature: '',
    }),
  ).toBe(
    'GET&http%3A%2F%2Fwww.flickr.com%2Fservices%2Foauth%2Frequest_token&oauth_callback%3Dhttp%253A%252F%252Fwww.example.com%26oauth_consumer_key%3D653e7a6ecc1d528c516cc8f92cf98611%26oauth_nonce%3D95613465%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D1305586162%26oauth_version%3D1.0',
  )
})

// "HMAC-SHA1 (section 9.2)", http://wiki.oauth.net/w/page/12238556/TestCases
it.each([
  ['cs', '', 'egQqG5AJep5sJ7anhXju1unge2I='],
  ['cs', 'ts', 'VZVjXceV7JgPq/dOTnNmEfO0Fv8='],
])('signs "bs" with %j and %j as in the OAuth wiki', (clientSecret, tokenSecret, signature) => {
  const signable = { baseString: 'bs', clientSecret, tokenSecret, rsaKey: undefined }
  expect(signatureMethods['HMAC-SHA1'].sign(signable)).toBe(signature)
})

// Made with openssl for the tests of oauthlib, https://github.com/oauthlib/oauthlib, test_signatures.py
it.each([
  ['HMAC-SHA1' as const, 'wsdNmjGB7lvis0UJuPAmjvX/PXw='],
  ['HMAC-SHA256' as const, 'wdfdHUKXHbOnOGZP8WFAWMSAmWzN3EVBWWgXGlC/Eo4='],
])('signs the base string of RFC 5849 with %s and other secrets as openssl does', (method, signature) => {
  const baseString =
    'POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7'
  const secrets = {
    clientSecret: 'ECrDNoq1VYzzzzzzzzzyAK7TwZNtPnkqatqZZZZ',
    tokenSecret: 'just-a-string    asdasd',
  }
  expect(signatureMethods[method].sign({ baseString, ...secrets, rsaKey: undefined })).toBe(signature)
})

it('encodes the secrets of PLAINTEXT, and joins them with an ampersand also when empty', () => {
  const { PLAINTEXT } = signatureMethods
  const nothing = { baseString: '', rsaKey: undefined }
  expect(PLAINTEXT.sign({ ...nothing, clientSecret: 'a&b', tokenSecret: '%' })).toBe('a%26b&%25')
  expect(PLAINTEXT.sign({ ...nothing, clientSecret: '', tokenSecret: '' })).toBe('&')
})

it('makes RSA signatures that the public key verifies', () => {
  const signable = { baseString: 'bs', clientSecret: '', tokenSecret: '', rsaKey: RSA_KEY }
  const signature = signatureMethods['RSA-SHA1'].sign(signable) as string
  const publicKey = createPublicKey(RSA_KEY)
  expect(verify('RSA-SHA1', Buffer.from('bs'), publicKey, Buffer.from(signature, 'base64'))).toBe(true)
})

it('reports when OpenSSL refuses to sign', () => {
  const refusing = jest.spyOn(crypto, 'sign').mockImplementation(() => {
    throw Object.assign(new Error('invalid digest'), { code: 'ERR_OSSL_INVALID_DIGEST' })
  })
  const signable = { baseString: 'bs', clientSecret: '', tokenSecret: '', rsaKey: RSA_KEY }
  expect(thrownBy(() => signatureMethods['RSA-SHA1'].sign(signable))).toMatchObject({
    code: 'ERR_IGWN_OAUTH1_UNSIGNED',
    message:
      'OpenSSL refused to sign with RSA-SHA1 (ERR_OSSL_INVALID_DIGEST); the crypto policy of this host may forbid SHA-1. Use another signatureMethod, if the server supports one.',
  })
  refusing.mockRestore()
})

it('allows signatures over plain HTTP, and secrets not', () => {
  const safe = Object.values(signatureMethods).map(({ name, allowOverHttp }) => [name, allowOverHttp])
  expect(Object.fromEntries(safe)).toEqual({
    'HMAC-SHA1': true,
    'HMAC-SHA256': true,
    'RSA-SHA1': true,
    PLAINTEXT: false,
  })
})

it('hashes bodies as in the draft, https://datatracker.ietf.org/doc/html/draft-eaton-oauth-bodyhash-00', () => {
  expect(signatureMethods['RSA-SHA1'].bodyHash ?? 'sha1').toBe('sha1')
  expect(signatureMethods['HMAC-SHA256'].bodyHash).toBe('sha256')
  const { bodyHash = '' } = signatureMethods['HMAC-SHA1']
  expect(createHash(bodyHash).update('Hello World!').digest('base64')).toBe('Lve95gjOVATpfV8EL5X4nxwjKHE=')
})
