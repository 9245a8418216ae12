import type { VerbOutcome } from '../db/calls/job.ts'
import { EXIT } from './exit-codes.ts'
import type { Output } from './output.ts'

/** What was asked for, and what came of it. */
export interface VerbReport {
  /** As they were typed. */
  readonly ids: readonly string[]
  readonly outcomes: readonly VerbOutcome<string>[]
  /** Outcomes that say it is done. */
  readonly wanted: readonly string[]
}

/** Writes what a verb did to each job, in the order they were typed, and says whether all of it was done. */
export function reportVerb(output: Output, { ids, outcomes: found, wanted }: VerbReport): number {
  const place = new Map(ids.map((id, index) => [id, index]))
  const outcomes = found.toSorted((a, b) => (place.get(a.jobId) ?? 0) - (place.get(b.jobId) ?? 0))
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
