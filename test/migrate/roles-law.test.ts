import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase({ name: 'roles_law' })
const text = readFileSync(new URL('../../sql/roles/grant_rights.sql', import.meta.url), 'utf8')
const [functions = '', tables = ''] = text.split('A viewer sees')
const listedFunctions = [...functions.matchAll(/^ +\('(\w+)', '(definer|pinned|plain)', '[\w ]*'\)/gm)]
const listedTables = [...tables.matchAll(/^ +\('(\w+)', '\w*', '/gm)].map(([, name]) => name)

// Add what is new to sql/roles/grant_rights.sql: with the roles that need it, or with none when it is the owner's alone.
test('every function of the schema stands in the list of rights once, and no other does', async () => {
  const rows = await database.query<{ name: string }>(
    `select distinct proname as name from pg_proc where pronamespace = 'celeriac'::regnamespace`,
  )
  expect(listedFunctions.map(([, name]) => name).sort()).toEqual(rows.map(({ name }) => name).sort())
})

test('every table and view stands in the list of rights, and no other does', async () => {
  const rows = await database.query<{ name: string }>(
    `select relname as name from pg_class
      where relnamespace = 'celeriac'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'S') and not relispartition`,
  )
  expect([...new Set(listedTables)].sort()).toEqual(rows.map(({ name }) => name).sort())
})

test('every column of a view is there for those who may see data, and the list of a viewer names real ones', async () => {
  const views = await database.query<{ name: string; columns: string[] }>(
    `select relname as name, array_agg(attname::text) as columns
      from pg_class join pg_attribute on attrelid = pg_class.oid and attnum > 0
      where relnamespace = 'celeriac'::regnamespace and relkind = 'v' group by relname`,
  )
  for (const { name, columns } of views) {
    const [, listed] = new RegExp(`\\('${name}', 'viewer', 'select \\(([^)]*)\\)'\\)`).exec(tables) ?? []
    for (const column of listed?.split(',') ?? []) expect(columns, name).toContain(column.trim())
  }
})

test('a plain install has no definer and pins nothing: whoever uses one role sees no difference', async () => {
  const rows = await database.query(
    `select proname from pg_proc where pronamespace = 'celeriac'::regnamespace
      and (prosecdef or array_to_string(proconfig, ' ') like '%search_path%')`,
  )
  expect(rows).toEqual([])
})
