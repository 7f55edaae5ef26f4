import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { inspect } from 'node:util'
import { IgwnAuthError } from '../../lib/errors'
import { findNetrcCredentials, netrcLookup, type NetrcOptions } from '../../lib/netrc/find-netrc-credentials'
import { processEnvironment, type Environment } from '../../lib/environment'
import { thrownBy } from '../support/thrown-by'

const HOME = process.env.HOME!
const URL_OF_A = 'https://a.example.org/path'
const isRoot = process.getuid?.() === 0

/** Old enough for its stat to identify its content. */
const LONG_AGO = new Date('2026-01-01')

function write(name: string, text: string | Buffer, mode = 0o600): string {
  const file = path.join(HOME, name)
  fs.writeFileSync(file, text)
  fs.chmodSync(file, mode)
  return file
}

const entry = (host: string, username: string, password = 'hunter2') =>
  `machine ${host} login ${username} password ${password}\n`

const lookUp = (url: string, options?: NetrcOptions, environment?: Environment) =>
  netrcLookup(environment)(url, options)

beforeEach(() => {
  fs.rmSync(HOME, { recursive: true, force: true })
  fs.mkdirSync(HOME)
  delete process.env.NETRC
})
afterEach(() => {
  jest.restoreAllMocks()
  process.env.HOME = HOME
})

// Credentials found for a given file are in conformance/netrc.json too, there without messages.

describe('the file', () => {
  it('is the first of ~/.netrc and ~/_netrc that exists, as in requests', () => {
    const first = write('.netrc', entry('b.example.org', 'bertha'))
    write('_netrc', entry('a.example.org', 'albert'))
    expect(findNetrcCredentials(URL_OF_A)).toBeUndefined()
    expect(lookUp(URL_OF_A)).toEqual({
      source: first,
      reasons: [{ code: 'absent', source: first, message: `${first} has no entry for a.example.org` }],
    })
  })

  it('is the one that NETRC names instead of both; ~ is the home folder', () => {
    write('.netrc', entry('a.example.org', 'albert'))
    const file = write('mine', entry('a.example.org', 'astrid'))
    for (const value of [file, '~/mine']) {
      process.env.NETRC = value
      expect(findNetrcCredentials(URL_OF_A)?.username).toBe('astrid')
      expect(lookUp(URL_OF_A).source).toBe(`${file} (NETRC)`)
    }
  })

  it('that NETRC names and that does not exist is reported, and no other file is read', () => {
    write('.netrc', entry('a.example.org', 'albert'))
    process.env.NETRC = '/nowhere/netrc'
    expect(findNetrcCredentials(URL_OF_A)).toBeUndefined()
    expect(lookUp(URL_OF_A)).toEqual({
      reasons: [
        {
          code: 'absent',
          source: '/nowhere/netrc (NETRC)',
          message: '/nowhere/netrc (NETRC) does not exist',
        },
      ],
    })
  })

  it('is the one that the option names before all others', () => {
    process.env.NETRC = write('theirs', entry('a.example.org', 'albert'))
    const netrc = write('mine', entry('a.example.org', 'astrid'))
    expect(findNetrcCredentials(URL_OF_A, { netrc })?.username).toBe('astrid')
    expect(findNetrcCredentials(URL_OF_A, { netrc: '~/mine' })?.username).toBe('astrid')
  })

  it('is not read when the option is false', () => {
    write('.netrc', entry('a.example.org', 'albert'))
    expect(findNetrcCredentials(URL_OF_A, { netrc: false })).toBeUndefined()
    expect(lookUp(URL_OF_A, { netrc: false }).reasons).toEqual([
      { code: 'disabled', source: 'netrc', message: 'netrc is disabled' },
    ])
  })

  it('is reported under both names when neither exists', () => {
    const [dot, underscore] = ['.netrc', '_netrc'].map((name) => path.join(HOME, name))
    expect(findNetrcCredentials(URL_OF_A)).toBeUndefined()
    expect(lookUp(URL_OF_A)).toEqual({
      reasons: [
        { code: 'absent', source: dot, message: `${dot} does not exist` },
        { code: 'absent', source: underscore, message: `${underscore} does not exist` },
      ],
    })
  })

  it('is searched for in the home folder of the given environment', () => {
    const file = write('.netrc', entry('a.example.org', 'albert'))
    const elsewhere = { ...processEnvironment, env: { HOME: path.join(HOME, 'elsewhere') } }
    expect(lookUp(URL_OF_A, {}, elsewhere).credentials).toBeUndefined()
    const named = { ...processEnvironment, env: { NETRC: file } }
    expect(lookUp(URL_OF_A, {}, named).credentials?.username).toBe('albert')
  })

  it('may have the line ends of Windows', () => {
    write('.netrc', (entry('a.example.org', 'albert') + entry('b.example.org', 'bob')).replace(/\n/g, '\r\n'))
    expect(findNetrcCredentials(URL_OF_A)).toEqual({ username: 'albert', password: 'hunter2' })
    expect(lookUp('https://b.example.org').reasons).toEqual([])
  })

  it('may be named with the separator of Windows after ~', () => {
    process.env.NETRC = '~\\mine'
    expect(lookUp(URL_OF_A).reasons[0]?.message).toBe(`${HOME}\\mine (NETRC) does not exist`)
  })
})

