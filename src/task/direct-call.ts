import { CeleriacError } from '../base/errors.ts'
import { jobStorage } from './current-job.ts'
import type { TaskDefinition } from './definition.ts'
import { type DirectCallContext, directJob, partOfJob } from './direct-job.ts'
import { issuesText, validateArgs } from './schema.ts'

/** A task is still a function: called directly it runs here, without a row; only a schema makes it a promise. */
export function callDirectly(
  definition: TaskDefinition,
  args: readonly unknown[],
  context: DirectCallContext,
): unknown {
  const { run, schema } = definition
  if (run === null) return undefined
  // Within a handler it is a part of that handler's job: same signal, same progress, same parent of what it enqueues.
  const outer = jobStorage.getStore()
  const job =
    outer === undefined ? directJob(definition.name, args, context) : partOfJob(outer, context.database)
  if (schema === null) return jobStorage.run(job, run, job, args)
  return (async () => {
    const outcome = await validateArgs(definition, args)
    if (outcome.issues === undefined) return jobStorage.run(job, run, job, outcome.value)
    throw new CeleriacError(
      'ARGS_REJECTED',
      { task: definition.name, issues: issuesText(outcome.issues) },
      { details: { issues: outcome.issues } },
    )
  })()
}
