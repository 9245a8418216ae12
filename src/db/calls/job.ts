import { jsonTextArray, plainArray } from '../array-literal.ts'
import type { Database, Executor } from '../database.ts'

/** Answer of `enqueue_jobs`. */
export interface Enqueued {
  /** Ids that are taken already. */
  readonly refused: readonly string[]
  /** Queues of the batch that an idle worker serves. */
  readonly asleep: readonly string[]
  /** Earliest `run_at` of the batch, in µs since 1970, as decimal digits. */
  readonly earliestUs: string
}

/** Inserts a batch of jobs; see `sql/functions/job/enqueue_jobs.sql` for the text. */
export async function enqueueJobs(
  database: Database,
  batch: string,
  executor: Executor = database,
): Promise<Enqueued> {
  const [row] = await database.call('enqueue_jobs', [batch], executor)
  return {
    refused: (row?.refused as string[] | null) ?? [],
    asleep: (row?.asleep as string[] | null) ?? [],
    earliestUs: String(row?.earliest ?? 0),
  }
}

/** What a verb did to one job. */
export interface VerbOutcome<Outcome extends string> {
  readonly jobId: string
  readonly outcome: Outcome
}

/** What `cancel` came to; see `sql/functions/job/cancel_jobs.sql`. */
export type CancelOutcome = 'cancelled' | 'requested' | 'settled' | 'unknown'

export async function cancelJobs(
  database: Database,
  ids: readonly string[],
  reason: string | null,
): Promise<VerbOutcome<CancelOutcome>[]> {
  const rows = await database.call('cancel_jobs', [plainArray(ids), reason])
  return rows.map((row) => ({ jobId: row.job_id as string, outcome: row.outcome as CancelOutcome }))
}

/** What `retry` came to; see `sql/functions/job/retry_jobs.sql`. */
export type RetryOutcome = 'retried' | 'running' | 'unknown'

export async function retryJobs(
  database: Database,
  ids: readonly string[],
): Promise<VerbOutcome<RetryOutcome>[]> {
  const rows = await database.call('retry_jobs', [plainArray(ids)])
  return rows.map((row) => ({ jobId: row.job_id as string, outcome: row.outcome as RetryOutcome }))
}

/** Removes what is kept of jobs; returns how many were found. */
export async function forgetJobs(database: Database, ids: readonly string[]): Promise<number> {
  const [row] = await database.call('forget_jobs', [plainArray(ids)])
  return Number(row?.forget_jobs ?? 0)
}

/** A progress report of one attempt. */
export interface ProgressReport {
  readonly jobId: string
  readonly token: number
  /** JSON text. */
  readonly value: string
}

/** Stores progress reports; returns the ids of attempts this worker no longer holds. */
export async function reportProgress(
  database: Database,
  workerId: string,
  reports: readonly ProgressReport[],
): Promise<readonly string[]> {
  const [row] = await database.call('report_progress', [
    workerId,
    plainArray(reports.map((report) => report.jobId)),
    plainArray(reports.map((report) => report.token)),
    jsonTextArray(reports.map((report) => report.value)),
  ])
  return (row?.lost as string[] | null) ?? []
}

/** Says for how long this process waits for results; 0 takes it back. */
export async function registerListener(database: Database, id: string, ttlMs: number): Promise<void> {
  await database.call('register_listener', [id, ttlMs])
}
