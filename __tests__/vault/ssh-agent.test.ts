import { verify } from 'node:crypto'
import { sshAgent } from '../../lib/vault/ssh-agent'
import { createKey, testAgent, type TestAgent } from '../support/ssh-agent'
import { room } from '../support/tokens'

const agents: TestAgent[] = []
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.close()))
})

async function agentWith(...args: Parameters<typeof testAgent>) {
  const agent = await testAgent(...args)
  agents.push(agent)
  return { agent, client: sshAgent(agent.socket, 10_000) }
}

it('lists keys and signs with each of them, RSA with SHA-1 as Vault verifies it', async () => {
  const keys = [createKey('ed25519'), createKey('rsa')]
  const { agent, client } = await agentWith(keys)
  const listed = await client.keys()
  expect(listed.map(({ type }) => type)).toEqual(['ssh-ed25519', 'ssh-rsa'])
  const data = Buffer.from('a nonce')
  for (const [index, key] of listed.entries()) {
    const signature = await client.sign(key, data)
    expect(verify(index === 0 ? null : 'sha1', data, keys[index]!.publicKey, signature)).toBe(true)
  }
  expect(agent.flags).toEqual([0, 0])
})

it('a key that the agent does not have is refused', async () => {
  const { client } = await agentWith([])
  const { type, blob } = createKey('ed25519')
  await expect(client.sign({ type, blob }, Buffer.from('x'))).rejects.toThrow('refused')
})

const frame = (...bytes: number[]) => Buffer.from([0, 0, 0, bytes.length, ...bytes])

it.each([
  ['is too long', Buffer.from([0x7f, 0, 0, 0, 12]), 'sent a response that is too long'],
  ['is another one', frame(99), 'sent an unknown response'],
  ['is cut', frame(12, 0, 0, 0, 1), 'sent a response that is cut'],
  [
    'has a string that is longer than it',
    frame(12, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff),
    'sent a response that is cut',
  ],
])('a response that %s is an error', async (_, response, message) => {
  const { client } = await agentWith([], () => response)
  await expect(client.keys()).rejects.toThrow(message)
})

it('an agent that does not respond, and one that is not there, are errors', async () => {
  const { agent } = await agentWith([], () => Buffer.alloc(0))
  await expect(sshAgent(agent.socket, 50).keys()).rejects.toThrow('did not respond within 50 ms')
  await expect(sshAgent(room('none')).keys()).rejects.toThrow(`cannot be reached at ${room('none')} (ENOENT)`)
  const stop = AbortSignal.abort()
  await expect(sshAgent(agent.socket, 10_000, stop).keys()).rejects.toThrow(
    'did not respond before the login was canceled',
  )
})
