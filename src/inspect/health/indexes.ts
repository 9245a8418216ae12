import type { Database } from '../../db/database.ts'

/** An index that the server does not use. */
export interface BrokenIndex {
  /** With its schema, as SQL names it. */
  readonly name: string
  /** Left by a `reindex concurrently` that failed: nobody needs it. */
  readonly leftover: boolean
  readonly repair: string
  /** Process that is building it now; null when nobody is. */
  readonly builder: number | null
}

/** Indexes of the schema that are not valid, such as those of a `create index concurrently` that failed. */
export async function findBrokenIndexes(database: Database): Promise<BrokenIndex[]> {
  const rows = await database.query({
    text: `select format('%I.%I', space.nspname, class.relname) as name,
        class.relname ~ '_cc(new|old)[0-9]*$' as leftover,
        (select build.pid from pg_stat_progress_create_index as build
          where build.relid = index.indrelid and build.datname = current_database() limit 1) as builder
      from pg_index as index
      join pg_class as class on class.oid = index.indexrelid
      join pg_class as home on home.oid = index.indrelid
      join pg_namespace as space on space.oid = home.relnamespace
      where space.nspname = $1 and not (index.indisvalid and index.indisready and index.indislive) order by 1`,
    values: [database.schema],
  })
  return rows.map((row) => ({
    name: String(row.name),
    leftover: row.leftover === true,
    repair: `${row.leftover === true ? 'drop' : 'reindex'} index concurrently ${row.name}`,
    builder: row.builder === null ? null : Number(row.builder),
  }))
}
