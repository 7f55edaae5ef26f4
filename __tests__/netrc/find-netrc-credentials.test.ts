import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { inspect } from 'node:util'
import { IgwnAuthError } from '../../lib/errors'
import { findNetrcCredentials, lookUpNetrc } from '../../lib/netrc/find-netrc-credentials'
import { processEnvironment } from '../../lib/environment'
import { thrownBy } from '../support/thrown-by'

const HOME = process.env.HOME!
const URL_OF_A = 'https://a.example.org/path'

/** Old enough to vouch for its content. */
const LONG_AGO = new Date('2026-01-01')

function write(name: string, text: string | Buffer, mode = 0o600): string {
  const file = path.join(HOME, name)
  fs.writeFileSync(file, text)
  fs.chmodSync(file, mode)
  return file
}

const entry = (host: string, username: string, password = 'hunter2') =>
  `machine ${host} login ${username} password ${password}\n`

beforeEach(() => {
  fs.rmSync(HOME, { recursive: true, force: true })
  fs.mkdirSync(HOME)
  delete process.env.NETRC
})
afterEach(() => {
  process.env.HOME = HOME
})

// Which login is found where is in conformance/netrc.json too, there without what is said of it.

describe('where a netrc file is', () => {
  it('looks only into the first of them that exists, as requests does', () => {
    const first = write('.netrc', entry('b.example.org', 'bertha'))
    write('_netrc', entry('a.example.org', 'albert'))
    expect(findNetrcCredentials(URL_OF_A)).toBeUndefined()
    expect(lookUpNetrc(URL_OF_A)).toEqual({
      source: first,
      reasons: [{ code: 'absent', source: first, message: `${first} has no entry for a.example.org` }],
    })
  })

  it('looks into the file of NETRC in the place of both, with ~ for the home', () => {
    write('.netrc', entry('a.example.org', 'albert'))
    const file = write('mine', entry('a.example.org', 'astrid'))
    for (const value of [file, '~/mine']) {
      process.env.NETRC = value
      expect(findNetrcCredentials(URL_OF_A)?.username).toBe('astrid')
      expect(lookUpNetrc(URL_OF_A).source).toBe(`${file} (NETRC)`)
    }
  })

  it('finds nothing when NETRC names no file, and says so', () => {
    write('.netrc', entry('a.example.org', 'albert'))
    process.env.NETRC = '/nowhere/netrc'
    expect(findNetrcCredentials(URL_OF_A)).toBeUndefined()
    expect(lookUpNetrc(URL_OF_A)).toEqual({
      reasons: [
        {
          code: 'absent',
          source: '/nowhere/netrc (NETRC)',
          message: '/nowhere/netrc (NETRC) does not exist',
        },
      ],
    })
  })

  it('looks into the file of the option before all others', () => {
    process.env.NETRC = write('theirs', entry('a.example.org', 'albert'))
    const netrc = write('mine', entry('a.example.org', 'astrid'))
    expect(findNetrcCredentials(URL_OF_A, { netrc })?.username).toBe('astrid')
    expect(findNetrcCredentials(URL_OF_A, { netrc: '~/mine' })?.username).toBe('astrid')
  })

  it('looks nowhere when the option is false', () => {
    write('.netrc', entry('a.example.org', 'albert'))
    expect(findNetrcCredentials(URL_OF_A, { netrc: false })).toBeUndefined()
    expect(lookUpNetrc(URL_OF_A, { netrc: false }).reasons).toEqual([
      { code: 'disabled', source: 'netrc', message: 'netrc is switched off' },
    ])
  })

  it('names both files when neither exists', () => {
    const [dot, underscore] = ['.netrc', '_netrc'].map((name) => path.join(HOME, name))
    expect(findNetrcCredentials(URL_OF_A)).toBeUndefined()
    expect(lookUpNetrc(URL_OF_A)).toEqual({
      reasons: [
        { code: 'absent', source: dot, message: `${dot} does not exist` },
        { code: 'absent', source: underscore, message: `${underscore} does not exist` },
      ],
    })
  })

  it('finds the home of the environment it is given', () => {
    const file = write('.netrc', entry('a.example.org', 'albert'))
    const elsewhere = { ...processEnvironment, env: { HOME: path.join(HOME, 'elsewhere') } }
    expect(findNetrcCredentials(URL_OF_A, {}, elsewhere)).toBeUndefined()
    expect(
      findNetrcCredentials(URL_OF_A, {}, { ...processEnvironment, env: { NETRC: file } })?.username,
    ).toBe('albert')
  })
})

