/** nginx on loopback without TLS: it serves a folder, with strong ETags and ranges. */
import path from 'node:path'
import { freePorts, startDaemon, type Daemon } from './daemon'
import { handOver, identityOf, newFolder, write } from './room'

export interface Nginx extends Daemon {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string
}

export async function startNginx(files: Readonly<Record<string, Buffer>>): Promise<Nginx> {
  const folder = newFolder('nginx')
  const { port } = await freePorts('port')
  for (const [name, content] of Object.entries(files)) write(path.join(folder, 'www', name), content, 0o644)
  write(
    path.join(folder, 'nginx.conf'),
    `daemon off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port};
    root ${folder}/www;
    # Slow enough to be interrupted.
    limit_rate_after 24m;
    limit_rate 8m;
  }
}
`,
  )
  const identity = identityOf('www-data')
  handOver(folder, identity)
  const daemon = await startDaemon({
    command: ['/usr/sbin/nginx', '-p', folder, '-e', `${folder}/error.log`, '-c', `${folder}/nginx.conf`],
    folder,
    port,
    identity,
  })
  return { ...daemon, origin: `http://127.0.0.1:${port}` }
}
