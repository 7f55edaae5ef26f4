import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { freePorts, startDaemon, type Daemon } from './daemon'
import { handOver, identityOf, newFolder, write } from './room'

/** A server that programs find by these variables (libpq). */
interface Database extends Daemon {
  readonly env: Readonly<Record<'PGHOST' | 'PGPORT' | 'PGUSER' | 'PGDATABASE', string>>
}

export interface Postgres extends Database {
  /** Runs statements, one after the other. */
  query(sql: string): void
}

/** Where Debian has the programs of its one version of PostgreSQL. */
const PROGRAMS = '/usr/lib/postgresql'

/** PostgreSQL. It refuses to run as root. */
export async function startPostgres(): Promise<Postgres> {
  const [version = ''] = fs.readdirSync(PROGRAMS)
  const bin = path.join(PROGRAMS, version, 'bin')
  const folder = newFolder('postgres')
  const { port } = await freePorts('port')
  const identity = identityOf('postgres')
  handOver(folder, identity)
  const data = path.join(folder, 'data')
  execFileSync(
    path.join(bin, 'initdb'),
    ['-D', data, '-U', USER, '--auth=trust', '--no-sync', '-E', 'UTF8'],
    {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { LC_ALL: 'C.UTF-8' },
      ...identity,
    },
  )
  const options = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    dynamic_shared_memory_type: 'mmap',
    fsync: 'off',
  }
  const settings = Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const daemon = await startDaemon({
    command: [path.join(bin, 'postgres'), '-D', data, ...settings],
    folder,
    port,
    identity,
  })
  const env = envOf(port)
  return {
    ...daemon,
    env,
    query(sql) {
      execFileSync('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-c', sql], {
        env: { ...process.env, ...env },
      })
    },
  }
}

/** PgBouncer before a PostgreSQL, with `pool_mode` transaction: a connection to the server belongs to a client for one transaction. */
export async function startPgBouncer({ env: { PGPORT } }: Postgres): Promise<Database> {
  const folder = newFolder('pgbouncer')
  const { port } = await freePorts('port')
  const configuration = write(
    path.join(folder, 'pgbouncer.ini'),
    `[databases]
* = host=127.0.0.1 port=${PGPORT} user=${USER}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
`,
  )
  const identity = identityOf('postgres')
  handOver(folder, identity)
  const daemon = await startDaemon({ command: ['pgbouncer', configuration], folder, port, identity })
  return { ...daemon, env: envOf(port) }
}

const USER = 'fleet'

function envOf(port: number): Database['env'] {
  return { PGHOST: '127.0.0.1', PGPORT: String(port), PGUSER: USER, PGDATABASE: 'postgres' }
}
