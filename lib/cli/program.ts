import { Command, Option } from 'commander'
import { version } from '../../package.json'
import { addCertificateFlags, addCredentialFlags, addTokenFlags } from './auth-flags'
import type { ExplainFlags, GetFlags, TokenCommandFlags, X509Flags } from './flags'
import { AFTER_ALL, AFTER_EXPLAIN, AFTER_GET, AFTER_TOKEN, AFTER_X509 } from './help-texts'
import { hideTokens } from './hide-tokens'
import { count, filled, origins, seconds, texts } from './values'

/**
 * The command line: its commands, options and help. What a command needs is loaded when it is run, so that `--version` and
 * `--help` cost nothing of axios.
 *
 * @param done - hears the exit code of the command that was run
 */
export function program(done: (exitCode: number) => void): Command {
  const igwnAuth = prepared(new Command('igwn-auth'))
    .description(
      'Finds the SciToken, X.509 proxy or netrc login that is on this machine already, puts the right one on a ' +
        'request, and says why when one is refused. Prints no secret, but by token --print.',
    )
    .version(version, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', AFTER_ALL)

  const explain = command(igwnAuth, 'explain', 'say what a request to a URL would carry, and why')
    .argument('<url>', 'where the request goes; without a scheme it is https')
    .option('--json', 'print everything as JSON')
    .addHelpText('after', AFTER_EXPLAIN)
    .action(async (url: string, flags: ExplainFlags) => {
      const { explainCommand } = await import('./commands')
      done(await explainCommand(url, flags))
    })
  addCredentialFlags(explain)

  const get = command(igwnAuth, 'get', 'make a request with credentials')
    .argument('<url>', 'where the request goes; without a scheme it is https')
    .option('-o, --output <file>', 'write the body to FILE, whole or not at all; - for stdout', filled)
    .option('-O, --remote-name', 'write it to a file named as the last part of the path of the URL')
    .option('-X, --method <method>', 'the method (default: GET, or POST with --data)', filled)
    .option('-H, --header <line>', "'Name: value'; 'Name:' leaves one out; @FILE has one a line", texts)
    .option('-d, --data <data>', 'the body; @FILE takes it from a file as it is, @- from stdin', dataOf)
    .addOption(new Option('-I, --head', 'ask for the headers alone').conflicts(CONTRARY_TO_HEAD))
    .option('-i, --include', 'print status and headers on stdout, before the body')
    .option('-f, --fail', 'print no body of an answer of 400 or above')
    .option('-s, --silent', 'say nothing on stderr but what went wrong')
    .option('-v, --verbose', 'say on stderr what happens to the credentials, and what the server answers')
    .option('--timeout <seconds>', 'give up when the server is silent for so long', seconds, 300)
    .option('-m, --max-time <seconds>', 'give up when all of it takes longer', seconds)
    .option('--retry <count>', 'how often to take up a download that breaks off', count, 5)
    .option('--no-resume', 'begin anew also where FILE.part has a beginning of it')
    .option('--same-size', 'a file of the same size is the same, where the server says no more (XRootD)')
    .addHelpText('after', AFTER_GET)
    .action(async (url: string, flags: GetFlags) => {
      const { getCommand } = await import('./commands')
      done(await getCommand(url, flags))
    })
  addCredentialFlags(get).option(
    '--trusted-origin <origin>',
    'between such origins redirects take credentials along',
    origins,
  )

  const token = command(igwnAuth, 'token', 'show the token that would be sent')
    .argument('[url]', 'take the audience from this URL')
    .option('--decode', 'print its header and all its claims')
    .option('--json', 'print it as JSON')
    .addOption(new Option('--print', 'print the token itself, a secret').conflicts(['decode', 'json']))
    .addHelpText('after', AFTER_TOKEN)
    .action(async (url: string | undefined, flags: TokenCommandFlags) => {
      const { tokenCommand } = await import('./commands')
      done(await tokenCommand(url, flags))
    })
  addTokenFlags(token)

  const x509 = command(igwnAuth, 'x509', 'show the certificate chain that would be presented')
    .option('--json', 'print it as JSON')
    .addHelpText('after', AFTER_X509)
    .action(async (flags: X509Flags) => {
      const { x509Command } = await import('./commands')
      done(await x509Command(flags))
    })
  addCertificateFlags(x509).option(
    '--min-time-left <seconds>',
    'life that every certificate must have left (default: 600)',
    seconds,
  )

  return igwnAuth
}

const CONTRARY_TO_HEAD = ['data', 'output', 'remoteName', 'method']

/** An empty body is one too. */
function dataOf(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}

function command(parent: Command, name: string, summary: string): Command {
  const sentence = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`
  return prepared(parent.command(name), `${parent.name()} ${name}`).summary(summary).description(sentence)
}

/** What is the same for all: errors in one line, and where to read more. */
function prepared(command: Command, name = command.name()): Command {
  return command
    .exitOverride()
    .helpOption('-h, --help', 'print this help')
    .configureOutput({
      outputError: (text, write) => {
        write(`${name}: ${oneLine(text)}\nSee ${name} --help.\n`)
      },
    })
}

/** Commander repeats what it does not understand; that may be a token. */
function oneLine(text: string): string {
  const lines = hideTokens(text)
    .replace(/^error: /, '')
    .replace(/(option '-[^'=]*)=[^']*'/, "$1'")
    // Without the URL: it may hold a password.
    .replace(/^unknown command 'https?:[^]*/i, 'the command is missing before the URL: explain, get or token')
    .split('\n')
  return lines
    .map((line) => line.trim())
    .filter(Boolean)
    .join(' ')
}
