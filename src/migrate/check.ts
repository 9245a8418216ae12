import { CeleriacError } from '../base/errors.ts'
import type { Database } from '../db/database.ts'
import { SCHEMA_VERSION } from './version.ts'

/**
 * Refuses a schema this code cannot run on.
 *
 * A newer schema is fine as long as it says that this version still runs on it: in a rolling deploy old workers
 * meet the new schema.
 * @throws {CeleriacError} `NOT_MIGRATED`, `SCHEMA_BEHIND` or `SCHEMA_AHEAD`, each with what to run.
 */
export async function assertSchema(database: Database): Promise<void> {
  const [row] = await database.call('schema_version', [])
  const version = Number(row?.version)
  const oldest = Number(row?.oldest)
  const facts = { schema: database.schema, found: String(version), needed: String(SCHEMA_VERSION) }
  if (version < SCHEMA_VERSION) throw new CeleriacError('SCHEMA_BEHIND', facts)
  if (oldest > SCHEMA_VERSION) throw new CeleriacError('SCHEMA_AHEAD', facts)
}
