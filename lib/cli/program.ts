import { Command, Option } from 'commander'
import { version } from '../../package.json'
import { usageError } from './errors'
import type { ExplainFlags } from './explain'
import * as parse from './flags'
import { hideTokens, printableLines } from './format'
import { ADVICE, helpWidth, sectionsText } from './help'
import type { LoginFlags } from './login'
import type { LogoutFlags } from './logout'
import type { DataFlag } from './request-body'
import type { RequestFlags } from './request-options'
import type { Preset } from '../oauth2/presets'
import type { StatusFlags } from './status'
import type { TokenCommandFlags } from './token'
import type { X509Flags } from './x509'

/**
 * The commands and their options. Help, completions and the man page are made from them. The code of a command is imported
 * when it runs, so that only `request` loads axios. Of a command line that names a command, only that one is defined: all of
 * them take as long as a fifth of the start of Node.
 *
 * @param word - the first word of the command line
 * @param done - gets the exit code
 */
export function program(word: string | undefined, done: (exitCode: number) => void): Command {
  const igwnAuth = prepared(new Command('igwn-auth'))
    .description(
      'Finds SciTokens, X.509 proxies and netrc entries, sends requests with them, and explains why one is refused. ' +
        'Only token --print prints a secret.',
    )
    .version(version, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'print the help of a command')
  const named = COMMANDS.filter(({ names }) => names.includes(word ?? ''))
  for (const { add } of named.length > 0 ? named : COMMANDS) add(igwnAuth, done)
  return igwnAuth
}

type AddCommand = (igwnAuth: Command, done: (exitCode: number) => void) => void

/** In the order of the help. Completions and the man page need all of them, so theirs have no names here. */
const COMMANDS: readonly { readonly names: readonly string[]; readonly add: AddCommand }[] = [
  { names: ['explain'], add: addExplain },
  { names: ['request', 'get'], add: addRequest },
  { names: ['token'], add: addToken },
  { names: ['x509'], add: addX509 },
  { names: ['login'], add: addLogin },
  { names: ['logout'], add: addLogout },
  { names: ['status'], add: addStatus },
  { names: [], add: addCompletion },
]

function addExplain(igwnAuth: Command, done: (exitCode: number) => void): void {
  const explain = command(igwnAuth, 'explain', 'show which credentials a request would send, and why')
    .argument('<url>', URL_HELP)
    .option('--json', 'print JSON')
    .option('--watch', 'print it again whenever it changes, until Ctrl-C')
    .action(async (url: string, flags: ExplainFlags) => {
      const { explainCommand } = await import('./explain')
      done(await explainCommand(url, flags))
    })
  addCredentialFlags(explain)
  addTrustFlags(explain)
}

const URL_HELP = 'http, https, osdf or pelican; https without a scheme'

