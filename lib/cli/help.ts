import type { Command } from 'commander'

/** A section of the help of a command, below its options. The man page has the same. */
export interface HelpSection {
  readonly title: string
  readonly paragraphs?: readonly string[]
  readonly rows?: readonly (readonly [term: string, text: string])[]
  /** Lines that are not wrapped. */
  readonly examples?: readonly string[]
}

const USAGE_EXIT = ['2', 'invalid command line'] as const

/** By the name of the command; the empty name is `igwn-auth` itself. */
export const SECTIONS: Readonly<Record<string, readonly HelpSection[]>> = {
  '': [
    {
      title: 'Environment',
      rows: [
        ['NO_COLOR', 'no colors; FORCE_COLOR=1 forces them (default: on a terminal)'],
        ['COLUMNS', 'width of the output when it is not a terminal'],
        ['NODE_DEBUG=igwn-auth', 'print on stderr how credentials are selected'],
      ],
      paragraphs: [
        'The variables that name credentials are documented at https://www.npmjs.com/package/axios-igwn-auth',
      ],
    },
    {
      title: 'Exit codes',
      rows: [
        ['0', 'success'],
        ['1', 'no suitable credential, or the server refused it'],
        USAGE_EXIT,
        ['6-60', 'failed transfers, see igwn-auth request --help'],
      ],
    },
  ],
  explain: [
    {
      title: 'Details',
      paragraphs: [
        'Nothing is sent to the URL. The network is used only with --verify, and to look up osdf: URLs.',
      ],
    },
    {
      title: 'Exit codes',
      rows: [
        ['0', 'a credential would be sent'],
        ['1', 'no credential would be sent, or the request would fail before it is sent'],
        USAGE_EXIT,
      ],
    },
    {
      title: 'Examples',
      examples: [
        'igwn-auth explain https://gracedb.example.org/api/ --scope gracedb.read',
        'igwn-auth explain https://osdf.example.org/igwn/H1.gwf --no-x509 --json',
      ],
    },
  ],
  token: [
    {
      title: 'Exit codes',
      rows: [
        ['0', 'success'],
        [
          '1',
          'no suitable token; stderr lists why each one was skipped. Or it expires before --for, with --strict',
        ],
        USAGE_EXIT,
      ],
    },
    {
      title: 'Examples',
      examples: [
        'igwn-auth token https://gracedb.example.org --scope gracedb.read',
        'curl -H "Authorization: Bearer $(igwn-auth token --print)" ...',
        'igwn-auth token --for 12h --renewed-every 300s --strict',
      ],
    },
  ],
  x509: [
    {
      title: 'Exit codes',
      rows: [
        ['0', 'success'],
        ['1', 'no suitable certificate; stderr lists why each one was skipped'],
        USAGE_EXIT,
      ],
    },
  ],
  request: [
    {
      title: 'Downloads',
      paragraphs: [
        'A download to FILE is written to FILE.part and renamed when it is complete. An interrupted download is resumed, ' +
          'also by the next run of the same command, if the server supports ranges and shows by ETag or Last-Modified ' +
          '(or, with --same-size, by the size) that the file is the same. Credentials are found again each time.',
        'A response of 400 or above is an error. Its body is never written to FILE.',
        'A warning says if the token expires before the download ends, at 10 MB per second, and nothing renews it in time; ' +
          'with --strict that is an error.',
      ],
    },
    {
      title: 'Variables of --write-out',
      paragraphs: [
        '%{http_code} %{exitcode} %{errormsg} %{content_type} %{size_download} %{size_upload} %{speed_download} %{speed_upload} %{time_total} ' +
          '%{time_namelookup} %{time_connect} %{time_appconnect} %{num_redirects} %{remote_ip} %{remote_port} ' +
          '%{time_starttransfer} %{url} %{url_effective} %{redirect_url} %{filename_effective} %{method} %{scheme} ' +
          '%{http_version} %{num_retries} %header{NAME} %{json} %{stdout} %{stderr} %{onerror}, and \\n \\r \\t. ' +
          '%{json} prints all of them in one line, for every URL, also on failure.',
      ],
    },
    {
      title: 'Exit codes (from 6 on those of curl)',
      rows: [
        ['0', 'success: a response below 400'],
        ['1', 'no credential where one is required, or the server refused it (401, 403 or TLS)'],
        USAGE_EXIT,
        ['6', 'could not resolve host'],
        ['7', 'connection refused'],
        ['18', 'response interrupted'],
        ['22', 'any other response of 400 or above'],
        ['23', 'output cannot be written'],
        ['26', 'a file named by an option cannot be read'],
        ['28', '--timeout or --max-time exceeded'],
        ['35', 'TLS failed'],
        ['47', 'too many redirects'],
        ['56', 'connection failed'],
        ['60', 'certificate of the server not trusted'],
        ['130', 'ended by SIGINT; 143 by SIGTERM'],
      ],
    },
    {
      title: 'Examples',
      examples: [
        'igwn-auth request https://gracedb.example.org/api/events/',
        'igwn-auth request https://osdf.example.org/igwn/H1.gwf -O',
        'igwn-auth request https://storage.example.org/home/ -T result.h5',
        "igwn-auth request https://gracedb.example.org/api/events/ --json '{}'",
      ],
    },
  ],
  login: [
    {
      title: 'Details',
      paragraphs: [
        'Without --vault and --issuer the last login is repeated; the first one is at the Vault server of IGWN, or at that of ' +
          'HTGETTOKENOPTS.',
        'The token is written to a file of mode 0600, in which requests find it. What renews it is kept, too: in ' +
          '$XDG_STATE_HOME/igwn-auth/logins.json (default: ~/.local/state), or, with --vault, in the files of htgettoken. The next ' +
          'igwn-auth login for the same file renews the token without a question, for example in a cron job with --no-input. Name the ' +
          'file with --output there, as the default one depends on XDG_RUNTIME_DIR.',
        'A browser is used where there is one, and a code otherwise, for example over SSH.',
      ],
    },
    {
      title: 'Exit codes',
      rows: [
        ['0', 'success'],
        ['1', 'the server or the user refused, or a login is required and there is no terminal'],
        USAGE_EXIT,
        ['22', 'the server sent something else'],
        ['23', 'the token or the login cannot be written'],
        ['28', 'no login in time'],
        ['56', 'the server cannot be reached'],
      ],
    },
    {
      title: 'Examples',
      examples: [
        'igwn-auth login',
        'igwn-auth login --vault vault.example.org --issuer igwn',
        'igwn-auth login --issuer https://issuer.example.org --scope read:/data',
        'igwn-auth login --issuer https://iam.example.org --preset iam --device',
        'igwn-auth login --no-input --min-time-left 1800 -o /run/user/1000/bt_u1000',
      ],
    },
  ],
  logout: [
    {
      title: 'Exit codes',
      rows: [
        ['0', 'success, also when there was nothing to remove'],
        ['1', 'removed from this host, but the server refused to revoke it'],
        USAGE_EXIT,
        ['22, 28, 56', 'removed from this host, but the server sent something else, or did not respond'],
        ['23', 'a file cannot be removed'],
      ],
    },
  ],
  status: [
    {
      title: 'Exit codes',
      rows: [['0', 'success'], ['1', 'no usable credential'], USAGE_EXIT],
    },
  ],
  completion: [
    {
      title: 'Examples',
      examples: [
        'igwn-auth completion bash > ~/.local/share/bash-completion/completions/igwn-auth',
        'igwn-auth completion zsh > "${fpath[1]}/_igwn-auth"',
        'igwn-auth completion fish > ~/.config/fish/completions/igwn-auth.fish',
      ],
    },
  ],
  man: [{ title: 'Examples', examples: ['igwn-auth man | man -l -'] }],
}