describe('the entry', () => {
  it('is default for a host without an entry, at any position', () => {
    write('.netrc', `default login anybody password p\n${entry('a.example.org', 'albert')}`)
    expect(findNetrcCredentials(URL_OF_A)?.username).toBe('albert')
    expect(lookUp(URL_OF_A).isDefault).toBeUndefined()
    expect(findNetrcCredentials('https://b.example.org')).toEqual({ username: 'anybody', password: 'p' })
    expect(lookUp('https://b.example.org').isDefault).toBe(true)
  })

  it('is not default when allowDefault is false', () => {
    const file = write('.netrc', `${entry('a.example.org', 'albert')}default login anybody password p`)
    const options = { allowDefault: false }
    expect(findNetrcCredentials(URL_OF_A, options)?.username).toBe('albert')
    expect(findNetrcCredentials('https://b.example.org', options)).toBeUndefined()
    expect(lookUp('https://b.example.org', options).reasons).toEqual([
      {
        code: 'not-needed',
        source: file,
        message: `${file} has no entry for b.example.org, and its default entry is not used for redirects`,
      },
    ])
  })

  it('without login and password counts as none, and default is not used instead', () => {
    const file = write('.netrc', 'machine a.example.org default login anybody password p')
    expect(findNetrcCredentials(URL_OF_A)).toBeUndefined()
    expect(lookUp(URL_OF_A).reasons).toEqual([
      {
        code: 'empty',
        source: file,
        message: `${file} has an entry for a.example.org with neither login nor password`,
      },
    ])
  })

  it('that is not UTF-8 is not used; the others are', () => {
    const latin1 = Buffer.from(
      entry('a.example.org', 'albert', 'pä') + entry('b.example.org', 'bob'),
      'latin1',
    )
    const file = write('.netrc', latin1)
    expect(findNetrcCredentials('https://b.example.org')?.username).toBe('bob')
    expect(findNetrcCredentials(URL_OF_A)).toBeUndefined()
    expect(lookUp(URL_OF_A).reasons).toEqual([
      {
        code: 'malformed',
        source: file,
        message: `${file} has an entry for a.example.org that is not UTF-8; save the file in that encoding`,
      },
    ])
  })

  it('is used although another line has a fault, which is reported by its number and without the password', () => {
    const file = write(
      '.netrc',
      `${entry('a.example.org', 'albert', 'hunter2 hunter3')}${entry('b.example.org', 'bob')}`,
    )
    expect(findNetrcCredentials('https://b.example.org')?.username).toBe('bob')
    const { reasons, problem } = lookUp('https://b.example.org')
    expect(problem).toBeUndefined()
    expect(reasons).toEqual([
      {
        code: 'malformed',
        source: file,
        message: `${file} line 1: an unknown word; a value with spaces needs quotes`,
      },
    ])
    expect(inspect(reasons, { depth: null })).not.toContain('hunter')
  })
})

