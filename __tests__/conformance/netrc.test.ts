import path from 'node:path'
import { parseNetrc, type NetrcEntry } from '../../lib/netrc/parse-netrc'
import type { BasicCredentials } from '../../lib/formats/basic-credentials'
import { netrcLookup } from '../../lib/netrc/find-netrc-credentials'
import {
  furnish,
  itOnMachine,
  setVariables,
  usualNames,
  vectors,
  type GivenFile,
  type Names,
} from '../support/vectors'

const FILE = 'netrc.json'
const names = usualNames()

interface Parsed {
  readonly entries: Record<string, NetrcEntry>
  readonly faultyLines?: readonly number[]
}

it.each(vectors<{ text: string }, Parsed>(FILE, 'parse'))('%s', (_, { text }, { entries, faultyLines }) => {
  const parsed = parseNetrc(text)
  expect([...parsed.entries].sort()).toEqual(Object.entries(entries).sort())
  if (faultyLines) expect(parsed.faults.map(({ line }) => line)).toEqual(faultyLines)
})

interface Login {
  readonly login: BasicCredentials | null
}

it.each(vectors<{ text: string; url: string; redirected?: boolean }, Login>(FILE, 'lookup'))(
  '%s',
  (_, { text, url, redirected = false }, { login }) => {
    furnish([{ path: '${HOME}/.netrc', content: text }], names, String)
    const found = netrcLookup()(url, { allowDefault: !redirected })
    expect(found.credentials ?? null).toEqual(login)
    // The same with a URL object.
    expect(netrcLookup()(new URL(url), { allowDefault: !redirected })).toEqual(found)
  },
)

interface Location {
  readonly env: Names
  readonly files: readonly GivenFile<string>[]
  readonly url: string
}

describe('which file', () => {
  afterAll(() => {
    delete process.env.NETRC
  })

  for (const [name, { env, files, url }, expected] of vectors<Location, Login & { problem?: string }>(
    FILE,
    'location',
  )) {
    itOnMachine(name, files, () => {
      furnish(files, names, String)
      setVariables(['NETRC'], env, names)
      const { credentials = null, problem } = netrcLookup()(url)
      expect({ login: credentials, problem: problem?.code }).toEqual({ problem: undefined, ...expected })
    })
  }

  it('is searched for in the home folder of the vectors', () => {
    expect(process.env.HOME).toBe(path.resolve(names.HOME!))
  })
})
