import { spawnSync } from 'node:child_process'

/** The Debian packages that these tests need, and what they use of each. */
export const PACKAGES: Readonly<Record<string, string>> = {
  'xrootd-server': 'XRootD, with HTTP',
  'xrootd-scitokens-plugins': 'XRootD with tokens (libscitokens)',
  'xrootd-voms-plugins': 'XRootD with VOMS attributes',
  'scitokens-cpp': 'scitokens-create, scitokens-verify, scitokens-test-access',
  'globus-proxy-utils': 'grid-proxy-init',
  'voms-clients': 'voms-proxy-init, voms-proxy-fake',
  openssl: 'openssl s_server, certificates',
  'apache2-bin': 'Apache, with mod_auth_basic and mod_ssl',
  'libapache2-mod-auth-openidc': 'mod_auth_openidc',
  'nginx-light': 'nginx',
  'tinyproxy-bin': 'tinyproxy',
  davix: 'davix-get, davix-put',
  curl: 'curl',
  python3: 'Python and its netrc',
  'python3-requests': 'requests',
  'python3-authlib': 'Authlib, for OAuth 1.0',
  'redis-server': 'Redis',
  postgresql: 'PostgreSQL',
  pgbouncer: 'PgBouncer, connections of PostgreSQL for one transaction',
  'oidc-agent-cli': 'oidc-agent, oidc-gen, oidc-add',
  'krb5-kdc': 'a Kerberos KDC',
  'krb5-admin-server': 'kadmin.local, for the accounts of the KDC',
  'krb5-user': 'kinit',
  'libkrb5-dev': 'the package kerberos of npm, which is built from source',
  'g++': 'the same',
  make: 'the same',
  'openssh-client': 'ssh-agent, ssh-add',
  zsh: 'zsh, for its completion',
  fish: 'fish, for its completion',
  mandoc: 'mandoc, for the man page',
  chromium: 'Chromium, for the API reference',
  iproute2: 'a network namespace for the tests',
}

/** The version of each package that is installed. */
export function installedPackages(): ReadonlyMap<string, string> {
  const { stdout } = spawnSync(
    'dpkg-query',
    ['-W', '-f', '${db:Status-Status} ${Package} ${Version}\n', ...Object.keys(PACKAGES)],
    { encoding: 'utf8' },
  )
  // `stdout` is null where there is no dpkg.
  const lines = ((stdout as string | null) ?? '').split('\n').map((line) => line.split(' '))
  return new Map(
    lines.filter(([status]) => status === 'installed').map(([, name = '', version = '']) => [name, version]),
  )
}
