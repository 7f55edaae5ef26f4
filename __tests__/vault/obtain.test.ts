/** What a Vault server can make this host sign and write. */
import fs from 'node:fs'
import { logIn } from '../../lib/vault'
import { serve } from '../support/server'
import { createKey, testAgent } from '../support/ssh-agent'
import { emptyPlaces, room } from '../support/tokens'

beforeEach(() => {
  emptyPlaces()
})

it.each([
  ['what a signature of a file or a commit begins with', 'SSHSIG\0\0\0\x03git'],
  ['a line', 'a nonce with spaces'],
  ['a long text', 'x'.repeat(257)],
  ['nothing', ''],
  ['a number', 1],
])('a key of the SSH agent does not sign %s as a nonce', async (_, nonce) => {
  const agent = await testAgent([createKey('ed25519')])
  const server = await serve(() => ({ body: JSON.stringify({ data: { nonce } }) }))
  process.env.SSH_AUTH_SOCK = agent.socket
  try {
    const options = {
      vaultserver: server.origin,
      credkey: 'albert',
      vaulttokenfile: room('vt'),
      nokerberos: true,
    }
    await expect(logIn(options)).rejects.toThrow(/returned no nonce that is safe to sign/)
    expect(agent.flags).toEqual([])
    expect(server.seen.map(({ url }) => url)).toEqual(['/v1/auth/ssh/nonce'])
  } finally {
    delete process.env.SSH_AUTH_SOCK
    await Promise.all([agent.close(), server.close()])
  }
})

it('a Vault token with control characters is not written', async () => {
  const agent = await testAgent([createKey('ed25519')])
  const server = await serve(({ url }) => ({
    body: JSON.stringify(
      url.endsWith('/nonce')
        ? { data: { nonce: 'n' } }
        : { auth: { client_token: 'hvs.x\nrm -rf ~\x1b[2J' } },
    ),
  }))
  process.env.SSH_AUTH_SOCK = agent.socket
  const vaulttokenfile = room('vt')
  try {
    const options = { vaultserver: server.origin, credkey: 'albert', vaulttokenfile, nokerberos: true }
    await expect(logIn(options)).rejects.toMatchObject({
      code: 'ERR_IGWN_OAUTH_RESPONSE',
      message: `${server.origin} accepted the login without a Vault token.`,
    })
    expect(agent.flags).toEqual([0])
    expect(fs.existsSync(vaulttokenfile)).toBe(false)
  } finally {
    delete process.env.SSH_AUTH_SOCK
    await Promise.all([agent.close(), server.close()])
  }
})
