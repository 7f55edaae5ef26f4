import type { AxiosInstance } from 'axios'

/** A page that the browser loaded. */
export interface Page {
  readonly url: URL
  readonly status: number
  readonly text: string
}

/**
 * A browser for logins: follows redirects with cookies, and submits forms that need no input.
 *
 * @param stopAt - prefix of a URL that is not loaded, such as a callback without a server
 */
export async function browse(http: AxiosInstance, start: string | URL, stopAt?: string): Promise<Page> {
  const cookies = new Map<string, string>()
  let url = new URL(start)
  let form: URLSearchParams | undefined
  for (let step = 0; step < 20; step += 1) {
    if (stopAt !== undefined && url.href.startsWith(stopAt)) return { url, status: 0, text: '' }
    const { status, headers, data } = await http.request<string>({
      url: url.href,
      method: form ? 'POST' : 'GET',
      data: form?.toString(),
      headers: { Cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      maxRedirects: 0,
      responseType: 'text',
      validateStatus: () => true,
    })
    for (const cookie of headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      cookies.set(name, value)
    }
    form = undefined
    if (status >= 300 && status < 400) url = new URL(String(headers.location), url)
    else {
      const action = /<form[^>]* action="([^"]*)"/.exec(data)?.[1]
      if (action === undefined) return { url, status, text: data }
      form = new URLSearchParams()
      for (const [, name = '', value = ''] of data.matchAll(HIDDEN)) form.append(name, value)
      url = new URL(action, url)
    }
  }
  throw new Error('The browser goes round in circles.')
}

const HIDDEN = /<input type="hidden" name="([^"]*)" value="([^"]*)"/g
