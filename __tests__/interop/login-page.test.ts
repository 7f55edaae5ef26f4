/** The page at the end of a login in a browser: readable by everyone, and without anything that could be attacked. */
import { loopbackListener } from '../../lib/oauth2/grants/loopback-listener'
import { openChromium, type Page } from './support/chromium'

let page: Page
beforeAll(async () => {
  page = await openChromium()
}, 300_000)
// It is undefined if Chromium did not start.
afterAll(() => (page as Page | undefined)?.close())

interface Shown {
  readonly lang: string
  readonly title: string
  readonly headings: string[]
  readonly text: string
  readonly landmarks: number
  readonly scripts: number
  readonly resources: number
  readonly contrast: number
  readonly fits: boolean
}

/** What a browser makes of the document; the contrast is that of WCAG 2.2 section 1.4.3. */
const SHOWN = `(() => {
  const luminance = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map((value) => {
      const part = value / 255
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const probe = document.createElement('p')
  probe.style.color = 'CanvasText'
  probe.style.backgroundColor = 'Canvas'
  document.body.append(probe)
  const { color, backgroundColor } = getComputedStyle(probe)
  const same = getComputedStyle(document.querySelector('h1')).color === color
  probe.remove()
  const [light, dark] = [color, backgroundColor].map(luminance).sort((a, b) => b - a)
  return {
    lang: document.documentElement.lang,
    title: document.title,
    headings: [...document.querySelectorAll('h1')].map(({ textContent }) => textContent),
    text: document.querySelector('p').textContent,
    landmarks: document.querySelectorAll('main').length,
    scripts: document.scripts.length,
    resources: performance.getEntriesByType('resource').filter(({ name }) => !name.endsWith('/favicon.ico')).length,
    contrast: same ? (light + 0.05) / (dark + 0.05) : 0,
    fits: document.documentElement.scrollWidth <= innerWidth,
  }
})()`

it.each([
  ['code=c', 'You are logged in', 'You can close this window and return to the program.'],
  [
    'error=access_denied',
    'The login was refused',
    'Return to the program: it shows the reason. You can close this window.',
  ],
])(
  'after %s says what happened, in a heading and a title, with enough contrast',
  async (outcome, heading, text) => {
    const listener = await loopbackListener('127.0.0.1', 0, '/callback')
    try {
      const callback = listener.callback('the state', new AbortController().signal)
      await page.open(`${listener.redirectUri}?state=the%20state&${outcome}`)
      const { contrast, ...shown } = await page.evaluate<Shown>(SHOWN)
      expect(shown).toEqual({
        lang: 'en',
        title: heading,
        headings: [heading],
        text,
        landmarks: 1,
        scripts: 0,
        resources: 0,
        fits: true,
      })
      expect(contrast).toBeGreaterThanOrEqual(7)
      expect((await callback).has(outcome.split('=')[0] ?? '')).toBe(true)
      expect(page.exceptions).toEqual([])
    } finally {
      listener.close()
    }
  },
  60_000,
)
