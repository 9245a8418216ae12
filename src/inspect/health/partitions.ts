import type { Database } from '../../db/database.ts'

/** Partitions of a table that is divided by day. */
export interface PartitionHealth {
  readonly table: string
  /** Days ahead of today that have a partition, without a gap; -1 when today has none. */
  readonly daysAhead: number
  /** Whether rows lie in the default partition, whose days cannot be dropped whole. */
  readonly strays: boolean
}

export async function readPartitions(database: Database): Promise<PartitionHealth[]> {
  const { schema } = database
  const rows = await database.query({
    text: `with today as (select ("${schema}".clock() at time zone 'UTC')::date as day)
      select parent.name as table,
        (select coalesce(min(ahead.days), 32) - 1 from today, generate_series(0, 31) as ahead (days)
          where to_regclass(format('%I.%I', $1::text, parent.name || '_' || to_char(today.day + ahead.days, 'YYYYMMDD'))) is null) as days,
        case parent.name
          when 'results' then exists (select from "${schema}".results_default)
          else exists (select from "${schema}".attempts_default)
        end as strays
      from (values ('results'), ('attempts')) as parent (name)`,
    values: [schema],
  })
  return rows.map((row) => ({
    table: String(row.table),
    daysAhead: Number(row.days),
    strays: row.strays === true,
  }))
}
