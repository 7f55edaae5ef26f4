import fs from 'node:fs'
import path from 'node:path'
import { agentSocket, askAgent, socketProblem } from '../../lib/tokens/oidc-agent-socket'
import { serveAgent } from '../support/oidc-agent'
import { emptyPlaces, put, room } from '../support/tokens'

beforeEach(emptyPlaces)

const environment = { env: {}, uid: 1000, euid: process.geteuid?.(), temporaryFolder: '/tmp' }
const at = (file: string) => ({ path: file, source: 'the agent', isDefault: false })

describe('the socket of oidc-agent', () => {
  it('is the one that is named, that of OIDC_SOCK, or that of the service', () => {
    const env = { OIDC_SOCK: '/run/a', TMPDIR: '/scratch' }
    expect(agentSocket('/run/b', { ...environment, env })).toMatchObject({ path: '/run/b', isDefault: false })
    expect(agentSocket(undefined, { ...environment, env })).toEqual({
      path: '/run/a',
      source: 'oidc-agent at /run/a (OIDC_SOCK)',
      isDefault: false,
    })
    const file = (folder: string) => path.join(folder, 'oidc-agent-service-1000/oidc-agent.sock')
    expect(agentSocket(undefined, { ...environment, env: { TMPDIR: '/scratch' } })?.path).toBe(
      file('/scratch'),
    )
    expect(agentSocket(undefined, environment)).toMatchObject({ path: file('/tmp'), isDefault: true })
  })

  it('has no default on a platform without user ids', () => {
    expect(agentSocket(undefined, { ...environment, uid: undefined })).toBeUndefined()
  })

  it('cannot be used if it does not exist, is a file or cannot be looked at', () => {
    fs.symlinkSync('circle', room('circle'))
    const problems = [room('none'), put(room('file'), ''), room('circle')].map((file) =>
      socketProblem(at(file), environment),
    )
    expect(problems).toMatchObject([
      { problem: 'absent', what: 'does not run: there is no such socket' },
      { problem: 'not-a-file', what: 'is not a socket' },
      { problem: 'unreadable', what: 'cannot be read (ELOOP)' },
    ])
  })
})

it.each([
  ['that is complete', { status: 'success' }, { status: 'success' }],
  ['in braces that is not JSON', '{no}', undefined],
  ['that is cut off', '{"status"', undefined],
])('a response %s, however long it takes', async (_, reply, expected) => {
  const agent = await serveAgent(room('agent/s'), () => reply)
  try {
    const response = askAgent(at(agent.socket), { request: 'loaded_accounts' }, { timeout: 0 })
    if (expected) expect(await response).toMatchObject(expected)
    else
      await expect(response).rejects.toMatchObject({
        kind: 'malformed',
        what: 'sent a response that is not JSON',
      })
    expect(agent.requests).toEqual([{ request: 'loaded_accounts' }])
  } finally {
    await agent.close()
  }
})
