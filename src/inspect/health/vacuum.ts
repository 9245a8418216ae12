import type { Database } from '../../db/database.ts'

/** How well a table is kept; rows are estimates of the server. */
export interface TableHealth {
  readonly table: string
  readonly deadRows: number
  readonly liveRows: number
  /** Since the last vacuum of any kind ended; null when there was none. */
  readonly vacuumedMsAgo: number | null
  /** Whether a vacuum is at it now. */
  readonly vacuuming: boolean
  /** False when somebody has told autovacuum to leave it alone. */
  readonly autovacuum: boolean
  /** Says again what autovacuum is to do. */
  readonly repair: string
  /** Transactions since the oldest row that is not frozen. */
  readonly ageXids: number
}

/** Reads what the server counts about our tables; the tables themselves are not touched. */
export async function readTables(database: Database): Promise<TableHealth[]> {
  const rows = await database.query({
    text: `select class.relname::text as table, format('%I.%I', $1::text, class.relname) as place, coalesce(stat.n_dead_tup, 0) as dead, coalesce(stat.n_live_tup, 0) as live,
        extract(epoch from clock_timestamp() - greatest(stat.last_vacuum, stat.last_autovacuum))::float8 * 1000 as ago,
        exists (select from pg_stat_progress_vacuum as vacuum where vacuum.relid = class.oid
          and vacuum.datname = current_database()) as vacuuming,
        coalesce((select option.option_value::boolean from pg_options_to_table(class.reloptions) as option
          where option.option_name = 'autovacuum_enabled'), true) as autovacuum,
        age(class.relfrozenxid) as age
      from pg_class as class
      left join pg_stat_all_tables as stat on stat.relid = class.oid
      where class.relnamespace = $1::text::regnamespace and class.relkind = 'r'
      order by dead desc, class.relname`,
    values: [database.schema],
  })
  return rows.map((row) => ({
    table: String(row.table),
    deadRows: Number(row.dead),
    liveRows: Number(row.live),
    vacuumedMsAgo: row.ago === null ? null : Number(row.ago),
    vacuuming: row.vacuuming === true,
    autovacuum: row.autovacuum === true,
    repair: `alter table ${row.place} reset (autovacuum_enabled)`,
    ageXids: Number(row.age),
  }))
}
