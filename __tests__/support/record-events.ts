import diagnostics from 'node:diagnostics_channel'
import { EVENT_CHANNEL, type IgwnAuthEvent } from '../../lib/events'

/** The events of each test of a file, as they are published. */
export function recordEvents() {
  const events: IgwnAuthEvent[] = []
  const record = (event: unknown) => void events.push(event as IgwnAuthEvent)
  beforeAll(() => {
    diagnostics.subscribe(EVENT_CHANNEL, record)
  })
  afterAll(() => {
    diagnostics.unsubscribe(EVENT_CHANNEL, record)
  })
  beforeEach(() => {
    events.length = 0
  })
  const warnings = () => events.flatMap((event) => (event.type === 'warning' ? [event.message] : []))
  return { events, warnings }
}

/** Fails each test of a file that leaves a rejection unhandled. */
export function expectNoUnhandledRejection(): void {
  const unhandled = jest.fn()
  beforeAll(() => {
    process.on('unhandledRejection', unhandled)
  })
  afterAll(() => {
    process.off('unhandledRejection', unhandled)
  })
  afterEach(async () => {
    await new Promise((resolve) => setImmediate(resolve))
    expect(unhandled).not.toHaveBeenCalled()
  })
}
