import fs from 'node:fs'
import path from 'node:path'

const ROOT = path.join(__dirname, '..')
const read = (file: string) => fs.readFileSync(path.join(ROOT, file), 'utf8')
const document = read('SECURITY.md')

/** Each row of a table: its claim and its test. */
const rows = Array.from(
  document.matchAll(/^\| (?!-)(.*?) +\| (.*?) +\|$/gm),
  ([, claim = '', shown = '']) => ({
    claim,
    shown,
  }),
).filter(({ shown }) => shown !== 'Test')

describe('SECURITY.md', () => {
  it('has claims', () => {
    expect(rows.length).toBeGreaterThan(40)
  })

  it.each(rows.map(({ claim, shown }) => [claim, shown]))('claim: %s', (_, shown) => {
    const [, file = '', title = ''] = /^`(\S+\.test\.ts)`: "(.*)"$/.exec(shown) ?? []
    expect([shown, file, title]).toEqual([shown, expect.stringMatching(/./), expect.stringMatching(/./)])
    // In the source of the test, a quote may be escaped.
    expect(read(`__tests__/${file}`).replaceAll("\\'", "'")).toContain(title)
  })
})

describe('the lock file', () => {
  interface Locked {
    readonly integrity?: string
    readonly resolved?: string
    readonly link?: boolean
    readonly dev?: boolean
    readonly hasInstallScript?: boolean
  }
  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }
  const others = Object.entries(packages).filter(([name]) => name !== '')

  it('pins every package, and no runtime dependency has an install script', () => {
    const unpinned = others
      .filter(([, { integrity }]) => !/^sha512-/.test(integrity ?? ''))
      .map(([name]) => name)
    expect(unpinned).toEqual([])
    const scripts = others
      .filter(([, { dev, hasInstallScript }]) => !dev && hasInstallScript)
      .map(([name]) => name)
    expect(scripts).toEqual([])
    expect(read('.npmrc')).toMatch(/^ignore-scripts=true$/m)
  })

  it('takes every package from one registry: that of the user, or one host by https', () => {
    const places = others.map(([, { resolved }]) => resolved).filter((place) => place !== undefined)
    expect(places.filter((place) => !/^https:\/\/[^/@]+\/.+\.tgz$/.test(place))).toEqual([])
    expect(new Set(places.map((place) => new URL(place).host)).size).toBeLessThan(2)
    expect(others.filter(([, { link }]) => link).map(([name]) => name)).toEqual([])
  })

  it('is what CI installs', () => {
    expect(read('.ci/run')).toMatch(/^ *step 'Install' \d+ npm ci$/m)
  })
})
