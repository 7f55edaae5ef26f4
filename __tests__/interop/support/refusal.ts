import { IgwnAuthError, type IgwnAxiosError, type ReasonCode } from '../../../lib/index'

/** The error of a request. A request that succeeds fails the test. */
export async function refusalOf<Expected = IgwnAxiosError>(request: Promise<unknown>): Promise<Expected> {
  try {
    await request
  } catch (error) {
    return error as Expected
  }
  throw new Error('The request was not refused.')
}

/**
 * Expects that a refusal, or an error before sending, has this reason, and that the summary of a refusal contains it too. All
 * tests check explanations with this function.
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
