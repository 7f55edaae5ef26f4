import type { AxiosInstance } from 'axios'
import { applyIgwnAuth } from '../instance/apply-igwn-auth'
import type { IgwnAuthOptions } from '../options'
import { oauth1 } from './oauth1'
import type { OAuth1Options } from './oauth1-options'

/** The options of `applyIgwnAuth` that can be combined with OAuth 1: certificates, transport and events. */
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
 * Signs the requests of an axios instance with OAuth 1.0 and returns that instance. Replaces what `applyIgwnAuth` or
 * `applyOAuth1` installed before; `removeIgwnAuth` removes it. Set options of a single request in its config under `igwnAuth`.
 *
 * @param options - those of {@link oauth1}, and the connection options of `applyIgwnAuth`. The default of `cert` is false here:
 *   OAuth 1 servers do not ask for grid certificates
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_OPTION` for an invalid option
 */
export function applyOAuth1<Instance extends AxiosInstance>(
  instance: Instance,
  options: OAuth1Options & ConnectionOptions & Pick<IgwnAuthOptions, 'url'>,
): Instance {
  const { connection, own } = splitOptions(options)
  const { url, ...signature } = own
  return applyIgwnAuth(instance, { ...connection, url, scheme: oauth1(signature) })
}

/** Separates the connection options from the others, which are not checked yet. */
export function splitOptions<Options extends ConnectionOptions>(
  options: Options,
): { connection: IgwnAuthOptions; own: Omit<Options, keyof ConnectionOptions> } {
  const isConnectionOption = ([name]: [string, unknown]) => Object.hasOwn(CONNECTION, name)
  // JavaScript callers may pass no options; the error is then about clientId.
  const all: [string, unknown][] = Object.entries((options as Options | undefined) ?? {})
  const own = Object.fromEntries(all.filter((entry) => !isConnectionOption(entry)))
  return {
    connection: { netrc: false, cert: false, ...Object.fromEntries(all.filter(isConnectionOption)) },
    own: own as Omit<Options, keyof ConnectionOptions>,
  }
}
