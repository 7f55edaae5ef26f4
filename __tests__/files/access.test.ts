import fs from 'node:fs'
import path from 'node:path'
import {
  entryProblem,
  folderProblem,
  formatPermissions,
  ownFileProblem,
  permissionsOf,
  sharedFolderCheck,
} from '../../lib/files/access'
import { emptyPlaces, put, room } from '../support/tokens'

const isRoot = process.geteuid?.() === 0
/** As root, files are given to this user. Otherwise the files belong to this user, and the check is made for another one. */
const user = isRoot ? 1234 : Number(process.geteuid?.())
const other = 4321

beforeEach(emptyPlaces)

const check = (file: string) => sharedFolderCheck(() => user)(file, fs.statSync(file))

function own(file: string, uid: number): string {
  if (isRoot) fs.lchownSync(file, uid, uid)
  return file
}

/** A folder in which others can create files. */
function sharedFolder(name: string): string {
  fs.mkdirSync(room(name))
  fs.chmodSync(room(name), 0o1777)
  return room(name)
}

const foreign = (subject = '') => ({
  problem: 'foreign-owner',
  what: `${subject}belongs to user ${other}, not to user ${user}, and others can write to a folder on the path`,
  expected: user,
  actual: other,
})

const itAsRoot = isRoot ? it : it.skip

describe('in a folder that others can write to', () => {
  itAsRoot('a file of this user or of root may be read, one of another user may not', () => {
    const file = put(path.join(sharedFolder('shared'), 'token'), 'text')
    expect(check(file)).toBeUndefined()
    own(file, user)
    expect(check(file)).toBeUndefined()
    own(file, other)
    expect(check(file)).toEqual(foreign())
  })

  itAsRoot('a pipe or link of another user is not written to', () => {
    const link = path.join(sharedFolder('shared'), 'link')
    fs.symlinkSync('/dev/null', link)
    expect(entryProblem(link, user)).toBeUndefined()
    own(link, other)
    expect(entryProblem(link, user)).toMatchObject({ problem: 'foreign-owner', actual: other })
    fs.chmodSync(room('shared'), 0o755)
    expect(entryProblem(link, user)).toBeUndefined()
  })

  itAsRoot.each([0o770, 0o702, 0o1777])('of mode %o', (mode) => {
    const file = own(put(path.join(sharedFolder('shared'), 'token'), 'text'), other)
    fs.chmodSync(room('shared'), mode)
    expect(check(file)).toEqual((mode & 0o022) === 0 ? undefined : foreign())
  })

  itAsRoot('each link on the path must belong to this user or root', () => {
    const target = own(put(room('token'), 'text'), user)
    const link = path.join(sharedFolder('shared'), 'link')
    fs.symlinkSync(target, link)
    fs.symlinkSync('shared/link', room('first'))
    expect(check(room('first'))).toBeUndefined()
    own(link, user)
    expect(check(room('first'))).toBeUndefined()
    own(link, other)
    expect(check(link)).toEqual(foreign())
    expect(check(room('first'))).toEqual(foreign(`leads to ${link}, which `))
  })

  itAsRoot('a link of this user must not lead to a file of another user', () => {
    const link = path.join(sharedFolder('shared'), 'link')
    fs.symlinkSync(own(put(room('token'), 'text'), other), link)
    own(link, user)
    expect(check(link)).toEqual(foreign(`leads to ${room('token')}, which `))
  })

  itAsRoot('a folder of another user is refused with all that is in it', () => {
    const file = own(put(path.join(sharedFolder('shared'), 'folder/token'), 'text'), user)
    own(path.dirname(file), other)
    expect(check(file)).toEqual(foreign(`leads to ${path.dirname(file)}, which `))
  })

  it('links of a secret that Kubernetes mounts are followed', () => {
    const mount = sharedFolder('secret')
    put(path.join(mount, '..2026_11_28/token'), 'text', 0o644)
    fs.symlinkSync('..2026_11_28', path.join(mount, '..data'))
    fs.symlinkSync('..data/token', path.join(mount, 'token'))
    expect(
      sharedFolderCheck(() => process.geteuid?.())(
        path.join(mount, 'token'),
        fs.statSync(path.join(mount, 'token')),
      ),
    ).toBeUndefined()
  })
})

