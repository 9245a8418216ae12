import { plainArray } from '../array-literal.ts'
import type { Database } from '../database.ts'
import type { HeldAttempt } from './worker.ts'

/** Asks which of these attempts a worker does not hold any more. */
export async function findLost(
  database: Database,
  workerId: string,
  held: readonly HeldAttempt[],
): Promise<HeldAttempt[]> {
  const ids = plainArray(held.map(({ id }) => id))
  const rows = await database.call('find_lost', [workerId, ids, plainArray(held.map(({ token }) => token))])
  return rows.map((row) => ({ id: row.job_id as string, token: Number(row.token) }))
}
