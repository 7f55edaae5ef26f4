import netrcPackage from 'netrc'
import { withLineFeeds } from '../formats/line-ends'

/** The values of one machine in a netrc file; empty when they are missing. */
export interface NetrcEntry {
  readonly login: string
  readonly account: string
  readonly password: string
}

/** A part of a netrc file that programs read differently. It never repeats a word of the file, which may be a password. */
export interface NetrcFault {
  /** Counted from 1. */
  readonly line: number
  /** The problem, as a noun phrase: "a quote that is never closed". */
  readonly what: string
}

export interface Netrc {
  /** Entries by machine name, as written; `default` is for all other machines. */
  readonly entries: ReadonlyMap<string, NetrcEntry>
  /** Up to twenty, by line. */
  readonly faults: readonly NetrcFault[]
}

/**
 * Parses the text of a netrc file. The result is that of Python's `netrc` module (3.11) wherever that accepts the file. Where
 * it rejects the whole file for one fault, the rest is used, as in curl: unknown words are skipped, keywords match in any
 * case, and a comment always extends to the end of its line. Never throws.
 *
 * The package `netrc` makes the entries. It cuts lines at `#`, misreads `default` and `macdef`, and sets the prototype for a
 * machine named `__proto__`. Therefore it gets a normalized text, with a number for each value.
 */
export function parseNetrc(text: string): Netrc {
  // Python normalizes line ends too. A byte order mark is not part of the first word.
  const content = withLineFeeds(text.replace(/^\uFEFF/, ''))
  const strict = new MachineReader(content, 'as Python')
  if (!strict.refused) return { entries: entriesOf(strict.machines), faults: strict.faults }

  const { line } = strict.refused
  const { machines, faults } = new MachineReader(content, 'tolerant')
  const refused = { line, what: "Python's netrc module rejects the whole file because of this line" }
  const all = faults.some((fault) => fault.line === line) ? faults : [...faults, refused]
  return { entries: entriesOf(machines), faults: all.sort((a, b) => a.line - b.line) }
}

/** One `machine` or `default`, with what follows it. */
interface Machine {
  readonly name: string
  login: string
  account: string
  password: string
}

function entriesOf(machines: ReadonlyMap<string, Machine>): Map<string, NetrcEntry> {
  const values: string[] = ['']
  const numbered = (key: string, value: string): string => ` ${key} v${values.push(value) - 1}`
  const where = (key: string, value: string): string => (value === '' ? '' : numbered(key, value))
  // One line: the package is slow with many.
  const plainText = Array.from(
    machines.values(),
    ({ name, login, account, password }) =>
      numbered('machine', name) +
      where('login', login) +
      where('account', account) +
      where('password', password),
  ).join('')
  const valueOf = (number = 'v0'): string => values[Number(number.slice(1))] ?? ''
  return new Map(
    Object.entries(netrcPackage.parse(plainText)).map(([name, { login, account, password }]) => [
      valueOf(name),
      { login: valueOf(login), account: valueOf(account), password: valueOf(password) },
    ]),
  )
}

const MAX_FAULTS = 20

/** Reads all machines of a text. With `as Python` it stops at the first fault for which Python rejects the file: `refused`. */
class MachineReader {
  /** By name, in the order of first occurrence; the last entry of a name is used. */
  readonly machines = new Map<string, Machine>()
  readonly faults: NetrcFault[] = []
  refused: NetrcFault | undefined
  readonly #words: Words
  readonly #tolerant: boolean

  constructor(text: string, mode: 'as Python' | 'tolerant') {
    this.#words = new Words(text)
    this.#tolerant = mode === 'tolerant'
    let word = this.#next()
    while (!this.refused && !this.#isLast(word)) word = this.#readFrom(word)
  }

  /** Reads the part that begins with `word`, and returns the first word after it. */
  #readFrom(word: Word): Word {
    switch (this.#keyword(word)) {
      case 'machine':
        return this.#readMachine(this.#next())
      case 'default':
        return this.#readMachine({ ...word, text: 'default' })
      case 'macdef':
        this.#skipMacro(word)
        break
      case '#':
        // Between machines, only a `#` that is a word of its own starts a comment in Python.
        this.#skipComment(word, word.text === '#')
        break
      default:
        this.#refuse(word, 'an unknown word; a value with spaces needs quotes')
    }
    return this.#next()
  }

  #readMachine(name: Word): Word {
    const machine: Machine = { name: name.text, login: '', account: '', password: '' }
    if (name.text === '') this.#refuse(name, 'a machine without a name')
    else this.#add(machine, name)

