import type { Command, Option } from 'commander'
import { usageError } from './errors'
import { SECTIONS } from './help'

/** The completion script of a shell. */
export function completion(program: Command, shell: string): string {
  const write = { bash, zsh, fish }[shell]
  if (!write) throw usageError('completion supports bash, zsh and fish')
  return `${write(program).join('\n')}\n`
}

/** The commands by each of their names. */
function commandsOf(program: Command): { name: string; command: Command; options: readonly Option[] }[] {
  return program.commands.flatMap((command) =>
    [command.name(), ...command.aliases()].map((name) => ({ name, command, options: optionsOf(command) })),
  )
}

function optionsOf(command: Command): readonly Option[] {
  return command.createHelp().visibleOptions(command)
}

function namesOf(program: Command): string {
  return commandsOf(program)
    .map(({ name }) => name)
    .join(' ')
}

/** Options whose value is a path. */
function takesFile({ flags }: Option): boolean {
  return /<(?:file|dir)>/.test(flags)
}

function takesValue({ required, optional }: Option): boolean {
  return required || optional
}

function bash(program: Command): string[] {
  const commands = commandsOf(program)
  const words = (options: readonly Option[]) =>
    options.flatMap(({ short, long }) => [short, long].filter(Boolean)).join(' ')
  const patterns = (options: readonly Option[]) =>
    options.flatMap(({ short, long }) => [short, long].filter(Boolean)).join('|')
  return [
    '_igwn_auth() {',
    '  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} options= values= files=',
    '  COMPREPLY=()',
    '  if ((COMP_CWORD == 1)); then',
    `    COMPREPLY=($(compgen -W "${namesOf(program)} help --help --version" -- "$current"))`,
    '    return',
    '  fi',
    '  case ${COMP_WORDS[1]} in',
    ...commands.flatMap(({ name, options }) => [
      `    ${name})`,
      `      options="${words(options)}"`,
      `      files="|${patterns(options.filter(takesFile))}|"`,
      `      values="|${patterns(options.filter((one) => takesValue(one) && !takesFile(one)))}|"`,
      '      ;;',
    ]),
    '  esac',
    '  if [[ $files == *"|$previous|"* ]]; then',
    '    compopt -o filenames',
    "    local IFS=$'\\n'",
    '    COMPREPLY=($(compgen -f -- "$current"))',
    '  elif [[ $values != *"|$previous|"* && $current == -* ]]; then',
    '    COMPREPLY=($(compgen -W "$options" -- "$current"))',
    '  elif [[ ${COMP_WORDS[1]} == completion ]]; then',
    '    COMPREPLY=($(compgen -W "bash zsh fish" -- "$current"))',
    '  elif [[ ${COMP_WORDS[1]} == help ]]; then',
    `    COMPREPLY=($(compgen -W "${namesOf(program)}" -- "$current"))`,
    '  fi',
    '}',
    'complete -F _igwn_auth igwn-auth',
  ]
}

function zsh(program: Command): string[] {
  const commands = commandsOf(program)
  const text = (description: string) => description.replace(/[[\]:\\]/g, '\\$&').replaceAll("'", "'\\''")
  return [
    '#compdef igwn-auth',
    '_igwn-auth() {',
    '  local -a commands',
    '  commands=(',
    ...commands.map(({ name, command }) => `    '${name}:${text(command.summary())}'`),
    "    'help:print the help of a command'",
    '  )',
    '  if (( CURRENT == 2 )) || [[ $words[2] == help ]]; then',
    "    _describe 'command' commands",
    '    return',
    '  fi',
    '  local name=$words[2]',
    '  shift words',
    '  (( CURRENT-- ))',
    '  case $name in',
    ...commands.flatMap(({ name, options }) => [
      `    ${name})`,
      '      _arguments -s \\',
      ...options.flatMap((option) =>
        [option.short, option.long].filter(Boolean).map((flag) => {
          const value = takesFile(option) ? ':file:_files' : takesValue(option) ? ':value: ' : ''
          return `        '*${flag}[${text(option.description)}]${value}' \\`
        }),
      ),
      name === 'completion' ? "        '1:shell:(bash zsh fish)'" : "        '*:url:_urls'",
      '      ;;',
    ]),
    '  esac',
    '}',
    '# As a file in fpath this is the body of the function; sourced, it is not.',
    'if [[ $funcstack[1] == _igwn-auth ]]; then _igwn-auth "$@"; else compdef _igwn-auth igwn-auth; fi',
  ]
}

