import { printable } from './sanitize'

/**
 * Prepares text of another program for a message: secrets and control characters are removed, and of a long text only the end
 * is kept, where programs say why they failed. It redacts too much rather than too little.
 *
 * @param secrets - texts that are known to be secret, redacted in every encoding of {@link encodingsOf}
 */
export function redact(text: string, secrets: readonly string[] = []): string {
  const shown = redactSecrets(endOf(text), secrets)
    .replace(PEM, HIDDEN)
    .replace(JWT, HIDDEN)
    .replace(USERINFO, `$1${HIDDEN}@`)
    .replace(NAMED, redactNamed)
    .replace(WORD, (word) => (looksSecret(word) ? HIDDEN : word))
  const line = printable(shown.trim().replace(/\s+/g, ' '))
  return line.length > MAX_SHOWN ? `...${line.slice(-MAX_SHOWN)}` : line
}

/** Removes known secrets from a text, in each encoding in which servers and programs repeat them; the rest stays. */
export function redactSecrets(text: string, secrets: readonly string[]): string {
  return encodingsOf(secrets).reduce((shown, secret) => shown.replaceAll(secret, HIDDEN), text)
}

/**
 * The forms in which a server may repeat secrets: as they are, and in URL, form, Base64, JSON and HTML encoding. Longest first,
 * so that no part of one is left over. Texts of fewer than six characters are left out: they occur in ordinary words.
 */
export function encodingsOf(secrets: readonly string[]): string[] {
  const all = new Set<string>()
  for (const secret of secrets) {
    if (secret.length < MIN_SECRET) continue
    const bytes = Buffer.from(secret)
    const url = percentEncode(secret)
    // Encodes `'`, `!`, `~`, `(` and `)`, too.
    const form = new URLSearchParams([['', secret]]).toString().slice(1)
    for (const encoded of [url, form, form.replaceAll('+', '%20')]) {
      all.add(encoded)
      all.add(encoded.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase()))
    }
    for (const encoded of [
      secret,
      bytes.toString('base64'),
      bytes.toString('base64url'),
      JSON.stringify(secret).slice(1, -1),
      secret.replace(/[&<>"']/g, (sign) => HTML[sign] ?? sign),
    ])
      all.add(encoded)
  }
  return [...all].sort((a, b) => b.length - a.length)
}

const HTML: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** encodeURIComponent throws for a lone surrogate. */
function percentEncode(text: string): string {
  try {
    return encodeURIComponent(text)
  } catch {
    return text
  }
}

/** The end of a long text, from the first white space on: half of a secret may not look like one. */
function endOf(text: string): string {
  if (text.length <= MAX_READ) return text
  const end = text.slice(-MAX_READ)
  const begin = end.search(/\s/)
  return begin < 0 ? HIDDEN : end.slice(begin)
}

const MAX_READ = 4000

export const HIDDEN = '[hidden]'

const MIN_SECRET = 6

const MAX_SHOWN = 300

const PEM = /-----BEGIN [^-]+-----[^]*?(?:-----END [^-]+-----|$)/g

/** A JSON header begins like this in base64url; a JWT that was cut also matches. */
const JWT = /\beyJ[\w-]*(?:\.[\w-]*)*/g

/** The userinfo of a URL. */
const USERINFO = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi

/** Values named as secrets: `password=…`, `X-Vault-Token: …`, `Bearer …`, `"refresh_token": "…"`. */
const NAMED =
  /((?<![a-z])(?:authorization|bearer|basic|negotiate|passw(?:or)?d|passphrase|secret|api-?key|token))(["']?\s*[:=]\s*["']?(?:bearer\s+|basic\s+|negotiate\s+)?|\s+(?=\S*\d))([^\s"',;]+)/gi

/** In a sentence, "token:" may be followed by a word. */
function redactNamed(all: string, name: string, between: string, value: string): string {
  const isProse = /^token$/i.test(name) && /^:\s+$/.test(between) && /^[a-z]+$/i.test(value)
  return isProse ? all : `${name}${between}${HIDDEN}`
}

/** Characters of a token (RFC 6750 section 2.1), except those that separate a path or a host name. */
const WORD = /[A-Za-z0-9_~+=-]{20,}/g

/** Long, with digits among letters. */
function looksSecret(word: string): boolean {
  return /\d/.test(word) && /[A-Za-z]/.test(word)
}
