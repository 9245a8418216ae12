import { plainArray } from '../array-literal.ts'
import type { Database } from '../database.ts'
import type { VerbOutcome } from './job.ts'

/** What `kill` came to; see `sql/functions/job/kill_jobs.sql`. */
export type KillOutcome = 'killed' | 'cancelled' | 'settled' | 'unknown'

/** Ends jobs at once, also those that run. */
export async function killJobs(
  database: Database,
  ids: readonly string[],
  reason: string | null,
): Promise<VerbOutcome<KillOutcome>[]> {
  const rows = await database.call('kill_jobs', [plainArray(ids), reason])
  return rows.map((row) => ({ jobId: row.job_id as string, outcome: row.outcome as KillOutcome }))
}
