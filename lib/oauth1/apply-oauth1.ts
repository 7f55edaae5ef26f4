import type { AxiosInstance } from 'axios'
import { applyIgwnAuth } from '../instance/apply-igwn-auth'
import type { IgwnAuthOptions } from '../options'
import { oauth1 } from './oauth1'
import type { OAuth1Options } from './oauth1-options'

/** What of the options of `applyIgwnAuth` goes with OAuth 1: how requests are connected, and who hears of them. */
export type ConnectionOptions = Pick<
  IgwnAuthOptions,
  'cert' | 'certMinTimeLeft' | 'passphrase' | 'allowInsecureHttp' | 'trustedOrigins' | 'onEvent'
>

const CONNECTION: Readonly<Record<keyof ConnectionOptions, true>> = {
  cert: true,
  certMinTimeLeft: true,
  passphrase: true,
  allowInsecureHttp: true,
  trustedOrigins: true,
  onEvent: true,
}

/**
 * Signs the requests of an axios instance with OAuth 1.0, and returns that instance; in the place of what was applied to it
 * before. `removeIgwnAuth` takes it off. Options of one request stand in its config under `igwnAuth`.
 *
 * @param options - those of {@link oauth1}, and of `applyIgwnAuth` those about the connection. Of them `cert` has another
 *   default: false, for OAuth 1 servers do not ask for grid certificates
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` when an option cannot be used
 */
export function applyOAuth1<Instance extends AxiosInstance>(
  instance: Instance,
  options: OAuth1Options & ConnectionOptions & Pick<IgwnAuthOptions, 'url'>,
): Instance {
  const { connection, own } = parted(options)
  const { url, ...signature } = own
  return applyIgwnAuth(instance, { ...connection, url, scheme: oauth1(signature) })
}

/** Options of the connection apart from the others, which are still to be checked. */
export function parted<Options extends ConnectionOptions>(
  options: Options,
): { connection: IgwnAuthOptions; own: Omit<Options, keyof ConnectionOptions> } {
  const isOfConnection = ([name]: [string, unknown]) => Object.hasOwn(CONNECTION, name)
  // In JavaScript they may be forgotten; then it is clientId that is missing.
  const all: [string, unknown][] = Object.entries((options as Options | undefined) ?? {})
  const own = Object.fromEntries(all.filter((entry) => !isOfConnection(entry)))
  return {
    connection: { netrc: false, cert: false, ...Object.fromEntries(all.filter(isOfConnection)) },
    own: own as Omit<Options, keyof ConnectionOptions>,
  }
}
