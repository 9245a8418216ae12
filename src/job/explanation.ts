import type { ExplanationRow } from '../db/calls/explain.ts'
import type { JobState } from './state.ts'

/**
 * Why a job is not running, as one word:
 *
 * `unknown`, `succeeded`, `failed`, `cancelled` (there is nothing to wait for) · `running`, `stalled`, `cancelling` (it
 * does) · `expired` · `blocked` (waits for other nodes of its canvas) · `scheduled`, `retrying`, `snoozed` (not due yet) ·
 * `queue_paused`, `task_paused`, `label_paused` · `no_worker`, `unknown_task` · `held`, `concurrency`, `unique`, `rate`
 * (a limit) · `arriving`, `turn` (its limits let it start) · `busy` (all slots are taken) · `ready`
 */
export type Reason =
  | 'unknown'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'running'
  | 'stalled'
  | 'cancelling'
  | 'expired'
  | 'blocked'
  | 'scheduled'
  | 'retrying'
  | 'snoozed'
  | 'queue_paused'
  | 'task_paused'
  | 'label_paused'
  | 'no_worker'
  | 'unknown_task'
  | 'held'
  | 'concurrency'
  | 'unique'
  | 'rate'
  | 'arriving'
  | 'turn'
  | 'busy'
  | 'ready'

/** Why a job is not running yet, or what became of it. */
export interface Explanation {
  /** State of the job; `unknown` when nobody knows the id. */
  readonly state: JobState | 'unknown'
  readonly reason: Reason
  /** The same in a sentence. */
  readonly message: string
  /** Since when it has been so, where that is known. */
  readonly since: Date | null
  /** Until when it stays so, where that is certain. */
  readonly until: Date | null
  /** When the job may start, if nothing comes in between; null when nobody can tell. */
  readonly estimatedStart: Date | null
  /** What depends on the reason: parents, holders, limit and key, workers, … */
  readonly details: Readonly<Record<string, unknown>>
  /** Whatever keeps it besides. */
  readonly also: readonly { readonly reason: Reason; readonly message: string }[]
}

/** What SQL says as users read it. */
export function explanationFrom(row: ExplanationRow): Explanation {
  const at = (instant: string | undefined): Date | null => (instant === undefined ? null : new Date(instant))
  return {
    state: row.state as Explanation['state'],
    reason: row.reason as Reason,
    message: row.message,
    since: at(row.since),
    until: at(row.until),
    estimatedStart: at(row.estimatedStart),
    details: row.details ?? {},
    also: (row.also ?? []) as Explanation['also'],
  }
}