function addRequest(igwnAuth: Command, done: (exitCode: number) => void): void {
  const request = command(igwnAuth, 'request', 'send a request with credentials')
    .alias('get')
    .argument('<url...>', URL_HELP)
    .optionsGroup('Request:')
    .option('-X, --request <method>', 'method (default: GET; POST with a body; PUT with -T)', parse.parseText)
    .option(
      '-H, --header <line>',
      "'Name: value'; 'Name:' removes a header; @FILE has one per line",
      parse.parseList,
    )
    .option('-A, --user-agent <text>', 'User-Agent header')
    .option('-e, --referer <url>', 'Referer header', parse.parseText)
    .option('-b, --cookie <data>', "Cookie header: 'name=value; name=value'", parse.parseText)
    .option('-r, --range <range>', 'only these bytes: 0-99, 100- or -100', parse.parseText)
    .option('-u, --user <name>', 'Basic credentials; asks for the password', parse.parseText)
    .optionsGroup('Body:')
    .addOption(dataOption('-d, --data <data>', 'body; @FILE reads a file as it is, @- stdin'))
    .addOption(dataOption('--data-raw <data>', 'the same, without @'))
    .addOption(dataOption('--data-binary <data>', 'the same as --data').hideHelp())
    .addOption(dataOption('--data-ascii <data>', 'the same as --data').hideHelp())
    .addOption(dataOption('--data-urlencode <data>', 'the same, URL-encoded: [name]=text or [name]@FILE'))
    .addOption(dataOption('--json <data>', '--data with JSON Content-Type and Accept headers'))
    .option('-G, --get', 'append the data to the URL and send a GET')
    .option('-F, --form <field>', 'multipart form: name=text, name=@FILE or name=<FILE', parse.parseList)
    .option('-T, --upload-file <file>', 'upload a file, streamed; - for stdin', parse.parseText)
    .optionsGroup('Output:')
    .option(
      '-o, --output <file>',
      'save the body to a file, whole or not at all; - for stdout; once for each URL',
      parse.parseList,
    )
    .option('-O, --remote-name', 'save each body under the last part of the path of its URL')
    .addOption(new Option('-I, --head', 'print the headers only').conflicts(CONFLICTS_WITH_HEAD))
    .option('-i, --include', 'print status and headers before the body')
    .option('-D, --dump-header <file>', 'write status and headers to a file; - for stdout', parse.parseText)
    .option('-w, --write-out <format>', 'print text after each URL, see below', parse.parseText)
    .option('-f, --fail', 'do not print the body of an error response')
    .option('-s, --silent', 'print only errors on stderr')
    .option('-v, --verbose', 'print how credentials are selected, and the response headers, on stderr')
    .option('--no-progress-meter', 'no progress bar')
    .optionsGroup('Transfer:')
    .option('--compressed', 'request a compressed response, and decompress it')
    .option('-4, --ipv4', 'connect by IPv4 only')
    .addOption(new Option('-6, --ipv6', 'connect by IPv6 only').conflicts('ipv4'))
    .option('--timeout <seconds>', 'limit of every wait for the server', parse.parseSeconds, 300)
    .option('-m, --max-time <seconds>', 'limit of each URL', parse.parseSeconds)
    .option(
      '-Y, --speed-limit <bytes>',
      'interrupt a slower download; 0 for none (default: in a federation 100000 per second, then the next cache)',
      parse.parseCount,
    )
    .option(
      '-y, --speed-time <seconds>',
      'how long it may be slower before that (default: 30)',
      parse.parseSeconds,
    )
    .option('--retry <count>', 'how often an interrupted download is resumed', parse.parseCount, 5)
    .option('--no-resume', 'ignore an existing FILE.part')
    .option(
      '--checksum <algorithm>',
      'verify FILE or an upload by this algorithm, or by any (default: any that the server has; of uploads, only to osdf: URLs)',
      parse.parseChecksum,
    )
    .option('--no-checksum', 'do not verify it')
    .option('--same-size', 'treat a file of the same size as the same (XRootD)')
    .optionsGroup('Accepted as in curl, the default here:')
    .option('-L, --location', 'follow redirects')
    .option('-S, --show-error', 'print errors, also with --silent')
    .option('-C, --continue-at <offset>', 'resume a download; only -', resumeOffset)
    .addOption(new Option('-#, --progress-bar', 'show a progress bar').hideHelp())
    .addOption(new Option('-N, --no-buffer', 'do not buffer').hideHelp())
    .addOption(new Option('--fail-with-body', 'fail, but print the body').hideHelp())
    .addOption(new Option('--http1.1', 'use HTTP/1.1').hideHelp())
    .addOption(new Option('-k, --insecure', 'refused').hideHelp())
    .on('option:insecure', () => {
      throw usageError(
        '--insecure is refused: it would send credentials to any server. Use --cacert FILE to trust its CA',
      )
    })
    .action(async (urls: readonly string[], flags: RequestFlags) => {
      const { requestCommand } = await import('./request')
      done(await requestCommand(urls, flags))
    })
  addCredentialFlags(request).option(
    '--trusted-origin <origin>',
    'redirects between these origins keep the credentials',
    parse.parseOrigins,
  )
  addTrustFlags(request)
}

function addToken(igwnAuth: Command, done: (exitCode: number) => void): void {
  const token = command(igwnAuth, 'token', 'show the token that would be sent')
    .argument('[url]', 'take the audience from this URL')
    .option('--for <duration>', 'warn if the token expires before: 12h, 30m, 300s', parse.parseDuration)
    .option(
      '--renewed-every <duration>',
      'a program writes the next token at least this often (default: as HTCondor does, in its jobs)',
      parse.parseDuration,
    )
    .option('--decode', 'print the header and all claims')
    .option('--json', 'print JSON')
    .addOption(new Option('--print', 'print the token itself, a secret').conflicts(['decode', 'json']))
    .action(async (url: string | undefined, flags: TokenCommandFlags) => {
      const { tokenCommand } = await import('./token')
      done(await tokenCommand(url, flags))
    })
  addTokenFlags(token)
}

