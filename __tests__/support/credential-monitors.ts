/**
 * What the credential monitors of HTCondor write into the folder of a job, `_CONDOR_CREDS`: one file `<service>[_<handle>].use` for
 * each requested token, replaced by a rename. From the sources of HTCondor 25 (2026).
 */
import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'

/** Writes the content of a `.use` file for a token. */
export type UseFile = (token: string) => string

/** By the name of the monitor; LOCAL writes JSON unless TOKEN_USE_JSON is False. */
export const CREDENTIAL_MONITORS: Readonly<Record<string, UseFile>> = {
  'LOCAL, as JSON': (token) => JSON.stringify({ access_token: token, expires_in: 1200 }),
  'LOCAL, as text': (token) => `${token}\n`,
  OAUTH2: (token) =>
    JSON.stringify({
      access_token: token,
      token_type: 'bearer',
      expires_in: 10_800,
      expires_at: Date.now() / 1000 + 10_800,
      scope: ['read:/frames'],
      id_token: 'eyJhbGciOiJub25lIn0.e30.',
    }),
  CLIENT: (token) => JSON.stringify({ access_token: token, expires_in: 3600, token_type: 'Bearer' }),
  VAULT: (token) => `${token}\n`,
  PELICAN: (token) =>
    JSON.stringify({
      access_token: token,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: 1200,
    }),
}

/** What LOCAL writes for a user without a group: it denies the token. */
export const DENIED = JSON.stringify({ access_token: '', expires_in: 1200 })

/** Writes a file of `_CONDOR_CREDS` as HTCondor does: into a file with another name, which is then renamed. */
export function writeUseFile(folder: string, name: string, content: string): void {
  const temporary = path.join(folder, `tmp${randomUUID()}`)
  fs.writeFileSync(temporary, content, { mode: 0o600 })
  fs.renameSync(temporary, path.join(folder, name))
}
