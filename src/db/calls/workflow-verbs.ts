import { plainArray } from '../array-literal.ts'
import type { Database } from '../database.ts'
import type { CancelOutcome, RetryOutcome, VerbOutcome } from './job.ts'

/** Cancels whatever of a workflow is not settled; null when nobody knows it. See `sql/functions/canvas/cancel_workflow.sql`. */
export async function cancelWorkflow(
  database: Database,
  id: string,
  reason: string | null,
): Promise<VerbOutcome<CancelOutcome>[] | null> {
  const rows = await database.call('cancel_workflow', [id, reason])
  if (rows.length === 1 && rows[0]?.job_id === null) return null
  return rows.map((row) => ({ jobId: row.job_id as string, outcome: row.outcome as CancelOutcome }))
}

/** What became of one node. */
export interface Rerun extends VerbOutcome<RetryOutcome> {
  /** False for a group. */
  readonly isJob: boolean
}

/**
 * Runs nodes again, with everything that follows from them; see `sql/functions/canvas/rerun_jobs.sql`.
 *
 * @throws {CeleriacError} `WORKFLOW_BUSY` when some of that is under way
 */
export async function rerunJobs(database: Database, ids: readonly string[]): Promise<Rerun[]> {
  const rows = await database.call('rerun_jobs', [plainArray(ids)])
  return rows.map((row) => ({
    jobId: row.job_id as string,
    outcome: row.outcome as RetryOutcome,
    isJob: row.is_job === true,
  }))
}
