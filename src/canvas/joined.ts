import { CeleriacError } from '../base/errors.ts'
import type { Codec } from '../base/json.ts'
import type { Database } from '../db/database.ts'

/** The value of a join, put together of what its members have returned. */
export async function joinedValue(
  _database: Database,
  _codec: Codec | undefined,
  jobId: string,
): Promise<unknown> {
  throw new CeleriacError('JOB_UNKNOWN', { jobId })
}
