import type { TestDatabase } from '../support/postgres.ts'

/** Everything the schema holds, one line each, in an order that does not depend on how it came about. */
export async function catalogueOf(database: TestDatabase, schema = 'celeriac'): Promise<string> {
  const lines = await database.query<{ line: string }>(
    `with relation as (
      select oid, relname, relkind, relispartition, reloptions from pg_class where relnamespace = $1::regnamespace
    ), line as (
      select 1 as part, relname || case relkind when 'v' then ' view' when 'p' then ' table, partitioned by '
          || pg_get_partkeydef(oid) else ' table' end || coalesce(' with (' || array_to_string(reloptions, ', ') || ')', '') as line
      from relation where relkind in ('r', 'p', 'v', 'm', 'S')
        and (not relispartition or relname like '%_default')
      union all
      select 2, relname || '.' || attname || ' ' || format_type(atttypid, atttypmod)
        || case when attnotnull and relkind <> 'v' then ' not null' else '' end
        || coalesce(' default ' || pg_get_expr(adbin, adrelid), '')
      from relation
      join pg_attribute on attrelid = relation.oid and attnum > 0 and not attisdropped
      left join pg_attrdef on adrelid = relation.oid and adnum = attnum
      where relkind in ('r', 'p', 'v', 'm') and not relispartition
      union all
      select 3, replace(pg_get_indexdef(oid), ' ON ONLY ', ' ON ') from relation
      where relkind in ('i', 'I') and not relispartition
      union all
      select 4, conrelid::regclass || ' constraint ' || conname || ' ' || pg_get_constraintdef(oid)
      from pg_constraint
      where connamespace = $1::regnamespace and contype in ('c', 'p', 'u', 'x', 'f') and coninhcount = 0
        and conrelid not in (select oid from relation where relispartition)
      union all
      select 5, 'type ' || typname || ' (' || (
        select string_agg(enumlabel, ', ' order by enumsortorder) from pg_enum where enumtypid = pg_type.oid
      ) || ')'
      from pg_type where typnamespace = $1::regnamespace and typtype = 'e'
      union all
      select 6, 'function ' || proname || '(' || pg_get_function_arguments(oid) || ') returns ' || pg_get_function_result(oid)
        || case provolatile when 'i' then ' immutable' when 's' then ' stable' else '' end
        || case when proisstrict then ' strict' else '' end
        || coalesce(' set ' || array_to_string(proconfig, ' set '), '')
      from pg_proc where pronamespace = $1::regnamespace
      union all
      select 7, 'trigger ' || tgname || ' ' || pg_get_triggerdef(pg_trigger.oid)
      from pg_trigger join relation on relation.oid = tgrelid where not tgisinternal
    )
    select line from line order by part, line collate "C"`,
    [schema],
  )
  return `${lines.map(({ line }) => line).join('\n')}\n`
}
