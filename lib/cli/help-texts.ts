// What stands below the options in the help of each command, in 80 columns.

export const AFTER_ALL = `
Environment:
  NO_COLOR, FORCE_COLOR   colours never, or always; else on a terminal alone
  NODE_DEBUG=igwn-auth    says on stderr what happens to credentials
  The variables that credentials are found by are in the README of
  https://www.npmjs.com/package/axios-igwn-auth

Exit codes:
  0   it was done
  1   no credential would be attached, none satisfies, or the server refused it
  2   the command line cannot be understood
  get has more, see igwn-auth get --help`

export const AFTER_EXPLAIN = `
Nothing is sent to the URL, and without --verify the network is not used at all.

Exit codes:
  0   something would be attached
  1   nothing would, or the request would not be sent
  2   the command line cannot be understood

Examples:
  igwn-auth explain https://gracedb.example.org/api/ --scope gracedb.read
  igwn-auth explain https://osdf.example.org/igwn/H1.gwf --no-x509 --json`

export const AFTER_TOKEN = `
Exit codes:
  0   there is one
  1   none satisfies; stderr says why, one by one
  2   the command line cannot be understood

Examples:
  igwn-auth token https://gracedb.example.org --scope gracedb.read
  curl -H "Authorization: Bearer $(igwn-auth token --print)" ...`

export const AFTER_X509 = `
Exit codes:
  0   there is one
  1   none satisfies; stderr says why, one by one
  2   the command line cannot be understood`

export const AFTER_GET = `
A download to FILE is written to FILE.part and renamed when it is complete, so
that FILE is never half of it. What breaks off is taken up where it ended, also
by the next run of the same command, when the server can do that and can tell
(by ETag or Last-Modified) that the file is the same; or, with --same-size, when
its size is. Each time credentials are found afresh: a token that was renewed
meanwhile is used.

An answer of 400 or above is a failure. Its body never goes into FILE: there its
beginning stands on stderr. Without FILE it goes to stdout, or with --fail
nowhere.

Exit codes (from 6 on those of curl):
  0    the server answered, with less than 400
  1    refused: there is no credential where one is demanded, or the server
       answers 401 or 403 or ends the connection over the certificate
  2    the command line cannot be understood
  6    the host has no address
  7    there is no connection
  18   the answer broke off
  22   any other answer of 400 or above
  23   the output cannot be written
  26   what --data, --header or --passphrase-file names cannot be read
  28   --timeout or --max-time is over
  35   TLS failed
  47   too many redirects
  56   the connection failed
  60   the certificate of the server is not to be trusted
  130  ended by SIGINT, 143 by SIGTERM; FILE.part stays if it can be taken up

Examples:
  igwn-auth get https://gracedb.example.org/api/events/ --scope gracedb.read
  igwn-auth get https://osdf.example.org/igwn/H1.gwf -O
  igwn-auth get https://gracedb.example.org/api/events/ -d @event.json \\
    -H 'Content-Type: application/json'`