describe('files that cannot be used', () => {
  const otherUser = { ...processEnvironment, uid: (process.getuid?.() ?? 0) + 1 }

  /** A file that NETRC names is skipped with a reason; one that the option names is an error. */
  function expectRejected(file: string, code: string, what: string, environment = processEnvironment) {
    process.env.NETRC = file
    const reason = { code, source: `${file} (NETRC)`, message: `${file} (NETRC) ${what}` }
    expect(lookUp(URL_OF_A, {}, environment)).toEqual({
      source: reason.source,
      problem: reason,
      reasons: [reason],
    })
    const { problem } = lookUp(URL_OF_A, { netrc: file }, environment)
    expect(problem).toEqual({
      code,
      source: `${file} (netrc option)`,
      message: `${file} (netrc option) ${what}`,
    })
    if (environment !== processEnvironment) return
    expect(findNetrcCredentials(URL_OF_A)).toBeUndefined()
    const error = thrownBy(() => findNetrcCredentials(URL_OF_A, { netrc: file }))
    expect(error).toBeInstanceOf(IgwnAuthError)
    expect(error).toMatchObject({
      code: 'ERR_IGWN_NETRC_UNUSABLE',
      message: `The netrc file cannot be used: ${file} (netrc option) ${what}. Correct it, or set the netrc option to another file, or to false.`,
      reasons: [{ code, source: `${file} (netrc option)` }],
    })
    expect(inspect(error, { depth: null })).not.toContain('hunter2')
  }

  const whatOf = (file: string, mode: number) =>
    `is accessible to other users (mode 0${mode.toString(8)}) and is not used; run chmod 600 ${file}`

  it.each([0o644, 0o640, 0o620, 0o610, 0o604, 0o602, 0o601])('rejects a file of mode %o', (mode) => {
    const file = write('.netrc', entry('a.example.org', 'albert'), mode)
    if (isRoot) fs.chownSync(file, 0, 54_321)
    expectRejected(file, 'open-permissions', whatOf(file, mode))
  })

  it('uses a file again once its permissions are right', () => {
    const file = write('.netrc', entry('a.example.org', 'albert'), 0o644)
    const find = netrcLookup()
    expect(find(URL_OF_A).credentials).toBeUndefined()
    fs.chmodSync(file, 0o600)
    expect(find(URL_OF_A).credentials?.username).toBe('albert')
    fs.chmodSync(file, 0o604)
    expect(find(URL_OF_A).credentials).toBeUndefined()
  })

  describe('a file of root that a group can read, as Kubernetes mounts a secret', () => {
    const itAsRoot = isRoot ? it : it.skip
    const pod = { ...processEnvironment, uid: 12_345 }

    itAsRoot.each([0o440, 0o640, 0o400])('is used with mode %o when this process is in the group', (mode) => {
      const file = write('.netrc', entry('a.example.org', 'albert'), mode)
      fs.chownSync(file, 0, 54_321)
      jest.spyOn(process, 'getgroups').mockReturnValue([12_345, 54_321])
      expect(lookUp(URL_OF_A, {}, pod).credentials?.username).toBe('albert')
    })

    itAsRoot('is used through the links that a secret volume has', () => {
      fs.mkdirSync(path.join(HOME, '..data'))
      const file = write('..data/netrc', entry('a.example.org', 'albert'), 0o440)
      fs.chownSync(file, 0, 54_321)
      fs.symlinkSync('..data/netrc', path.join(HOME, 'netrc'))
      process.env.NETRC = path.join(HOME, 'netrc')
      jest.spyOn(process, 'getgroups').mockReturnValue([54_321])
      expect(lookUp(URL_OF_A, {}, pod).credentials?.username).toBe('albert')
    })

    itAsRoot.each([
      ['the group of another process', 0o440, [12_345], 0],
      ['a group that can write', 0o460, [54_321], 0],
      ['every user', 0o444, [54_321], 0],
      ['a group, and that is not owned by root', 0o440, [54_321], 12_345],
    ])('is rejected when it is open to %s', (_, mode, groups, owner) => {
      const file = write('.netrc', entry('a.example.org', 'albert'), mode)
      fs.chownSync(file, owner, 54_321)
      jest.spyOn(process, 'getgroups').mockReturnValue(groups)
      expectRejected(file, 'open-permissions', whatOf(file, mode), pod)
    })
  })

  it('rejects the file of another user, whatever its mode', () => {
    const file = write('.netrc', entry('a.example.org', 'albert'))
    if (isRoot) fs.chownSync(file, 54_321, 54_321)
    const { uid } = fs.statSync(file)
    const what = `is owned by user ${uid}, not by user ${otherUser.uid}, and is not used`
    expectRejected(file, 'foreign-owner', what, otherUser)
  })

  it('checks neither owner nor mode where the platform has no user ids', () => {
    write('.netrc', entry('a.example.org', 'albert'), 0o644)
    const windows = { ...processEnvironment, uid: undefined }
    expect(lookUp(URL_OF_A, {}, windows).credentials?.username).toBe('albert')
  })

  it('does not read ~/_netrc when ~/.netrc is rejected', () => {
    write('.netrc', entry('a.example.org', 'albert'), 0o644)
    write('_netrc', entry('a.example.org', 'astrid'))
    expect(findNetrcCredentials(URL_OF_A)).toBeUndefined()
    expect(lookUp(URL_OF_A).problem?.code).toBe('open-permissions')
  })

  it('rejects a folder', () => {
    const file = path.join(HOME, '.netrc')
    fs.mkdirSync(file, { mode: 0o700 })
    expectRejected(file, 'not-a-file', 'is a folder, not a file')
  })

  it('rejects a device without an end', () => {
    expectRejected('/dev/zero', 'not-a-file', 'is a FIFO, socket or device, not a file')
  })

  const fifo = path.join(process.env.TMPDIR!, 'fifo')
  const hasFifo = spawnSync('mkfifo', ['-m', '600', fifo]).status === 0
  const itWithFifo = hasFifo ? it : it.skip
  itWithFifo(`does not wait for a FIFO${hasFifo ? '' : ' (skipped: no mkfifo on this host)'}`, () => {
    expectRejected(fifo, 'not-a-file', 'is a FIFO, socket or device, not a file')
  })

  it('rejects a file larger than 1 MiB', () => {
    const file = write('.netrc', `${entry('a.example.org', 'albert')}${'#'.repeat(2 ** 20)}`)
    expectRejected(file, 'too-large', 'is larger than 1024 KiB')
  })

  it('rejects a file without read permission, except as root', () => {
    const file = write('.netrc', entry('a.example.org', 'albert'), 0o000)
    if (isRoot) expect(findNetrcCredentials(URL_OF_A)?.username).toBe('albert')
    else expectRejected(file, 'unreadable', 'cannot be read (EACCES)')
  })

  it('rejects a link to itself', () => {
    const file = path.join(HOME, '.netrc')
    fs.symlinkSync(file, file)
    expectRejected(file, 'unreadable', 'cannot be read (ELOOP)')
  })

  it('checks the file that a link leads to', () => {
    const file = write('real', entry('a.example.org', 'albert'))
    fs.symlinkSync(file, path.join(HOME, '.netrc'))
    expect(findNetrcCredentials(URL_OF_A)?.username).toBe('albert')
    fs.chmodSync(file, 0o644)
    expect(lookUp(URL_OF_A).problem?.code).toBe('open-permissions')
  })

  it('throws when the option names a missing file', () => {
    const error = thrownBy(() => findNetrcCredentials(URL_OF_A, { netrc: '/nowhere/netrc' }))
    expect(error).toMatchObject({
      code: 'ERR_IGWN_NETRC_UNUSABLE',
      message:
        'The netrc file cannot be used: /nowhere/netrc (netrc option) does not exist. Correct it, or set the netrc option to another file, or to false.',
    })
    expect(lookUp(URL_OF_A, { netrc: '/nowhere/netrc' }).problem?.code).toBe('absent')
  })

  it('does not throw when the file of the option has no entry for the host, or faults', () => {
    const netrc = write('mine', `rubbish ${entry('b.example.org', 'bertha')}`)
    expect(findNetrcCredentials(URL_OF_A, { netrc })).toBeUndefined()
  })
})

