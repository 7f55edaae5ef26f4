import path from 'node:path'
import { processEnvironment } from '../../lib/environment'
import { describeNetrc, describeNetrcFile } from '../../lib/netrc/describe-netrc'
import { emptyPlaces, put } from '../support/tokens'

const file = () => path.join(String(process.env.HOME), '.netrc')
const URL_OF_HOST = new URL('https://service.example.org/')

beforeEach(() => {
  emptyPlaces()
  delete process.env.NETRC
})

describe('the netrc file of this user', () => {
  const described = () => describeNetrcFile(processEnvironment)

  it('is nothing to describe when there is none', () => {
    expect(described()).toBeUndefined()
  })

  it('is described with its hosts and permissions, and without passwords', () => {
    put(
      file(),
      'machine a.example.org login albert password hunter2\nmachine b.example.org login x password y',
    )
    expect(described()).toEqual({
      kind: 'basic',
      source: file(),
      verdict: 'usable',
      message: `${file()} has a.example.org, b.example.org`,
      permissions: '0600',
    })
  })

  it('without entries is skipped', () => {
    put(file(), '# nothing yet\n')
    expect(described()).toMatchObject({ verdict: 'skipped', message: `${file()} has no entries` })
  })

  it('that others can read is skipped, with the command that fixes it', () => {
    put(file(), 'machine a.example.org login albert password hunter2', 0o644)
    expect(described()).toMatchObject({
      kind: 'basic',
      verdict: 'skipped',
      code: 'open-permissions',
      fix: `chmod 600 ${file()}`,
    })
  })

  it('that NETRC names is described by its path and the variable; the fix has the path alone', () => {
    process.env.NETRC = put(path.join(String(process.env.HOME), 'mine'), 'machine a.example.org', 0o644)
    expect(described()).toMatchObject({
      source: `${process.env.NETRC} (NETRC)`,
      fix: `chmod 600 ${process.env.NETRC}`,
    })
  })
})

describe('what the netrc file has for a host', () => {
  const described = (netrc?: string) =>
    describeNetrc(URL_OF_HOST, netrc === undefined ? {} : { netrc }, processEnvironment)

  it('is the username of its entry', () => {
    put(file(), 'machine service.example.org login albert password hunter2')
    expect(described()).toEqual([
      {
        kind: 'basic',
        source: file(),
        verdict: 'usable',
        message: `${file()} has an entry for service.example.org`,
        basic: { username: 'albert' },
      },
    ])
  })

  it('may be the default entry', () => {
    put(file(), 'default login anonymous password me')
    expect(described()).toMatchObject([
      { message: `${file()} has a default entry, used for service.example.org` },
    ])
  })

  it('is read from the file that the option names', () => {
    const named = put(
      path.join(String(process.env.HOME), 'named'),
      'machine service.example.org login b password c',
    )
    expect(described(named)).toMatchObject([{ source: `${named} (netrc option)`, basic: { username: 'b' } }])
  })

  it('is nothing when it has no entry for it', () => {
    put(file(), 'machine other.example.org login albert password hunter2')
    expect(described().filter(({ verdict }) => verdict === 'usable')).toEqual([])
  })
})
