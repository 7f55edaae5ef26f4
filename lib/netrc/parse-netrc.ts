import netrcPackage from 'netrc'
import { withLineFeeds } from '../formats/line-ends'

/** What a netrc file says about one machine; what it does not say is empty. */
export interface NetrcEntry {
  readonly login: string
  readonly account: string
  readonly password: string
}

/** Something in a netrc file that programs read differently. Never repeats a word of the file: it may be a password. */
export interface NetrcFault {
  /** Counted from 1. */
  readonly line: number
  /** A clause: "a quote is never closed". */
  readonly what: string
}

export interface Netrc {
  /** Entries by the name of their machine, as written; the one named `default` is for all other machines. */
  readonly entries: ReadonlyMap<string, NetrcEntry>
  /** The first twenty, by line. */
  readonly faults: readonly NetrcFault[]
}

/**
 * Reads the text of a netrc file. The result is that of Python's `netrc` module (3.11) wherever that has one. Where
 * it would refuse the whole file for one fault, the rest is used, as curl does: unknown words are passed over,
 * keywords may be in capitals, and a comment always reaches to the end of its line. Never throws.
 *
 * The package `netrc` makes the entries. It cuts lines at `#`, loses step at `default` and at `macdef`, and takes a
 * machine named `__proto__` at its word, so what it is given is a plain text of ours, with a number for each value.
 */
export function parseNetrc(text: string): Netrc {
  // To Python, too, all line ends are one. A byte order mark is no part of the first word.
  const content = withLineFeeds(text.replace(/^\uFEFF/, ''))
  const strict = new MachineReader(content, 'as Python')
  if (!strict.refused) return { entries: entriesOf(strict.machines), faults: strict.faults }

  const { line } = strict.refused
  const { machines, faults } = new MachineReader(content, 'tolerant')
  const refused = { line, what: "Python's netrc module refuses the whole file for what it finds here" }
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
  // One line: the package takes its time with each.
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

/** Reads all machines of a text; `as Python` stops at the first thing that Python refuses, and says so in `refused`. */
class MachineReader {
  /** By name, each in the place of the first of that name; the last one counts. */
  readonly machines = new Map<string, Machine>()
  readonly faults: NetrcFault[] = []
  refused: NetrcFault | undefined
  readonly #words: Words
  readonly #tolerant: boolean

  constructor(text: string, manner: 'as Python' | 'tolerant') {
    this.#words = new Words(text)
    this.#tolerant = manner === 'tolerant'
    let word = this.#next()
    while (!this.refused && !this.#isLast(word)) word = this.#readFrom(word)
  }

  /** Reads what begins with `word`, and gives the first word that is no part of it. */
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
        // Between the machines, Python takes only a `#` that stands alone for the beginning of a comment.
        this.#skipComment(word, word.text === '#')
        break
      default:
        this.#refuse(word, 'a word that means nothing here; a value with spaces in it needs quotes')
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
          this.#refuse(word, 'a word that means nothing here; a value with spaces in it needs quotes')
      }
    }
    return name
  }

  #add(machine: Machine, name: Word): void {
    if (this.machines.has(machine.name))
      this.#note(name, 'a machine that was named before; the last entry is used')
    this.machines.set(machine.name, machine)
  }

  /** A macro ends with an empty line; the word before is its name. */
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
   * Python compares line numbers to see whether a comment goes on, and is mistaken when an empty line or a quoted value
   * comes right before its line: then what looks like a comment is read as an entry. So do we, and say it.
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

  /** To Python the word `""` is the end of the file as well. */
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

  /** One fault a line, for a word too many is seldom alone. */
  #note({ line }: Pick<Word, 'line'>, what: string): void {
    if (this.faults.length < MAX_FAULTS && this.faults.at(-1)?.line !== line) this.faults.push({ line, what })
  }
}

interface Word {
  readonly text: string
  readonly start: number
  readonly line: number
  /** Whether a line ended before, in, or right behind it. */
  readonly crossesLine: boolean
  readonly unclosed: boolean
}

/** The words of a text as Python's netrc module sees them. At the end of the text there are only empty ones. */
class Words {
  #at = 0
  #line = 1
  /** Whether there was what ends the last word. */
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

  /** What is left of the line. */
  takeLine(): string {
    const line = this.text.slice(this.#at, this.#endOfLine())
    this.#at += line.length
    this.#advance()
    return line
  }

  /** From the beginning of a word just read to the end of the line where it begins. */
  skipLineOf(word: Word): void {
    this.#at = word.start
    this.#line = word.line
    this.takeLine()
  }

  /** Up to the next quote, across lines. */
  #quoted(): string {
    this.#advance()
    return this.#upTo(isQuote)
  }

  /**
   * Up to what ends a word, and past one character of it; for a bare word a quote is a character like others. A backslash
   * takes its meaning from the character behind it.
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

/** Space, tab and line feed. (By number: a character that is a string of its own takes ten times as long.) */
function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === LINE_FEED
}
