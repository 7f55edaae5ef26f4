import type { InternalAxiosRequestConfig } from 'axios'
import type { Explanation } from '../explain/explanation'
import { isPelicanUrl } from '../formats/url'
import { mergeOptions, resolveOptions, type IgwnAuthOptions, type ResolvedOptions } from '../options'
import type { ExpectedTransfer } from '../tokens/token-lifetime'
import { attacher } from './attach'
import { newContext } from './context'
import { notHttpUrl, urlOf } from './destination'
import { explainUnsent } from './explain-refusal'

/**
 * Explains what a GET request to a URL would send, without an axios instance. Imports no value from axios, because the command
 * must start fast.
 *
 * @throws {@link IgwnAuthError} `ERR_IGWN_INVALID_URL` or `ERR_IGWN_INVALID_OPTION`
 */
export async function explainUrl(
  word: string,
  options: IgwnAuthOptions,
  transfer?: ExpectedTransfer,
): Promise<Explanation> {
  const resolved = mergeOptions({}, resolveOptions(options, 'options'))
  if (isPelicanUrl(word)) return explainObject(word, resolved, transfer)
  const url = urlOf({ url: word })
  if (!url) throw notHttpUrl()
  // No rule about what is attached reads the headers: `authenticated` says all of them.
  const request = { url: word } as InternalAxiosRequestConfig
  const hasUserinfo = url.username !== '' || url.password !== ''
  const context = newContext(request, undefined, url, resolved, hasUserinfo)
  // No connection is made that had to be closed.
  return explainUnsent(context, attacher(), { transfer })
}

/** The director of the federation is asked where the object is. */
async function explainObject(
  url: string,
  options: ResolvedOptions,
  transfer?: ExpectedTransfer,
): Promise<Explanation> {
  const [{ AxiosHeaders }, { exchange }] = await Promise.all([import('axios'), import('./exchange')])
  const { explain, close } = exchange(options)
  try {
    return await explain({ url, headers: new AxiosHeaders() }, transfer)
  } finally {
    close()
  }
}
