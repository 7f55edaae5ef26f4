import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { hasBrowser, openBrowser } from '../../lib/files/open-browser'
import { processEnvironment } from '../../lib/environment'

const { platform } = process
const runOn = (name: NodeJS.Platform) => Object.defineProperty(process, 'platform', { value: name })

afterEach(() => runOn(platform))

const given = (env: Record<string, string>) => ({ ...processEnvironment, env })

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('a browser can be opened', () => {
  it.each<[boolean, NodeJS.Platform, Record<string, string>]>([
    [true, 'linux', { DISPLAY: ':0' }],
    [true, 'linux', { WAYLAND_DISPLAY: 'wayland-0' }],
    [true, 'linux', { BROWSER: 'firefox' }],
    [true, 'darwin', {}],
    [true, 'win32', {}],
    [false, 'linux', {}],
    [false, 'linux', { DISPLAY: '', BROWSER: '' }],
    [false, 'linux', { DISPLAY: ':0', SSH_CONNECTION: '192.0.2.1 1 192.0.2.2 22' }],
    [false, 'linux', { BROWSER: 'firefox', SSH_TTY: '/dev/pts/0' }],
    [false, 'darwin', { SSH_CLIENT: '192.0.2.1 1 22' }],
  ])('%s on %s with %j', (expected, name, env) => {
    runOn(name)
    expect(hasBrowser(given(env))).toBe(expected)
  })
})

describe('the browser that is opened', () => {
  const folder = path.join(String(process.env.HOME), 'browsers')
  const PATH = `${folder}:${process.env.PATH}`
  const url = 'https://issuer.example.org/device?user_code=A B&x=$(id)'

  beforeAll(() => {
    fs.mkdirSync(folder)
    for (const name of ['chosen', 'open', 'rundll32', 'xdg-open'])
      fs.writeFileSync(
        path.join(folder, name),
        `#!/bin/sh\nprintf '%s\\n' ${name} "$@" $$ > ${folder}/part\nmv ${folder}/part ${folder}/opened\n`,
        { mode: 0o700 },
      )
  })
  afterEach(() => {
    fs.rmSync(path.join(folder, 'opened'), { force: true })
  })

  it.each<[string, NodeJS.Platform, Record<string, string>, string[]]>([
    ['that of BROWSER', 'darwin', { BROWSER: 'chosen' }, ['chosen']],
    ['that of the desktop', 'linux', {}, ['xdg-open']],
    ['that of macOS', 'darwin', { BROWSER: '' }, ['open']],
    ['that of Windows', 'win32', {}, ['rundll32', 'url.dll,FileProtocolHandler']],
  ])('is %s, and no shell reads the URL', async (_, name, env, words) => {
    runOn(name)
    openBrowser(url, given({ PATH, ...env }))
    const file = path.join(folder, 'opened')
    for (let turns = 0; turns < 2000 && !fs.existsSync(file); turns++) await wait(5)
    const said = fs.readFileSync(file, 'utf8').trim().split('\n')
    const pid = Number(said.pop())
    expect(said).toEqual([...words, url])
    while (isRunning(pid)) await wait(5)
  })

  it('may be one that does not start, because the URL was printed, too', async () => {
    expect(() => openBrowser(url, given({ PATH, BROWSER: 'missing' }))).not.toThrow()
    expect(() =>
      openBrowser(`${url}${'x'.repeat(3_000_000)}`, given({ PATH, BROWSER: 'chosen' })),
    ).not.toThrow()
    await wait(50)
    expect(fs.existsSync(path.join(folder, 'opened'))).toBe(false)
  })
})
