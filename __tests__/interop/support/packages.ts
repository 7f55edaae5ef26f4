import { spawnSync } from 'node:child_process'

/** The Debian packages that these tests run, and what of them. Versions are Debian's. */
export const PACKAGES: Readonly<Record<string, string>> = {
  'xrootd-server': 'XRootD, with HTTP',
  'xrootd-scitokens-plugins': 'XRootD judging tokens by libscitokens',
  'xrootd-voms-plugins': 'XRootD reading attributes of VOMS',
  'scitokens-cpp': 'scitokens-create, scitokens-verify, scitokens-test-access',
  'globus-proxy-utils': 'grid-proxy-init',
  'voms-clients': 'voms-proxy-init, voms-proxy-fake',
  openssl: 'openssl s_server, proxies by hand',
  'apache2-bin': 'Apache, with mod_auth_basic and mod_ssl',
  'libapache2-mod-auth-openidc': 'mod_auth_openidc',
  'tinyproxy-bin': 'tinyproxy',
  python3: 'Python and its netrc',
  'python3-requests': 'requests',
  'python3-authlib': 'Authlib, for OAuth 1.0',
  'redis-server': 'Redis',
  iproute2: 'a network of their own for the tests',
}

/** The version of each package that is installed. */
export function installedPackages(): ReadonlyMap<string, string> {
  const { stdout } = spawnSync(
    'dpkg-query',
    ['-W', '-f', '${db:Status-Status} ${Package} ${Version}\n', ...Object.keys(PACKAGES)],
    { encoding: 'utf8' },
  )
  // No text at all where there is no dpkg.
  const lines = ((stdout as string | null) ?? '').split('\n').map((line) => line.split(' '))
  return new Map(
    lines.filter(([status]) => status === 'installed').map(([, name = '', version = '']) => [name, version]),
  )
}