describe('which entry', () => {
  it('takes the default for a host that is not named, wherever it stands', () => {
    write('.netrc', `default login anybody password p\n${entry('a.example.org', 'albert')}`)
    expect(findNetrcCredentials(URL_OF_A)?.username).toBe('albert')
    expect(lookUpNetrc(URL_OF_A).isDefault).toBeUndefined()
    expect(findNetrcCredentials('https://b.example.org')).toEqual({ username: 'anybody', password: 'p' })
    expect(lookUpNetrc('https://b.example.org').isDefault).toBe(true)
  })

  it('does not take the default when that is not allowed', () => {
    const file = write('.netrc', `${entry('a.example.org', 'albert')}default login anybody password p`)
    const options = { allowDefault: false }
    expect(findNetrcCredentials(URL_OF_A, options)?.username).toBe('albert')
    expect(findNetrcCredentials('https://b.example.org', options)).toBeUndefined()
    expect(lookUpNetrc('https://b.example.org', options).reasons).toEqual([
      {
        code: 'not-needed',
        source: file,
        message: `${file} has no entry for b.example.org, and its default is not for redirects`,
      },
    ])
  })

  it('takes an entry with neither login nor password for none, and not the default for it', () => {
    const file = write('.netrc', 'machine a.example.org default login anybody password p')
    expect(findNetrcCredentials(URL_OF_A)).toBeUndefined()
    expect(lookUpNetrc(URL_OF_A).reasons).toEqual([
      {
        code: 'empty',
        source: file,
        message: `${file} has an entry for a.example.org with neither login nor password`,
      },
    ])
  })

  it('does not give what is not UTF-8, but all the rest', () => {
    const latin1 = Buffer.from(
      entry('a.example.org', 'albert', 'pä') + entry('b.example.org', 'bob'),
      'latin1',
    )
    const file = write('.netrc', latin1)
    expect(findNetrcCredentials('https://b.example.org')?.username).toBe('bob')
    expect(findNetrcCredentials(URL_OF_A)).toBeUndefined()
    expect(lookUpNetrc(URL_OF_A).reasons).toEqual([
      {
        code: 'malformed',
        source: file,
        message: `${file} has an entry for a.example.org that is not UTF-8; save the file in that encoding`,
      },
    ])
  })

  it('uses what can be read of a file with faults, and names their lines without the password', () => {
    const file = write(
      '.netrc',
      `${entry('a.example.org', 'albert', 'hunter2 hunter3')}${entry('b.example.org', 'bob')}`,
    )
    expect(findNetrcCredentials('https://b.example.org')?.username).toBe('bob')
    const { reasons, problem } = lookUpNetrc('https://b.example.org')
    expect(problem).toBeUndefined()
    expect(reasons).toEqual([
      {
        code: 'malformed',
        source: file,
        message: `${file} line 1: a word that means nothing here; a value with spaces in it needs quotes`,
      },
    ])
    expect(inspect(reasons, { depth: null })).not.toContain('hunter')
  })
})

