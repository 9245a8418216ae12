import { type Codec, decodeValue } from '../base/json.ts'
import { readInputs } from '../db/calls/read-inputs.ts'
import type { Database } from '../db/database.ts'
import { assemble } from './assemble.ts'

/** The value of a join, put together of what its members have returned. */
export async function joinedValue(
  database: Database,
  codec: Codec | undefined,
  jobId: string,
): Promise<unknown> {
  const inputs = await readInputs(database, [jobId])
  return assemble(jobId, inputs, (stored, tagged) => decodeValue(stored, tagged ? undefined : codec))
}