function addX509(igwnAuth: Command, done: (exitCode: number) => void): void {
  const x509 = command(igwnAuth, 'x509', 'show the certificate chain that would be presented')
    .option('--json', 'print JSON')
    .action(async (flags: X509Flags) => {
      const { x509Command } = await import('./x509')
      done(await x509Command(flags))
    })
  addCertificateFlags(x509).option(
    '--min-time-left <seconds>',
    'required lifetime of every certificate (default: 600)',
    parse.parseSeconds,
  )
}

function addCompletion(igwnAuth: Command): void {
  command(igwnAuth, 'completion', 'print the completion script of a shell')
    .argument('<shell>', 'bash, zsh or fish')
    .action(async (shell: string) => {
      const { completion } = await import('./completion')
      process.stdout.write(completion(igwnAuth, shell))
    })
  command(igwnAuth, 'man', 'print the man page').action(async () => {
    const { manPage } = await import('./completion')
    process.stdout.write(manPage(igwnAuth))
  })
}

function addLogin(igwnAuth: Command, done: (exitCode: number) => void): void {
  const login = command(igwnAuth, 'login', 'get a token, and renew it without a login next time')
    .optionsGroup('Server:')
    .option(
      '--issuer <issuer>',
      'URL of an OAuth 2 server; with --vault, the name of the issuer there',
      parse.parseText,
    )
    .addOption(
      new Option('--vault <server>', 'Vault server that keeps the login, as for htgettoken')
        .argParser(parse.parseText)
        .conflicts(['preset', 'clientId']),
    )
    .option('--role <role>', 'role in Vault (default: default)', parse.parseText)
    .addOption(new Option('--preset <kind>', 'kind of the OAuth 2 server').choices(PRESET_NAMES))
    .option(
      '--client-id <id>',
      'client id at the OAuth 2 server (default: register a client there)',
      parse.parseText,
    )
    .optionsGroup('Token:')
    .option(
      '--scope <scope>',
      'requested scope; several are separated by spaces, or by repeating it',
      parse.parseList,
    )
    .option('--audience <audience>', 'requested audience (repeatable)', parse.parseList)
    .option(
      '--min-time-left <seconds>',
      'keep a token that is valid for this long (default: 60)',
      parse.parseSeconds,
    )
    .option('-o, --output <file>', TOKEN_FILE, parse.parseText)
    .optionsGroup('Login:')
    .addOption(new Option('--web', 'with a browser on this host').conflicts('device'))
    .option('--device', 'with a code, in a browser on any device')
    .option('--no-input', 'never ask: renew the token, or fail')
    .option('--force', 'log in again even if the token is valid')
    .optionsGroup('Output:')
    .option('--json', 'print JSON')
    .action(async (flags: LoginFlags) => {
      const { loginCommand } = await import('./login')
      done(await loginCommand(flags))
    })
  addTrustFlags(login)
}

function addLogout(igwnAuth: Command, done: (exitCode: number) => void): void {
  const logout = command(igwnAuth, 'logout', 'revoke the token of a login, and remove it from this host')
    .option('-o, --output <file>', TOKEN_FILE, parse.parseText)
    .option('--json', 'print JSON')
    .action(async (flags: LogoutFlags) => {
      const { logoutCommand } = await import('./logout')
      done(await logoutCommand(flags))
    })
  addTrustFlags(logout)
}

function addStatus(igwnAuth: Command, done: (exitCode: number) => void): void {
  command(igwnAuth, 'status', 'list all credentials, until when they are valid, and what renews them')
    .option('--json', 'print JSON')
    .action(async (flags: StatusFlags) => {
      const { statusCommand } = await import('./status')
      done(await statusCommand(flags))
    })
}

/** Those of lib/oauth2/presets.ts, which is loaded with the command only. */
const PRESET_NAMES: readonly Preset[] = ['iam', 'keycloak', 'cilogon', 'pelican', 'igwn']

