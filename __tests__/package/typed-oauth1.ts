// OAuth 1 in TypeScript. Compiled twice, as `.mts` and as `.cts`, against the declarations of the package.
import axios, { type AxiosInstance } from 'axios'
import { IgwnAuthError } from 'axios-igwn-auth'
import {
  applyOAuth1,
  oauth1,
  oauth1Flow,
  type OAuth1Flow,
  type OAuth1Options,
  type OAuth1Token,
  type SignatureMethod,
} from 'axios-igwn-auth/oauth1'

async function main(origin: string): Promise<void> {
  const sha512: SignatureMethod = { name: 'HMAC-SHA512', sign: ({ baseString }) => baseString }
  const options: OAuth1Options = { clientId: 'console', clientSecret: 's', signatureMethod: sha512 }
  const instance: AxiosInstance = applyOAuth1(axios.create(), { ...options, cert: false, url: undefined })
  const { status } = await instance.get(origin, { igwnAuth: { scheme: oauth1(options) } })

  const flow: OAuth1Flow = oauth1Flow({ ...options, token: 'a', tokenSecret: 'b', instance })
  const token: OAuth1Token | undefined = flow.token
  flow.token = token && { token: token.token, tokenSecret: token.tokenSecret }
  const error: unknown = await flow
    .accessToken(origin, { timeout: 1, realm: 'x' })
    .catch((failure: unknown) => failure)
  // Both entries share one error class.
  const isOurs = error instanceof IgwnAuthError
  console.log(JSON.stringify({ status, code: isOurs && error.code, isOurs }))
}

/** Never called: the compiler must report these mistakes. */
export function mistakes(instance: AxiosInstance): void {
  // @ts-expect-error there is no client
  oauth1({ clientSecret: 's' })
  // @ts-expect-error there is no such method
  oauth1({ clientId: 'console', signatureMethod: 'HMAC-MD5' })
  // @ts-expect-error tokens of the Bearer scheme are not for here
  applyOAuth1(instance, { clientId: 'console', tokenScope: 'read:/' })
  // @ts-expect-error there is no such option
  void instance.get('/', { igwnAuth: { schemes: [] } })
}

void main(process.argv[2] ?? '')