describe('arguments', () => {
  it.each(['', 'a.example.org', '/path', 'https://', 'data:,x', 'https://albert:hunter2@[::1/'])(
    'a URL without a host is an error that does not repeat it: %p',
    (url) => {
      const error = thrownBy(() => findNetrcCredentials(url))
      expect(error).toMatchObject({
        code: 'ERR_IGWN_INVALID_URL',
        message:
          'The URL has no host to look up in a netrc file. Give an absolute URL, such as https://host.example.org/path.',
      })
    },
  )

  it.each([
    ['', 'an empty string'],
    [true, 'a boolean'],
    [null, 'null'],
    [7, 'a number'],
  ])('the netrc option %p is an error', (netrc, kind) => {
    const error = thrownBy(() => findNetrcCredentials(URL_OF_A, { netrc: netrc as string }))
    expect(error).toMatchObject({
      code: 'ERR_IGWN_INVALID_OPTION',
      message: `netrc must be the path of a file, or false for no file, not ${kind}. Leave it out to use NETRC or ~/.netrc.`,
    })
  })
})

describe('caching', () => {
  function untouched(text: string): void {
    const file = write('.netrc', text)
    fs.utimesSync(file, LONG_AGO, LONG_AGO)
  }

  it('belongs to a lookup: it opens an unchanged file once, whatever the host', () => {
    untouched(entry('a.example.org', 'albert') + entry('b.example.org', 'bob'))
    const open = jest.spyOn(fs, 'openSync')
    const find = netrcLookup()
    expect(find(URL_OF_A).credentials?.username).toBe('albert')
    expect(find('https://b.example.org').credentials?.username).toBe('bob')
    expect(find('https://c.example.org').credentials).toBeUndefined()
    expect(open).toHaveBeenCalledTimes(1)
    netrcLookup()(URL_OF_A)
    expect(open).toHaveBeenCalledTimes(2)
  })

  it('does not exist for findNetrcCredentials: it reads the file at each call', () => {
    untouched(entry('a.example.org', 'albert'))
    const open = jest.spyOn(fs, 'openSync')
    findNetrcCredentials(URL_OF_A)
    findNetrcCredentials(URL_OF_A)
    expect(open).toHaveBeenCalledTimes(2)
  })

  it('ends when the file was written, at once and with the same length too', () => {
    const find = netrcLookup()
    for (const username of ['aaa', 'bbb', 'ccc']) {
      write('.netrc', entry('a.example.org', username))
      expect(find(URL_OF_A).credentials?.username).toBe(username)
    }
  })

  it('ends when the file was replaced by another', () => {
    const find = netrcLookup()
    for (const username of ['aaa', 'bbb']) {
      const next = write('next', entry('a.example.org', username))
      fs.utimesSync(next, LONG_AGO, LONG_AGO)
      fs.renameSync(next, path.join(HOME, '.netrc'))
      expect(find(URL_OF_A).credentials?.username).toBe(username)
    }
  })

  it('ends when the file was removed', () => {
    const file = write('.netrc', entry('a.example.org', 'albert'))
    const find = netrcLookup()
    expect(find(URL_OF_A).credentials?.username).toBe('albert')
    fs.rmSync(file)
    expect(find(URL_OF_A).credentials).toBeUndefined()
  })
})