const TOKEN_FILE = 'file of the token (default: BEARER_TOKEN_FILE, else bt_u<uid> in XDG_RUNTIME_DIR or /tmp)'

const CONFLICTS_WITH_HEAD = ['form', 'uploadFile']

/** All options for a body in order of appearance share one value. */
function dataOption(flags: string, description: string): Option {
  const option = new Option(flags, description)
  const kind = option.name() as DataFlag['kind']
  option.attributeName = () => 'data'
  return option.argParser((text: string, before?: readonly DataFlag[]) => [...(before ?? []), { kind, text }])
}

function resumeOffset(text: string): string {
  if (text === '-') return text
  throw usageError("--continue-at supports only -; for a range use -H 'Range: bytes=100-'")
}

function addTokenFlags(command: Command): Command {
  return command
    .optionsGroup('Token:')
    .option(
      '--scope <scope>',
      'required scope; several are separated by spaces, or by repeating it',
      parse.parseList,
    )
    .option('--audience <audience>', 'required audience (repeatable; any one matches)', parse.parseList)
    .option('--issuer <issuer>', 'required issuer (repeatable; any one matches)', parse.parseList)
    .option('--min-time-left <seconds>', 'required lifetime (default: 60)', parse.parseSeconds)
    .option(
      '--strict',
      'fail on the first malformed token instead of skipping it, and on one that will expire too early',
    )
    .option('--verify', "check the signature with the issuer's keys, over the network")
}

function addCertificateFlags(command: Command): Command {
  return command
    .optionsGroup('Certificate:')
    .option(
      '-E, --cert <file>',
      'certificate with its chain; with its key unless --key is set',
      parse.parseText,
    )
    .option('--key <file>', 'key of --cert', parse.parseText)
    .option('--passphrase-file <file>', 'file whose first line is the passphrase of the key', parse.parseText)
}

function addCredentialFlags(command: Command): Command {
  return addCertificateFlags(addTokenFlags(command))
    .optionsGroup('Credentials:')
    .option('--no-token', 'send no token')
    .option('--no-x509', 'present no certificate')
    .option('--no-netrc', 'send no Basic credentials from netrc')
    .option('--netrc-file <file>', 'netrc file (default: NETRC, else ~/.netrc)', parse.parseText)
    .option('--fail-if-no-auth', 'send nothing without a credential')
    .option('--allow-insecure-http', 'send credentials over plain HTTP')
}

function addTrustFlags(command: Command): Command {
  return command
    .optionsGroup('Trusted CAs:')
    .option('--cacert <file>', 'trust these CAs instead of the default ones', parse.parseText)
    .option('--capath <dir>', 'trust the CAs in this folder too', parse.parseText)
}

function command(parent: Command, name: string, summary: string): Command {
  const sentence = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`
  return prepared(parent.command(name), `${parent.name()} ${name}`).summary(summary).description(sentence)
}

function prepared(command: Command, name = command.name()): Command {
  return (
    command
      .exitOverride()
      .helpOption('-h, --help', 'print this help')
      // Descriptions beside long options are wrapped on narrow terminals, too.
      .configureHelp({ minWidthToWrap: 20 })
      .addHelpText('after', ({ error }) =>
        sectionsText(command, helpWidth(error ? process.stderr : process.stdout)),
      )
      .configureOutput({
        getOutHelpWidth: () => helpWidth(process.stdout),
        getErrHelpWidth: () => helpWidth(process.stderr),
        outputError: (text, write) => write(`${name}: ${messageOfParser(text)}\nSee ${name} --help.\n`),
      })
  )
}

/** A message of commander in one line, without values, which can be secrets, and with better advice. */
export function messageOfParser(text: string): string {
  const message = hideTokens(printableLines(text))
    .replace(/^error: /, '')
    .replace(/(option '-[^'=]*)=[^']*'/, "$1'")
    // A URL can hold a password.
    .replace(/^unknown command 'https?:[^]*/i, 'missing command before the URL: explain, request or token')
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .join(' ')
  const option = /^unknown option '(-[\w-]+)/.exec(message)?.[1] ?? ''
  const advice = Object.hasOwn(ADVICE, option) ? ADVICE[option] : undefined
  return advice === undefined ? message : `unknown option '${option}'. ${advice}`
}
