import { printable } from './sanitize'

/**
 * What another program wrote, fit to stand in a message of ours: what may be a secret is taken out, control characters too,
 * and of a long text only the end is left, for there programs say why they failed. Rather too much is taken out than too
 * little.
 *
 * @param secrets - texts that are known to be secret, taken out wherever they are
 */
export function redact(text: string, secrets: readonly string[] = []): string {
  const shown = withoutSecrets(endOf(text), secrets)
    .replace(PEM, HIDDEN)
    .replace(JWT, HIDDEN)
    .replace(USERINFO, `$1${HIDDEN}@`)
    .replace(NAMED, hideNamed)
    .replace(WORD, (word) => (isLikeASecret(word) ? HIDDEN : word))
  const line = printable(shown.trim().replace(/\s+/g, ' '))
  return line.length > MAX_SHOWN ? `...${line.slice(-MAX_SHOWN)}` : line
}

/** A text without texts that are known to be secret; all else stays. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .filter(({ length }) => length >= MIN_SECRET)
    .reduce((shown, secret) => shown.replaceAll(secret, HIDDEN), text)
}

/** The last lines of a long text; no word is cut, for half a secret may not look like one. */
function endOf(text: string): string {
  if (text.length <= MAX_READ) return text
  const end = text.slice(-MAX_READ)
  const begin = end.search(/\s/)
  return begin < 0 ? HIDDEN : end.slice(begin)
}

const MAX_READ = 4000

const HIDDEN = '[hidden]'

/** A shorter text would be found in words that are none. */
const MIN_SECRET = 6

const MAX_SHOWN = 300

const PEM = /-----BEGIN [^-]+-----[^]*?(?:-----END [^-]+-----|$)/g

/** A header in JSON begins so in base64url; also one that was cut. */
const JWT = /\beyJ[\w-]*(?:\.[\w-]*)*/g

/** The login of a URL. */
const USERINFO = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi

/** What is said to be secret: `password=…`, `X-Vault-Token: …`, `Bearer …`, `"refresh_token": "…"`. */
const NAMED =
  /((?<![a-z])(?:authorization|bearer|basic|negotiate|passw(?:or)?d|passphrase|secret|api-?key|token))(["']?\s*[:=]\s*["']?(?:bearer\s+|basic\s+|negotiate\s+)?|\s+(?=\S*\d))([^\s"',;]+)/gi

/** A sentence may have a colon behind "token" too, and go on with a word. */
function hideNamed(all: string, name: string, between: string, value: string): string {
  const isProse = /^token$/i.test(name) && /^:\s+$/.test(between) && /^[a-z]+$/i.test(value)
  return isProse ? all : `${name}${between}${HIDDEN}`
}

/** Characters of a token (RFC 6750 section 2.1), but for those that part a path or a host name. */
const WORD = /[A-Za-z0-9_~+=-]{20,}/g

/** Long, with digits among the letters, as nothing that people name is. */
function isLikeASecret(word: string): boolean {
  return /\d/.test(word) && /[A-Za-z]/.test(word)
}
