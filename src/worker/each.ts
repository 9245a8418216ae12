import { CeleriacError } from '../base/errors.ts'
import type { TaskDefinition } from '../task/definition.ts'
import { issuesText, validateArgs } from '../task/schema.ts'

/** How a job calls its task with many items, as its row says. */
export interface Each {
  /** Each item is a list of args; otherwise it is the one argument. */
  readonly spread: boolean
  /** An item that fails gives its error in place of a value. */
  readonly allowFailures?: true
}

type Run = NonNullable<TaskDefinition['run']>

/** A handler that is called with a list of items, one after the other, and returns the list of their values. */
export function eachOf(definition: TaskDefinition, run: Run, { spread, allowFailures }: Each): Run {
  return async (job, [items]) => {
    const values: unknown[] = []
    for (const item of items as readonly unknown[]) {
      job.signal.throwIfAborted()
      const args = spread ? (item as readonly unknown[]) : [item]
      try {
        values.push(await run(job, await checked(definition, args)))
      } catch (error) {
        if (allowFailures !== true || job.signal.aborted) throw error
        values.push(error)
      }
    }
    return values
  }
}

async function checked(definition: TaskDefinition, args: readonly unknown[]): Promise<readonly unknown[]> {
  if (definition.schema === null) return args
  const outcome = await validateArgs(definition, args)
  if (outcome.issues === undefined) return outcome.value
  throw new CeleriacError(
    'ARGS_REJECTED',
    { task: definition.name, issues: issuesText(outcome.issues) },
    { details: { issues: outcome.issues } },
  )
}
