import type { Database } from '../../db/database.ts'
import { findBrokenIndexes } from '../../inspect/health/indexes.ts'
import { type PartitionHealth, readPartitions } from '../../inspect/health/partitions.ts'
import { readRights } from '../../inspect/health/rights.ts'
import type { ServerHealth } from '../../inspect/health/server.ts'
import { identifier } from '../../inspect/health/sql-names.ts'
import { fine, note, type Verdict, wrong } from './finding.ts'
import type { Limits } from './limits.ts'

/** Whether the role may do what it is meant to; null while there is no schema. */
export async function checkRights(database: Database, { role }: ServerHealth): Promise<Verdict[]> {
  const { installed, prefix, memberOf, missing } = await readRights(database)
  if (!installed) return []
  const name = identifier(role)
  if (prefix === null) {
    if (missing.length === 0) return [fine('all there')]
    const grants = missing.map((right) => `grant ${right} to ${name}`)
    return [wrong(`${role} lacks ${missing.join('; ')}`, grants.join('; '))]
  }
  if (memberOf.length === 0)
    return [
      wrong(
        `${role} is a member of none of the roles ${prefix}_worker, _producer, _operator and _viewer`,
        `grant ${identifier(`${prefix}_worker`)} to ${name}`,
      ),
    ]
  if (missing.length > 0) return [wrong(`${role} lacks ${missing.join('; ')}`, 'celeriac migrate --roles')]
  return [fine(memberOf.includes('owner') ? `all, as ${prefix}_owner` : `those of ${memberOf.join(', ')}`)]
}

/** Whether days have their partitions before they begin. */
export async function checkPartitions(database: Database, limits: Limits): Promise<Verdict> {
  return partitionVerdict(await readPartitions(database), database.schema, limits)
}

function partitionVerdict(
  tables: readonly PartitionHealth[],
  schema: string,
  { daysAhead }: Limits,
): Verdict {
  const short = tables.filter((table) => table.daysAhead < daysAhead)
  if (short.length > 0) {
    const names = short.map((table) => `${table.table}: ${Math.max(0, table.daysAhead)} days`)
    // Workers make them, so somebody has not been running for days.
    return wrong(
      `made too few days ahead (${names.join(', ')})`,
      `select ${identifier(schema)}.make_partitions(7)`,
    )
  }
  const strays = tables.filter((table) => table.strays).map((table) => `${table.table}_default`)
  const ahead = Math.min(...tables.map((table) => table.daysAhead))
  if (strays.length === 0) return fine(`made ${ahead} days ahead`)
  // Rows there are found and pruned all the same.
  return note(
    `${strays.join(' and ')} hold rows of days that had no partition: they are pruned one by one, not a day at a time`,
    null,
  )
}

/** Indexes that the server does not use, and leftovers of failed rebuilds. */
export async function checkIndexes(database: Database): Promise<Verdict[]> {
  const broken = await findBrokenIndexes(database)
  if (broken.length === 0) return [fine('all valid')]
  return broken.map(({ name, leftover, repair, builder }) => {
    if (builder !== null) return note(`${name} is being built by pid ${builder}`, null)
    return leftover
      ? wrong(`${name} is left from a rebuild that failed`, repair)
      : wrong(`${name} is invalid: nobody reads it`, repair)
  })
}
