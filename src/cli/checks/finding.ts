import { isCeleriacError } from '../../base/errors.ts'
import { EXIT } from '../exit-codes.ts'
import { problemOf } from '../problem.ts'

/** What a check came to. */
export interface Finding {
  readonly check: string
  /** `note` is worth knowing and changes no exit code; `skipped` could not be looked at. */
  readonly status: 'ok' | 'note' | 'wrong' | 'skipped'
  readonly message: string
  /** What to do about it, as it can be pasted where there is such a thing; null where nothing is to be done. */
  readonly fix: string | null
  /** What the process ends with when this is the worst. */
  readonly exitCode: number
}

/** What a look at something says, without the name of the check. */
export type Verdict = Omit<Finding, 'check'>

export const fine = (message: string): Verdict => ({ status: 'ok', message, fix: null, exitCode: EXIT.done })

/** Worth knowing; `fix` says how to change it. */
export const note = (message: string, fix: string | null): Verdict => ({
  status: 'note',
  message,
  fix,
  exitCode: EXIT.done,
})

export const wrong = (message: string, fix: string | null, exitCode: number = EXIT.failed): Verdict => ({
  status: 'wrong',
  message,
  fix,
  exitCode,
})

/** Could not be looked at. */
export const skipped = (message: string, fix: string | null = null): Verdict => ({
  status: 'skipped',
  message,
  fix,
  exitCode: EXIT.done,
})

/** What looking gave, or the verdict of a look that has failed. */
export async function tried<Value>(look: () => Promise<Value>): Promise<{ readonly value: Value } | Verdict> {
  try {
    return { value: await look() }
  } catch (error) {
    // What a role may do is a check of its own; whoever only enqueues need not see everything.
    if (isCeleriacError(error) && error.code === 'PERMISSION_DENIED')
      return skipped(`not ours to see: ${error.message.replace(/; .*/s, '')}`)
    const { message, remedy, exitCode } = problemOf(error, 'celeriac doctor')
    const unhelpful = remedy === 'celeriac doctor'
    const fix = unhelpful ? (isCeleriacError(error) ? null : 'read the log of the server') : remedy
    return wrong(message, fix, exitCode)
  }
}

/** The findings of one check: every verdict it came to. */
export async function* checked(
  check: string,
  look: () => Promise<Verdict | readonly Verdict[]>,
): AsyncGenerator<Finding> {
  const outcome = await tried(look)
  const verdicts = 'status' in outcome ? [outcome] : [outcome.value].flat()
  for (const verdict of verdicts) yield { check, ...verdict }
}