describe('files that cannot be used', () => {
  const stranger = { ...processEnvironment, uid: 12_345 }

  /** What is wrong with a file: found on the way it is a reason, named by option it is an error. */
  function expectRefused(file: string, code: string, what: string, environment = processEnvironment) {
    process.env.NETRC = file
    const reason = { code, source: `${file} (NETRC)`, message: `${file} (NETRC) ${what}` }
    expect(findNetrcCredentials(URL_OF_A, {}, environment)).toBeUndefined()
    expect(lookUpNetrc(URL_OF_A, {}, environment)).toEqual({
      source: reason.source,
      problem: reason,
      reasons: [reason],
    })
    const error = thrownBy(() => findNetrcCredentials(URL_OF_A, { netrc: file }, environment))
    expect(error).toBeInstanceOf(IgwnAuthError)
    expect(error).toMatchObject({
      code: 'ERR_IGWN_NETRC_UNUSABLE',
      message: `The netrc file cannot be used: ${file} (netrc option) ${what}. Correct it, or name another with the netrc option; false for none.`,
      reasons: [{ code, source: `${file} (netrc option)` }],
    })
    expect(inspect(error, { depth: null })).not.toContain('hunter2')
  }

  it.each([0o644, 0o640, 0o620, 0o610, 0o604, 0o602, 0o601])('refuses a file of mode %o', (mode) => {
    const file = write('.netrc', entry('a.example.org', 'albert'), mode)
    const what = `can be reached by others (mode 0${mode.toString(8)}) and is not used; chmod 600 ${file}`
    expectRefused(file, 'open-permissions', what)
  })

  it('takes a file again when it was closed to others', () => {
    const file = write('.netrc', entry('a.example.org', 'albert'), 0o644)
    expect(findNetrcCredentials(URL_OF_A)).toBeUndefined()
    fs.chmodSync(file, 0o600)
    expect(findNetrcCredentials(URL_OF_A)?.username).toBe('albert')
    fs.chmodSync(file, 0o640)
    expect(findNetrcCredentials(URL_OF_A)).toBeUndefined()
  })

  it('refuses the file of another user, whatever it allows', () => {
    const file = write('.netrc', entry('a.example.org', 'albert'))
    const { uid } = fs.statSync(file)
    const what = `belongs to user ${uid}, not to user 12345, and is not used; use a file of your own`
    expectRefused(file, 'foreign-owner', what, stranger)
  })

  it('asks for neither owner nor mode where the platform has no user ids', () => {
    write('.netrc', entry('a.example.org', 'albert'), 0o644)
    expect(findNetrcCredentials(URL_OF_A, {}, { ...processEnvironment, uid: undefined })?.username).toBe(
      'albert',
    )
  })

  it('does not go on to ~/_netrc when ~/.netrc is refused', () => {
    write('.netrc', entry('a.example.org', 'albert'), 0o644)
    write('_netrc', entry('a.example.org', 'astrid'))
    expect(findNetrcCredentials(URL_OF_A)).toBeUndefined()
    expect(lookUpNetrc(URL_OF_A).problem?.code).toBe('open-permissions')
  })

  it('refuses a folder', () => {
    const file = path.join(HOME, '.netrc')
    fs.mkdirSync(file, { mode: 0o700 })
    expectRefused(file, 'not-a-file', 'is a folder, not a file')
  })

  it('refuses a device that has no end', () => {
    expectRefused('/dev/zero', 'not-a-file', 'is a FIFO, socket or device, not a file')
  })

  const fifo = path.join(process.env.TMPDIR!, 'fifo')
  const hasFifo = spawnSync('mkfifo', ['-m', '600', fifo]).status === 0
  const whereFifos = hasFifo ? it : it.skip
  whereFifos(`does not wait for a FIFO${hasFifo ? '' : ' (skipped: no mkfifo here)'}`, () => {
    expectRefused(fifo, 'not-a-file', 'is a FIFO, socket or device, not a file')
  })

  it('refuses a file of more than 1 MiB', () => {
    const file = write('.netrc', `${entry('a.example.org', 'albert')}${'#'.repeat(2 ** 20)}`)
    expectRefused(file, 'too-large', 'is larger than 1024 KiB')
  })

  it('refuses a file that it may not read; root may read all', () => {
    const file = write('.netrc', entry('a.example.org', 'albert'), 0o000)
    if (process.getuid?.() === 0) expect(findNetrcCredentials(URL_OF_A)?.username).toBe('albert')
    else expectRefused(file, 'unreadable', 'cannot be read (EACCES)')
  })

  it('refuses a link that leads to itself', () => {
    const file = path.join(HOME, '.netrc')
    fs.symlinkSync(file, file)
    expectRefused(file, 'unreadable', 'cannot be read (ELOOP)')
  })

  it('asks of a link what it asks of the file', () => {
    const file = write('real', entry('a.example.org', 'albert'))
    fs.symlinkSync(file, path.join(HOME, '.netrc'))
    expect(findNetrcCredentials(URL_OF_A)?.username).toBe('albert')
    fs.chmodSync(file, 0o644)
    expect(lookUpNetrc(URL_OF_A).problem?.code).toBe('open-permissions')
  })

  it('throws when the option names no file', () => {
    const error = thrownBy(() => findNetrcCredentials(URL_OF_A, { netrc: '/nowhere/netrc' }))
    expect(error).toMatchObject({
      code: 'ERR_IGWN_NETRC_UNUSABLE',
      message:
        'The netrc file cannot be used: /nowhere/netrc (netrc option) does not exist. Correct it, or name another with the netrc option; false for none.',
    })
    expect(lookUpNetrc(URL_OF_A, { netrc: '/nowhere/netrc' }).problem?.code).toBe('absent')
  })

  it('does not throw when the file of the option has no entry, or faults', () => {
    const netrc = write('mine', `rubbish ${entry('b.example.org', 'bertha')}`)
    expect(findNetrcCredentials(URL_OF_A, { netrc })).toBeUndefined()
  })
})

