import os from 'node:os'
import { homeOf, processEnvironment, variable } from '../lib/environment'

afterEach(() => {
  jest.restoreAllMocks()
  delete process.env.OF_THIS_TEST
})

it('shows a variable as it is now', () => {
  const { env } = processEnvironment
  expect(variable(env, 'OF_THIS_TEST')).toBeUndefined()
  process.env.OF_THIS_TEST = 'set later'
  expect(variable(env, 'OF_THIS_TEST')).toBe('set later')
})

it('an empty variable is unset', () => {
  expect(variable({ A: '' }, 'A')).toBeUndefined()
  expect(variable({ A: ' ' }, 'A')).toBe(' ')
})

it('has the real and the effective user', () => {
  expect([processEnvironment.uid, processEnvironment.euid]).toEqual([process.getuid?.(), process.geteuid?.()])
})

it.each([
  ['HOME', { HOME: '/home/me' }, '/home/me'],
  ['the list of users, where HOME is unset', {}, '/home/listed'],
  ['the list of users, where HOME is empty', { HOME: '' }, '/home/listed'],
])('the home is that of %s', (_, env, expected) => {
  jest.spyOn(os, 'homedir').mockReturnValue('/home/listed')
  expect(homeOf(env)).toBe(expected)
})

it('a user who is not in the list of users has no home', () => {
  jest.spyOn(os, 'homedir').mockImplementation(() => {
    throw new Error('ENOENT: uv_os_homedir')
  })
  expect(homeOf({})).toBeUndefined()
})
