import http from 'node:http'
import { observeAgent, wrapAgent } from '../../lib/secrets/wrap-agent'

it.each([
  ['undefined', undefined],
  ['false, which means no agent', false],
  ['an object that cannot add requests', {}],
  ['an agent with a network proxy of its own, whose methods axios would lose', withProxy()],
])('an agent that is %s is left alone', (_, agent) => {
  const onRequest = jest.fn()
  expect(wrapAgent(agent)).toBe(agent)
  expect(observeAgent(agent, onRequest)).toBe(agent)
  expect(onRequest).not.toHaveBeenCalled()
})

it('an agent has one wrapper, with the same pool', () => {
  const agent = new http.Agent()
  const wrapper = wrapAgent(agent)
  expect(wrapper).not.toBe(agent)
  expect(wrapAgent(agent)).toBe(wrapper)
  expect(wrapper.sockets).toBe(agent.sockets)
  expect(observeAgent(agent, () => undefined)).not.toBe(wrapper)
})

function withProxy(): http.Agent {
  const agent = new http.Agent()
  return Object.assign(agent, { options: { proxyEnv: {} } })
}