describe('arguments', () => {
  it.each(['', 'a.example.org', '/path', 'https://', 'data:,x', 'https://albert:hunter2@[::1/'])(
    'throws for a URL without a host, and does not repeat it: %p',
    (url) => {
      const error = thrownBy(() => findNetrcCredentials(url))
      expect(error).toMatchObject({
        code: 'ERR_IGWN_INVALID_URL',
        message:
          'The URL has no host to look up in a netrc file; give an absolute one, as https://host.example.org/path.',
      })
    },
  )

  it.each([
    ['', 'an empty string'],
    [true, 'a boolean'],
    [null, 'null'],
    [7, 'a number'],
  ])('throws for the option %p', (netrc, kind) => {
    const error = thrownBy(() => findNetrcCredentials(URL_OF_A, { netrc: netrc as string }))
    expect(error).toMatchObject({
      code: 'ERR_IGWN_INVALID_OPTION',
      message: `netrc must be the path of a file, or false for none, not ${kind}; leave it out to use NETRC or ~/.netrc.`,
    })
  })
})

describe('a file that is looked into again', () => {
  it('is not opened while it is unchanged, whatever is looked up', () => {
    const file = write('.netrc', entry('a.example.org', 'albert') + entry('b.example.org', 'bob'))
    fs.utimesSync(file, LONG_AGO, LONG_AGO)
    const open = jest.spyOn(fs, 'openSync')
    try {
      expect(findNetrcCredentials(URL_OF_A)?.username).toBe('albert')
      expect(open).toHaveBeenCalledTimes(1)
      expect(findNetrcCredentials(URL_OF_A)?.username).toBe('albert')
      expect(findNetrcCredentials('https://b.example.org')?.username).toBe('bob')
      expect(findNetrcCredentials('https://c.example.org')).toBeUndefined()
      expect(open).toHaveBeenCalledTimes(1)
    } finally {
      open.mockRestore()
    }
  })

  it('is read again when it was written, at once and with the same length too', () => {
    for (const username of ['aaa', 'bbb', 'ccc']) {
      write('.netrc', entry('a.example.org', username))
      expect(findNetrcCredentials(URL_OF_A)?.username).toBe(username)
    }
  })

  it('is read again when another took its place', () => {
    for (const username of ['aaa', 'bbb']) {
      const next = write('next', entry('a.example.org', username))
      fs.utimesSync(next, LONG_AGO, LONG_AGO)
      fs.renameSync(next, path.join(HOME, '.netrc'))
      expect(findNetrcCredentials(URL_OF_A)?.username).toBe(username)
    }
  })

  it('is gone when it was removed', () => {
    const file = write('.netrc', entry('a.example.org', 'albert'))
    expect(findNetrcCredentials(URL_OF_A)?.username).toBe('albert')
    fs.rmSync(file)
    expect(findNetrcCredentials(URL_OF_A)).toBeUndefined()
  })
})
