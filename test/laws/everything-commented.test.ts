import { expect, test } from 'vitest'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase()

test('every object of the schema says what it is', async () => {
  // What a partition has of its own it has from its parent, which says it.
  const silent = await database.query(`
    with relation as (
      select oid, relname, relkind, relispartition from pg_class
      where relnamespace = 'celeriac'::regnamespace
    )
    select 'schema celeriac' as object where obj_description('celeriac'::regnamespace, 'pg_namespace') is null
    union all
    select case relkind when 'v' then 'view ' when 'i' then 'index ' when 'I' then 'index ' else 'table ' end || relname
    from relation
    where obj_description(oid, 'pg_class') is null and relkind in ('r', 'p', 'v', 'm', 'i', 'I', 'S')
      and not (relispartition and relkind = 'i')
      -- An index that serves a constraint is said by it, or says it: see below.
      and not exists (
        select from pg_constraint
        where conindid = relation.oid and obj_description(pg_constraint.oid, 'pg_constraint') is not null
      )
    union all
    select 'column ' || relname || '.' || attname
    from relation join pg_attribute on attrelid = relation.oid
    where attnum > 0 and not attisdropped and relkind in ('r', 'p', 'v', 'm') and not relispartition
      and col_description(relation.oid, attnum) is null
    union all
    select 'type ' || typname from pg_type
    where typnamespace = 'celeriac'::regnamespace and typtype in ('e', 'd') and obj_description(oid, 'pg_type') is null
    union all
    select 'function ' || proname from pg_proc
    where pronamespace = 'celeriac'::regnamespace and obj_description(oid, 'pg_proc') is null
    union all
    select 'constraint ' || conname from pg_constraint
    where connamespace = 'celeriac'::regnamespace and contype in ('c', 'u', 'x', 'f', 'p')
      and obj_description(pg_constraint.oid, 'pg_constraint') is null
      -- What a partition checks is said by its parent.
      and not (contype in ('p', 'u') and obj_description(conindid, 'pg_class') is not null)
      and coninhcount = 0
    union all
    select 'trigger ' || tgname from pg_trigger join relation on relation.oid = tgrelid
    where not tgisinternal and obj_description(pg_trigger.oid, 'pg_trigger') is null
    order by 1`)
  expect(silent).toEqual([])
})

test('the comment of a function is the first sentence of its file', async () => {
  const { sqlFiles } = await import('../../src/migrate/sql-source.ts')
  const comments = await database.query<{ name: string; comment: string }>(
    `select proname as name, obj_description(oid, 'pg_proc') as comment from pg_proc
      where pronamespace = 'celeriac'::regnamespace`,
  )
  const said = new Map(comments.map(({ name, comment }) => [name, comment]))
  for (const { kind, name, text } of sqlFiles()) {
    if (kind !== 'function') continue
    const header = text
      .split('\n')
      .slice(1, 5)
      .map((line) => line.replace(/^-- ?/, ''))
      .join(' ')
    expect(header, name).toContain(said.get(name))
  }
})