itAsRoot('elsewhere the owner is not checked', () => {
  const file = own(put(room('private/token'), 'text'), other)
  own(path.dirname(file), other)
  fs.symlinkSync(file, room('link'))
  expect(check(file)).toBeUndefined()
  expect(check(room('link'))).toBeUndefined()
})

it('a path with .. is followed as the system follows it', () => {
  put(room('a/b/token'), 'text')
  fs.symlinkSync(room('a/b'), room('link'))
  put(room('a/other'), 'text')
  expect(check(`${room('link')}/../other`)).toBeUndefined()
})

it('a relative path begins in the current folder', () => {
  const file = put(room('a/token'), 'text')
  const before = process.cwd()
  process.chdir(room('a'))
  try {
    expect(sharedFolderCheck(() => user)('token', fs.statSync(file))).toBeUndefined()
    expect(sharedFolderCheck(() => user)('other', fs.statSync(file))).toMatchObject({
      problem: 'unreadable',
      what: 'cannot be read (ENOENT)',
    })
  } finally {
    process.chdir(before)
  }
})

it('at most 40 links are followed, as by the system', () => {
  const file = put(room('link-0'), 'text')
  const folder = fs.realpathSync(room(''))
  for (let i = 1; i <= 41; i++) fs.symlinkSync(`link-${i - 1}`, room(`link-${i}`))
  const checked = (name: string) => sharedFolderCheck(() => user)(path.join(folder, name), fs.statSync(file))
  expect(checked('link-40')).toBeUndefined()
  expect(checked('link-41')).toEqual({
    problem: 'unreadable',
    what: 'cannot be read (ELOOP)',
    transient: true,
  })
})

it('a link is no file to write, lock or rename', () => {
  fs.symlinkSync(put(room('token'), 'text'), room('link'))
  expect(ownFileProblem(fs.lstatSync(room('link')), user)).toEqual({
    problem: 'not-a-file',
    what: 'is a symbolic link',
  })
})

it('permissions of no file are undefined', () => {
  expect(permissionsOf(put(room('token'), 'text', 0o640))).toBe('0640')
  expect(permissionsOf(room('nothing'))).toBeUndefined()
})

it('a file that is replaced between its stat and the check is reported', () => {
  const file = put(room('token'), 'text')
  const before = fs.statSync(file)
  fs.renameSync(put(room('new'), 'text'), file)
  expect(sharedFolderCheck(() => user)(file, before)).toEqual({
    problem: 'unreadable',
    what: 'was replaced while it was read',
    transient: true,
  })
})

it('nothing is refused on a platform without user ids', () => {
  const file = put(room('token'), 'text')
  expect(sharedFolderCheck(() => undefined)(file, fs.statSync(file))).toBeUndefined()
  expect(ownFileProblem(fs.statSync(file), undefined)).toBeUndefined()
  expect(folderProblem(fs.statSync(room('')), undefined)).toBeUndefined()
})

describe('the folder of a store', () => {
  const problemOf = (mode: number, uid = process.geteuid?.() ?? 0) => {
    fs.mkdirSync(room('store'))
    fs.chmodSync(room('store'), mode)
    return folderProblem(fs.statSync(room('store')), uid)
  }

  it.each([0o700, 0o755, 0o1777])('may have mode %o', (mode) => {
    expect(problemOf(mode)).toBeUndefined()
  })

  it.each([0o777, 0o720, 0o702])('must not have mode %o', (mode) => {
    expect(problemOf(mode)).toEqual({
      problem: 'open-permissions',
      what: `can be written by others (mode 0${mode.toString(8)})`,
    })
  })

  itAsRoot('must belong to this user or root', () => {
    expect(problemOf(0o755, user)).toBeUndefined()
    own(room('store'), other)
    expect(folderProblem(fs.statSync(room('store')), user)).toMatchObject({ problem: 'foreign-owner' })
  })

  it('must be a folder', () => {
    expect(folderProblem(fs.statSync(put(room('file'), '')), user)).toEqual({
      problem: 'not-a-file',
      what: 'is not a folder',
    })
  })
})

it('permissions are formatted as in chmod', () => {
  expect([0o100600, 0o100644, 0o41777, 0].map((mode) => formatPermissions({ mode }))).toEqual([
    '0600',
    '0644',
    '1777',
    '0000',
  ])
})
