import diagnostics from 'node:diagnostics_channel'
import { EVENT_CHANNEL, type IgwnAuthEvent } from '../../lib/events'

/** The events of each test of a file, as they are published. */
export function heardEvents() {
  const events: IgwnAuthEvent[] = []
  const hear = (event: unknown) => void events.push(event as IgwnAuthEvent)
  beforeAll(() => {
    diagnostics.subscribe(EVENT_CHANNEL, hear)
  })
  afterAll(() => {
    diagnostics.unsubscribe(EVENT_CHANNEL, hear)
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