    while (!this.refused) {
      const word = this.#next()
      switch (this.#keyword(word)) {
        case '':
        case 'machine':
        case 'default':
        case 'macdef':
          return word
        case 'login':
        case 'user':
          machine.login = this.#next().text
          break
        case 'account':
          machine.account = this.#next().text
          break
        case 'password':
          machine.password = this.#next().text
          break
        case '#':
          this.#skipComment(word, true)
          break
        default:
          this.#refuse(word, 'an unknown word; a value with spaces needs quotes')
      }
    }
    return name
  }

  #add(machine: Machine, name: Word): void {
    if (this.machines.has(machine.name))
      this.#note(name, 'a machine with an earlier entry; the last entry is used')
    this.machines.set(machine.name, machine)
  }

  /** The next word is the name of the macro, which ends with an empty line. */
  #skipMacro(start: Word): void {
    this.#next()
    do {
      if (this.#words.atEnd) {
        this.#refuse(start, 'a macro without an empty line at its end')
        return
      }
    } while (this.#words.takeLine() !== '')
  }

  /**
   * Python finds the end of a comment by line numbers. After an empty line or a quoted value it is wrong by one line, and
   * reads the comment as entries. The same is done here, and reported.
   */
  #skipComment(word: Word, pythonMay: boolean): void {
    if (this.#tolerant) this.#words.skipLineOf(word)
    else if (pythonMay && !word.crossesLine) this.#words.takeLine()
    else if (this.#words.hasMoreInLine) this.#note(word, "a comment that Python's netrc module does not skip")
  }

  #next(): Word {
    const word = this.#words.next()
    if (word.unclosed) this.#note(word, 'a quote that is never closed')
    return word
  }

  /** In Python the word `""` also ends the file. */
  #isLast(word: Word): boolean {
    return word.text === '' && (!this.#tolerant || this.#words.atEnd)
  }

  #keyword({ text }: Word): string {
    if (text.startsWith('#')) return '#'
    return this.#tolerant ? text.toLowerCase() : text
  }

  #refuse({ line }: Word, what: string): void {
    if (this.#tolerant) this.#note({ line }, what)
    else this.refused = { line, what }
  }

  /** One fault per line: one wrong word causes more. */
  #note({ line }: Pick<Word, 'line'>, what: string): void {
    if (this.faults.length < MAX_FAULTS && this.faults.at(-1)?.line !== line) this.faults.push({ line, what })
  }
}

interface Word {
  readonly text: string
  readonly start: number
  readonly line: number
  /** Whether a line ends before, in, or directly after the word. */
  readonly crossesLine: boolean
  readonly unclosed: boolean
}

/** The words of a text as Python's netrc module splits them. At the end of the text every word is empty. */
class Words {
  #at = 0
  #line = 1
  /** Whether the last word was followed by its delimiter. */
  #closed = false
  constructor(readonly text: string) {}

  get atEnd(): boolean {
    return this.#at >= this.text.length
  }

  get hasMoreInLine(): boolean {
    if (this.text[this.#at - 1] === '\n') return false
    const more = /[ \t]*[^ \t\n]/y
    more.lastIndex = this.#at
    return more.test(this.text)
  }

  next(): Word {
    const before = this.#line
    while (isSpace(this.text.charCodeAt(this.#at))) this.#advance()
    const start = this.#at
    const line = this.#line
    const isQuoted = this.text.charCodeAt(start) === QUOTE
    const text = isQuoted ? this.#quoted() : this.#upTo(isSpace)
    return { text, start, line, crossesLine: this.#line > before, unclosed: isQuoted && !this.#closed }
  }

  /** The rest of the line. */
  takeLine(): string {
    const line = this.text.slice(this.#at, this.#endOfLine())
    this.#at += line.length
    this.#advance()
    return line
  }

  /** Continues after the line in which a word begins. */
  skipLineOf(word: Word): void {
    this.#at = word.start
    this.#line = word.line
    this.takeLine()
  }

  /** Up to the next quote, which may be on another line. */
  #quoted(): string {
    this.#advance()
    return this.#upTo(isQuote)
  }

  /**
   * Up to the delimiter, and one character further. Inside a bare word a quote has no meaning. A backslash escapes the next
   * character.
   */
  #upTo(ends: (code: number) => boolean): string {
    const { text } = this
    let before: string[] | undefined
    let from = this.#at
    while (!this.atEnd && !ends(text.charCodeAt(this.#at))) {
      if (text.charCodeAt(this.#at) === BACKSLASH) {
        before ??= []
        before.push(text.slice(from, this.#at))
        this.#at += 1
        from = this.#at
      }
      this.#advance()
    }
    const last = text.slice(from, this.#at)
    this.#closed = !this.atEnd
    this.#advance()
    return before ? before.join('') + last : last
  }

  #advance(): void {
    if (this.text.charCodeAt(this.#at) === LINE_FEED) this.#line += 1
    this.#at += 1
  }

  #endOfLine(): number {
    const end = this.text.indexOf('\n', this.#at)
    return end < 0 ? this.text.length : end
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const LINE_FEED = 0x0a

function isQuote(code: number): boolean {
  return code === QUOTE
}

/** Space, tab and line feed. (Comparing numbers takes a tenth of the time of comparing one-character strings.) */
function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === LINE_FEED
}
