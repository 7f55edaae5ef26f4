import { IgwnAuthError, type IgwnAxiosError, type ReasonCode } from '../../../lib/index'

/** The error that a request ends with; one that is answered fails the test. */
export async function refusalOf<Expected = IgwnAxiosError>(request: Promise<unknown>): Promise<Expected> {
  try {
    await request
  } catch (error) {
    return error as Expected
  }
  throw new Error('The request was not refused.')
}

/**
 * Expects that a refusal, or an error before sending, explains itself: by this reason among its reasons and, a refusal, by a
 * sentence that says it too. All that these tests ask of an explanation is asked here.
 */
export function expectExplained(
  error: IgwnAxiosError | IgwnAuthError,
  code: ReasonCode,
  message: RegExp,
  summary?: RegExp,
): void {
  const said = error instanceof IgwnAuthError ? error : error.igwnAuth
  const reasons = said?.reasons.map((reason) => `${reason.code}: ${reason.message}`)
  expect(reasons).toContainEqual(expect.stringMatching(new RegExp(`^${code}: .*${message.source}`)))
  if (error instanceof IgwnAuthError) return
  expect(error.igwnAuth?.summary).toMatch(summary ?? message)
}
