import { explain } from '../instance/explain'
import { authOptionsOf } from './auth-flags'
import { EXIT } from './exit-code'
import { explanationText } from './explanation-text'
import type { ExplainFlags } from './flags'
import { terminalOf } from './terminal'
import { understood } from './usage-error'
import { urlOf } from './url-of'

/** `igwn-auth explain URL`: 0 when something would be attached. */
export async function explainCommand(url: string, flags: ExplainFlags): Promise<number> {
  const explanation = await understood(() => explain(urlOf(url), authOptionsOf(flags)))
  const text = flags.json
    ? JSON.stringify(explanation, null, 2)
    : explanationText(explanation, terminalOf(process.stdout))
  process.stdout.write(`${text}\n`)
  return explanation.attached.length > 0 && !explanation.problem ? EXIT.ok : EXIT.refused
}
