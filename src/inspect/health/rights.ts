import type { Database } from '../../db/database.ts'

/** What the session's role may do with the schema. */
export interface Rights {
  /** False: there is no schema of that name. */
  readonly installed: boolean
  /** What the names of the schema's roles begin with; null while it has none. */
  readonly prefix: string | null
  /** Of those roles: which the session's is a member of, without the prefix; all for a superuser. */
  readonly memberOf: readonly string[]
  /** What is lacking, as SQL names it: for the roles it is a member of, without any for running jobs. */
  readonly missing: readonly string[]
}

/** Functions that show whether a role has what it was given: `sql/roles/grant_rights.sql` says all of it. */
const TELLING: Readonly<Record<string, readonly string[]>> = {
  worker: ['work_cycle', 'register_worker', 'run_round', 'make_partitions', 'enqueue_jobs'],
  producer: ['enqueue', 'enqueue_jobs', 'cancel_jobs', 'register_listener'],
  operator: ['cancel_jobs', 'retry_jobs', 'forget_jobs'],
  viewer: ['schema_version', 'clock', 'channel'],
}

/** Reads what the session's role may do, by the roles it is a member of where the schema has roles. */
export async function readRights(database: Database): Promise<Rights> {
  const { schema } = database
  const [space] = await database.query({
    text: `select has_schema_privilege(space.oid, 'usage') as usage,
        exists (select from pg_proc where pronamespace = space.oid and proname = 'role_prefix') as roles
      from pg_namespace as space where space.nspname = $1`,
    values: [schema],
  })
  const rights = { installed: space !== undefined, prefix: null, memberOf: [], missing: [] }
  if (space === undefined) return rights
  if (space.usage !== true) return { ...rights, missing: [`usage on schema ${schema}`] }
  const prefix = space.roles === true ? await readPrefix(database) : null
  if (prefix === null) return { ...rights, missing: await missingWithoutRoles(database) }
  const memberOf = await readMemberships(database, prefix)
  return { ...rights, prefix, memberOf, missing: await missingOf(database, memberOf) }
}

/** Whoever may not even ask is a member of none, and knows them by the owner. */
async function readPrefix(database: Database): Promise<string | null> {
  const { schema } = database
  const [space] = await database.query({
    text: `select has_function_privilege(to_regprocedure(format('%I.role_prefix()', nspname)), 'execute') as may,
        substring(pg_get_userbyid(nspowner) from '^(.*)_owner$') as prefix
      from pg_namespace where nspname = $1`,
    values: [schema],
  })
  const [row] =
    space?.may === true
      ? await database.query({ text: `select "${schema}".role_prefix() as prefix`, values: [] })
      : [space]
  return typeof row?.prefix === 'string' ? row.prefix : null
}

async function readMemberships(database: Database, prefix: string): Promise<string[]> {
  const rows = await database.query({
    text: `select suffix from unnest(array['owner', 'worker', 'producer', 'operator', 'viewer_data', 'viewer']) as suffix
      join pg_roles as role on role.rolname = $1 || '_' || suffix where pg_has_role(role.oid, 'usage')`,
    values: [prefix],
  })
  return rows.map((row) => String(row.suffix))
}

async function missingOf(database: Database, memberOf: readonly string[]): Promise<string[]> {
  const names = [...new Set(memberOf.flatMap((suffix) => TELLING[suffix] ?? []))]
  const rows = await database.query({
    text: `select format('execute on function %s', routine.oid::regprocedure) as right
      from pg_proc as routine
      where routine.pronamespace = $1::regnamespace and routine.proname = any ($2)
        and not has_function_privilege(routine.oid, 'execute') order by 1`,
    values: [database.schema, names],
  })
  return rows.map((row) => String(row.right))
}

async function missingWithoutRoles(database: Database): Promise<string[]> {
  const { schema } = database
  const [row] = await database.query({
    text: `select
        (select bool_and(has_table_privilege(class.oid, wanted)) from pg_class as class,
          unnest(array['select', 'insert', 'update', 'delete']) as wanted
          where class.relnamespace = $1::regnamespace and class.relname in ('jobs', 'results', 'attempts', 'workers')) as writes,
        (select bool_and(has_function_privilege(routine.oid, 'execute'))
          from pg_proc as routine where routine.pronamespace = $1::regnamespace) as calls`,
    values: [schema],
  })
  return [
    row?.writes === false ? `select, insert, update, delete on all tables in schema ${schema}` : '',
    row?.calls === false ? `execute on all functions in schema ${schema}` : '',
  ].filter((right) => right !== '')
}
