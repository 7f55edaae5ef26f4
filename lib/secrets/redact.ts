import { printable } from './sanitize'

/**
 * Prepares text of another program for a message: secrets and control characters are removed, and of a long text only the end
 * is kept, where programs say why they failed. It redacts too much rather than too little.
 *
 * @param secrets - texts that are known to be secret, redacted in every encoding of {@link redactSecrets}
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
  return formsOf(secrets).reduce(
    (shown, form) => (mayHold(shown, form) ? shown.replace(patternOf(form), HIDDEN) : shown),
    text,
  )
}

/** Whether a text repeats one of the secrets, in one of these encodings. */
export function repeatsSecret(text: string, secrets: readonly string[]): boolean {
  return formsOf(secrets).some((form) => mayHold(text, form) && patternOf(form).test(text))
}

/** A text that is searched for, and what may follow it. */
interface Form {
  readonly text: string
  /** As the source of a regular expression. */
  readonly end?: string
}

/**
 * Secrets as they are, in hexadecimal, and in Base64, also as a part of something longer. Longest first, so that no part of one is
 * left over. Texts of fewer than six characters are left out: they occur in ordinary words.
 */
function formsOf(secrets: readonly string[]): Form[] {
  return secrets
    .filter(({ length }) => length >= MIN_SECRET)
    .sort((a, b) => b.length - a.length)
    .flatMap((secret) => {
      const bytes = Buffer.from(secret)
      const hex = bytes.toString('hex')
      const encoded = [0, 1, 2].map((offset) => base64Form(bytes, offset))
      return [{ text: secret }, ...encoded, { text: hex }, { text: hex.toUpperCase() }]
    })
}

/** The Base64 of bytes that `offset` other bytes precede: the characters that depend on these bytes alone. */
function base64Form(bytes: Buffer, offset: number): Form {
  const whole = Buffer.concat([Buffer.alloc(offset), bytes])
  const text = whole.toString('base64').replaceAll('=', '')
  const complete = Math.floor((whole.length * 8) / 6)
  const last = text.slice(complete)
  const end = last && `(?:${last.replace(/./, encoded)}(?:${encoded('=')}){0,2})?`
  return { text: text.slice(offset === 0 ? 0 : offset + 1, complete), end }
}

/** Quickly rules out most texts: no encoding changes letters and digits. */
function mayHold(text: string, { text: secret }: Form): boolean {
  let longest = ''
  for (const run of secret.split(/[^A-Za-z0-9]+/)) if (run.length > longest.length) longest = run
  return text.includes(longest)
}

function patternOf({ text, end = '' }: Form): RegExp {
  // Without a loop: what it matches is at most as long as its own text, and linear-time.test.ts measures it.
  // eslint-disable-next-line no-restricted-syntax -- made from the secret, character by character
  return new RegExp(Array.from(text, encoded).join('') + end, 'g')
}

/**
 * A character in each form that servers and programs give it: percent-encoded (also of another percent encoding), as an escape of
 * JSON or JavaScript, as a reference of HTML, in the alphabet of base64url, as UTF-8 that was read as Latin-1.
 */
function encoded(character: string): string {
  if (/[A-Za-z0-9]/.test(character)) return character
  const code = character.codePointAt(0) ?? 0
  const hex = code.toString(16)
  const bytes = Buffer.from(character)
  const utf16 = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index))
  const forms = [
    ...(code < 0x100 ? [`\\\\{1,4}x${anyCase(padded(hex, 2))}`] : []),
    ...(code >= 0x80 && code < 0x100 ? [percent(code)] : []),
    utf16.map((unit) => `\\\\{1,4}u${anyCase(padded(unit.toString(16), 4))}`).join(''),
    Array.from(bytes, percent).join(''),
    `&(?:amp;){0,4}(?:#0{0,4}${code}|#[xX]0{0,4}${anyCase(hex)}${NAMED_REFERENCES[character] ?? ''});`,
    ...(ALTERNATIVES[character] ?? []),
    ...(code < 0x80 ? [] : [literal(bytes.toString('latin1'))]),
    // Last, as each encoding begins with such a character.
    `\\\\{0,4}${literal(character)}`,
  ]
  return `(?:${forms.join('|')})`
}

const NAMED_REFERENCES: Readonly<Record<string, string>> = {
  '&': '|amp',
  '<': '|lt',
  '>': '|gt',
  '"': '|quot',
  "'": '|apos',
}

/** A form has `+` for a space; base64url has `-` and `_`. */
const ALTERNATIVES: Readonly<Record<string, readonly string[]>> = { ' ': ['\\+'], '+': ['-'], '/': ['_'] }

function percent(byte: number): string {
  return `%(?:25){0,4}${anyCase(padded(byte.toString(16), 2))}`
}

function padded(hex: string, length: number): string {
  return hex.padStart(length, '0')
}

function anyCase(hex: string): string {
  return hex.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`)
}

function literal(text: string): string {
  return text.replace(/[$()*+./?[\\\]^{|}-]/g, '\\$&')
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

/** Shorter texts are not hidden. */
export const MIN_SECRET = 6

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