function fish(program: Command): string[] {
  const commands = commandsOf(program)
  const text = (description: string) => `'${description.replace(/['\\]/g, '\\$&')}'`
  return [
    'complete -c igwn-auth -f',
    ...commands.map(
      ({ name, command }) =>
        `complete -c igwn-auth -n __fish_use_subcommand -a ${name} -d ${text(command.summary())}`,
    ),
    "complete -c igwn-auth -n __fish_use_subcommand -a help -d 'print the help of a command'",
    `complete -c igwn-auth -n '__fish_seen_subcommand_from help' -a '${namesOf(program)}'`,
    ...commands.flatMap(({ name, options }) =>
      options.map((option) => {
        const short = option.short ? ` -s ${text(option.short.slice(1))}` : ''
        const long = option.long ? ` -l ${option.long.slice(2)}` : ''
        const value = takesFile(option) ? ' -r -F' : takesValue(option) ? ' -x' : ''
        const condition = `-n '__fish_seen_subcommand_from ${name}'`
        return `complete -c igwn-auth ${condition}${short}${long}${value} -d ${text(option.description)}`
      }),
    ),
    "complete -c igwn-auth -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'",
  ]
}

/** The man page, in the macros of man(7). */
export function manPage(program: Command): string {
  const page = [
    `.TH IGWN\\-AUTH 1 "${new Date().toISOString().slice(0, 10)}" "axios-igwn-auth ${program.version() ?? ''}" "User Commands"`,
    '.SH NAME',
    'igwn\\-auth \\- requests with SciTokens, X.509 proxies and netrc entries',
    '.SH SYNOPSIS',
    ...program.commands.flatMap((command) => [
      '.TP',
      `.B igwn\\-auth ${roff(command.name())}`,
      roff(command.usage()),
    ]),
    '.SH DESCRIPTION',
    roff(program.description()),
    ...sectionsOf('', '.SH'),
    ...program.commands.flatMap((command) => [
      `.SH "${roff(command.name().toUpperCase())}"`,
      roff(command.description()),
      ...(command.aliases().length > 0 ? ['.PP', `Alias: ${roff(command.aliases().join(', '))}`] : []),
      ...optionsOf(command).flatMap(({ flags, description, defaultValue }) => [
        '.TP',
        `.B ${roff(flags)}`,
        roff(typeof defaultValue === 'number' ? `${description} (default: ${defaultValue})` : description),
      ]),
      ...sectionsOf(command.name(), '.SS'),
    ]),
  ]
  return `${page.join('\n')}\n`
}

function sectionsOf(name: string, macro: string): string[] {
  return (SECTIONS[name] ?? []).flatMap(({ title, paragraphs = [], rows = [], examples = [] }) => [
    `${macro} "${roff(title)}"`,
    ...rows.flatMap(([term, text]) => ['.TP', `.B ${roff(term)}`, roff(text)]),
    // A macro for a paragraph after the title is an error.
    ...paragraphs.flatMap((text, index) => [...(index + rows.length > 0 ? ['.PP'] : []), roff(text)]),
    ...(examples.length > 0 ? ['.nf', ...examples.map(roff), '.fi'] : []),
  ])
}

/** Escapes what roff would read as a request, a hyphen or an escape. */
function roff(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replace(/^[.']/gm, '\\&$&')
}
