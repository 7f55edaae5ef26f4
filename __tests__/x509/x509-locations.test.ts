import os from 'node:os'
import path from 'node:path'
import { X509_LOCATIONS } from '../../lib/x509/x509-locations'

afterEach(() => {
  jest.restoreAllMocks()
})

const locations = (env: Record<string, string>, uid?: number) =>
  X509_LOCATIONS.map((locate) => locate({ env, uid, euid: uid, temporaryFolder: '/tmp' }))

it('the default proxy of a platform without user ids is named by the user', () => {
  const env = { SYSTEMROOT: '/Windows', USERNAME: 'me' }
  expect(locations(env)[2]).toMatchObject({ cert: { path: path.join('/Windows', 'Temp', 'x509up_me') } })
  expect(locations(env, 1000)[2]).toMatchObject({ cert: { path: '/tmp/x509up_u1000' } })
  for (const name of ['SYSTEMROOT', 'USERNAME'])
    expect(locations({ ...env, [name]: '' })[2]).toEqual({
      code: 'absent',
      source: 'x509up',
      message: 'x509up has no default location: SYSTEMROOT or USERNAME is not set',
    })
})

it('a user without a home folder has no ~/.globus', () => {
  jest.spyOn(os, 'homedir').mockImplementation(() => {
    throw new Error('no such user')
  })
  expect(locations({})[3]).toEqual({
    code: 'absent',
    source: '~/.globus',
    message: '~/.globus does not exist: this user has no home folder',
  })
  expect(locations({ HOME: '/home/me' })[3]).toMatchObject({ key: { path: '/home/me/.globus/userkey.pem' } })
})
