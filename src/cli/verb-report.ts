import type { VerbOutcome } from '../db/calls/job.ts'
import { EXIT } from './exit-codes.ts'
import type { Output } from './output.ts'

/** Writes what a verb did to each job, and says whether it did what was asked to all of them. */
export function reportVerb(
  output: Output,
  outcomes: readonly VerbOutcome<string>[],
  wanted: readonly string[],
): number {
  if (output.json) output.document(outcomes.map(({ jobId, outcome }) => ({ id: jobId, outcome })))
  else {
    output.table(outcomes, [
      { title: 'ID', cell: (row) => row.jobId },
      {
        title: 'OUTCOME',
        cell: (row) => row.outcome,
        style: (row) => (wanted.includes(row.outcome) ? 'green' : 'yellow'),
      },
    ])
  }
  return outcomes.every(({ outcome }) => wanted.includes(outcome)) ? EXIT.done : EXIT.failed
}
