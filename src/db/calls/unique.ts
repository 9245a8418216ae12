import type { Database, Executor } from '../database.ts'
import type { Enqueued } from './job.ts'

/** What a call with a key came to; the last three refuse it. See `sql/functions/unique/enqueue_unique.sql`. */
export type UniqueOutcome = 'kept' | 'replaced' | 'rerun' | 'rejected' | 'exists' | 'apart'

/** The answer for one item that was not inserted as it was. */
export interface UniqueAnswer {
  readonly outcome: UniqueOutcome
  /** The job that has the key. */
  readonly jobId: string
  /** Its args before, as they are stored; absent when they are the same. */
  readonly args?: unknown
}

/** Answer of `enqueue_unique`. */
export interface UniqueEnqueued {
  /** By the id that was sent. Items without one were inserted. */
  readonly answers: ReadonlyMap<string, UniqueAnswer>
  /** What workers have to be told; null when nothing has changed for them. */
  readonly enqueued: Enqueued | null
}

/**
 * Enqueues jobs with keys.
 *
 * @param patienceMs - how long to wait for another transaction that has taken one of the keys
 */
export async function enqueueUnique(
  database: Database,
  batch: string,
  patienceMs: number,
  executor: Executor = database,
): Promise<UniqueEnqueued> {
  const [row] = await database.call('enqueue_unique', [batch, patienceMs], executor)
  const answers = (row?.answers as [string, UniqueOutcome, string, unknown?][] | null) ?? []
  const earliest = (row?.earliest as string | null | undefined) ?? null
  return {
    enqueued:
      earliest === null
        ? null
        : { refused: [], asleep: (row?.asleep as string[] | null) ?? [], earliestUs: String(earliest) },
    answers: new Map(
      answers.map(([id, outcome, jobId, ...before]) => [
        id,
        { outcome, jobId, ...(before.length > 0 && { args: before[0] }) },
      ]),
    ),
  }
}
