import axios, { type AxiosRequestConfig, type InternalAxiosRequestConfig } from 'axios'

const blank = new axios.Axios({})

/** Where the request goes, without its parameters; undefined for what is not http, as `data:`, a socket or no URL at all. */
export function destinationOf(request: InternalAxiosRequestConfig): URL | undefined {
  const { url, baseURL, allowAbsoluteUrls, socketPath } = request
  if (socketPath != null) return undefined
  // Without a base axios takes the URL as it is.
  const text = baseURL ? blank.getUri({ url, baseURL, allowAbsoluteUrls } as AxiosRequestConfig) : (url ?? '')
  try {
    const parsed = new URL(text)
    return parsed.protocol === 'https:' || parsed.protocol === 'http:' ? parsed : undefined
  } catch {
    return undefined
  }
}