/** The sections of a command as text of this width. */
export function sectionsText(command: Command, width: number): string {
  const help = command.createHelp()
  help.prepareContext({ helpWidth: width, outputHasColors: false })
  const sections = SECTIONS[command.parent ? command.name() : ''] ?? []
  return sections
    .map(({ title, paragraphs = [], rows = [], examples = [] }) => {
      const termWidth = Math.max(0, ...rows.map(([term]) => term.length))
      const lines = [
        ...rows.map(([term, text]) => help.formatItem(term, termWidth, text, help)),
        ...paragraphs.map((text) => indented(help.boxWrap(text, width - 2))),
        ...examples.map((example) => `  ${example}`),
      ]
      return `\n${title}:\n${lines.join('\n')}`
    })
    .join('\n')
}

function indented(text: string): string {
  return text.replace(/^/gm, '  ')
}

/** Columns of help: the terminal's, up to 100; else `COLUMNS`, else 80. */
export function helpWidth({ isTTY, columns }: NodeJS.WriteStream): number {
  return Math.min(100, Math.max(40, isTTY ? columns || 80 : Number(process.env.COLUMNS) || 80))
}

/** What to use instead of an option of curl or wget, or of another name. */
export const ADVICE: Readonly<Record<string, string>> = Object.fromEntries(
  (
    [
      [
        ['--token', '--bearer', '--oauth2-bearer', '--access-token', '--token-file'],
        'Put the token into a file and name that in BEARER_TOKEN_FILE.',
      ],
      [
        ['--username', '--password'],
        'Use -u NAME, which asks for the password, or put both into a netrc file.',
      ],
      [
        ['--insecur', '--no-check-certificate', '--no-verify'],
        'Use --cacert FILE to trust the CA of the server.',
      ],
      [['--ca', '--ca-bundle', '--ca-file', '--ca-certificate'], 'Use --cacert.'],
      [['--cert-type'], 'Certificates are PEM. Convert others with openssl.'],
      [['--key-type'], 'Keys are PEM. Convert others with openssl.'],
      [['--pass', '--passphrase'], 'Use --passphrase-file.'],
      [['--aud'], 'Use --audience.'],
      [['--method'], 'Use -X, --request.'],
      [['--body'], 'Use -d, --data.'],
      [['--url'], 'Give the URL without an option.'],
      [
        ['--out', '--outfile', '--output-document', '--output-dir', '-J', '--remote-header-name'],
        'Use -o, --output FILE.',
      ],
      [['--proxy', '-x'], 'Set HTTPS_PROXY.'],
      [['--proxy-user', '-U'], 'Put the username and the password into the URL in HTTPS_PROXY.'],
      [['--cookie-jar', '-c', '--junk-session-cookies', '-j'], 'Cookies are not kept; send them with -b.'],
      [['--time-cond', '-z'], "Use -H 'If-Modified-Since: DATE'."],
      [['--remote-time', '-R'], 'A file has the time of its download.'],
      [['--remote-name-all'], 'Use -O, which applies to every URL.'],
      [['--create-dirs', '--no-clobber'], 'Create the folder, or check for the file, before.'],
      [['--form-string'], 'Use -F name=text.'],
      [['--url-query'], 'Use -G with --data-urlencode.'],
      [['--next', '--config', '-K'], 'Run the command once for each request, with all its options.'],
      [['--parallel', '-Z', '--parallel-max'], 'URLs are requested one after the other; use xargs -P.'],
      [['--http2', '--http2-prior-knowledge', '--http3', '--http1', '--http0'], 'HTTP/1.1 is used.'],
      [
        ['--tlsv1', '--tls-max', '--ciphers', '--ssl-reqd'],
        'TLS 1.2 or 1.3 is used; NODE_OPTIONS=--tls-min-v1.3 limits it.',
      ],
      [
        ['--resolve', '--connect-to', '--interface', '--unix-socket'],
        'Connections go to the host of the URL.',
      ],
      [
        ['--limit-rate', '--max-filesize', '--speed-limit', '--speed-time', '-y', '-Y'],
        'Use --max-time or --timeout.',
      ],
      [['--trace', '--trace-ascii', '--stderr'], 'Use -v, which prints on stderr without secrets.'],
      [
        ['--retry-all-errors', '--retry-connrefused'],
        '--retry resumes downloads; repeat others with a loop of the shell.',
      ],
      [['--netrc', '-n', '--netrc-optional'], 'netrc is used by default; --netrc-file names another file.'],
      [['--negotiate'], 'Kerberos is not supported by this command.'],
      [['--digest', '--ntlm', '--anyauth'], 'Supported are tokens, certificates and Basic (-u, netrc).'],
      [['--location-trusted'], 'Use --trusted-origin for each origin that may have the credentials.'],
      [['--max-redirs'], 'Redirects are followed; no option limits them.'],
      [['--connect-timeout'], 'Use --timeout, which limits every wait for the server.'],
      [['--retry-delay', '--retry-max-time'], 'The delay grows by itself; use --retry, --max-time.'],
    ] as const
  ).flatMap(([names, advice]) => names.map((name) => [name, advice])),
)
