import type { Database } from '../../db/database.ts'

/** Partitions of a table that is divided by day. */
export interface PartitionHealth {
  readonly table: string
  /** Days ahead of today that have a partition, without a gap; -1 when today has none. */
  readonly daysAhead: number
  /** Whether rows lie in the default partition, whose days cannot be dropped whole; false where we may not look. */
  readonly strays: boolean
}

export async function readPartitions(database: Database): Promise<PartitionHealth[]> {
  const { schema } = database
  const rows = await database.query({
    text: `with today as (select ("${schema}".clock() at time zone 'UTC')::date as day)
      select parent.name as table,
        (select coalesce(min(ahead.days), 32) - 1 from today, generate_series(0, 31) as ahead (days)
          where to_regclass(format('%I.%I', $1::text, parent.name || '_' || to_char(today.day + ahead.days, 'YYYYMMDD'))) is null) as days,
        pg_relation_size(class.oid) > 0 and has_table_privilege(class.oid, 'select') as suspicious
      from (values ('results'), ('attempts')) as parent (name)
      left join pg_class as class on class.relnamespace = $1::text::regnamespace and class.relname = parent.name || '_default'`,
    values: [schema],
  })
  const tables: PartitionHealth[] = []
  for (const row of rows) {
    const table = String(row.table)
    const strays = row.suspicious === true && (await hasRows(database, `${table}_default`))
    tables.push({ table, daysAhead: Number(row.days), strays })
  }
  return tables
}

async function hasRows(database: Database, table: string): Promise<boolean> {
  const { schema } = database
  const rows = await database.query({ text: `select from "${schema}".${table} limit 1`, values: [] })
  return rows.length > 0
}
