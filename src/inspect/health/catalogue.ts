/** Something a schema holds. */
export interface Entry {
  readonly kind: 'table' | 'column' | 'constraint' | 'index' | 'trigger' | 'type' | 'function' | 'view'
  /** The table it belongs to; null where it stands alone. */
  readonly table: string | null
  /** A function's with the types of its parameters. */
  readonly name: string
  /** As SQL writes it; two are the same when this is. */
  readonly definition: string
}

/**
 * What a schema holds, as SQL the server writes itself: of days' partitions only the defaults, of indexes only those
 * that belong to no constraint. Names are text: as names they would end after 63 bytes, and with them the list of types
 * that tells the overloads of a function apart.
 *
 * $1 is the oid of the schema.
 */
export const CATALOGUE = `with relation as (
    select oid, relname, relkind, relispartition, reloptions from pg_class
    where relnamespace = $1 and (not relispartition or (relkind = 'r' and relname like '%\\_default'))
  )
  select 'table' as kind, null as table, relation.relname::text as name,
    case relkind when 'p' then 'partition by ' || pg_get_partkeydef(oid) when 'r' then '' else relkind::text end
      || coalesce((select ' with ' || string_agg(option_name || ' = ' || option_value, ', ' order by option_name)
        from pg_options_to_table(reloptions) where option_name <> 'autovacuum_enabled'), '') as definition
  from relation where relkind in ('r', 'p', 'm', 'f', 'S')
  union all
  select 'column', relation.relname, attribute.attname, format_type(attribute.atttypid, attribute.atttypmod)
    || case when attribute.attnotnull then ' not null' else '' end
    || coalesce(' default ' || pg_get_expr(initial.adbin, initial.adrelid), '')
  from relation
  join pg_attribute as attribute on attribute.attrelid = relation.oid and attribute.attnum > 0 and not attribute.attisdropped
  left join pg_attrdef as initial on initial.adrelid = relation.oid and initial.adnum = attribute.attnum
  where relation.relkind in ('r', 'p') and not relation.relispartition
  union all
  select 'constraint', relation.relname, con.conname, pg_get_constraintdef(con.oid)
  from pg_constraint as con join relation on relation.oid = con.conrelid
  where con.contype in ('c', 'p', 'u', 'x', 'f') and not relation.relispartition
  union all
  select 'index', home.relname, relation.relname, pg_get_indexdef(relation.oid)
  from relation
  join pg_index as index on index.indexrelid = relation.oid
  join pg_class as home on home.oid = index.indrelid
  where not home.relispartition and not exists (select from pg_constraint where conindid = relation.oid)
    and (index.indisvalid or relation.relname !~ '_cc(new|old)[0-9]*$')
  union all
  select 'trigger', relation.relname, trigger.tgname, pg_get_triggerdef(trigger.oid)
  from pg_trigger as trigger join relation on relation.oid = trigger.tgrelid where not trigger.tgisinternal
  union all
  select 'type', null, type.typname,
    (select string_agg(quote_literal(enumlabel), ', ' order by enumsortorder) from pg_enum where enumtypid = type.oid)
  from pg_type as type where type.typnamespace = $1 and type.typtype = 'e'
  union all
  select 'function', null, routine.proname || '(' || oidvectortypes(routine.proargtypes) || ')', pg_get_functiondef(routine.oid)
  from pg_proc as routine where routine.pronamespace = $1 and routine.prokind in ('f', 'p')
  union all
  select 'view', null, relation.relname, pg_get_viewdef(relation.oid) from relation where relkind = 'v'`
