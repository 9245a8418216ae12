import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Database } from '../../src/db/database.ts'
import { ROLES, type RoleName, tried, useGuarded } from './roles-support.ts'

const guarded = useGuarded('roles')
const clients = new Map<RoleName, pg.Client>()

beforeAll(async () => {
  for (const role of ROLES) {
    const client = new pg.Client({ connectionString: guarded.url(role) })
    await client.connect()
    clients.set(role, client)
  }
})
afterAll(async () => {
  for (const client of clients.values()) await client.end()
})

const id = randomUUID()
const batch = JSON.stringify([[{ queue: 'default', task: 'add' }, [[id, [1]]]]])
const reads = ['viewer', 'viewer_data', 'operator', 'worker'] as const
const data = ['viewer_data', 'worker'] as const

/** What may be tried, and who may do it: everybody else gets 42501. */
const ACTIONS: readonly (readonly [action: string, text: string, who: readonly RoleName[]])[] = [
  ['enqueue from SQL', `select celeriac.enqueue('add', '[1]')`, ['producer', 'worker']],
  ['enqueue a batch', `select celeriac.enqueue_jobs('${batch}')`, ['producer', 'worker']],
  ['read outcomes', `select celeriac.find_outcomes('{${id}}')`, ['producer', 'worker', 'viewer_data']],
  ['read a job', `select celeriac.find_detail('${id}')`, ['producer', 'worker', 'viewer_data']],
  [
    'wait for results',
    `select celeriac.register_listener('${id}', 1)`,
    ['producer', 'worker', 'viewer_data'],
  ],
  ['cancel', `select celeriac.cancel('${id}')`, ['producer', 'operator', 'worker']],
  ['cancel many', `select celeriac.cancel_jobs('{}', null)`, ['producer', 'operator', 'worker']],
  ['kill', `select celeriac.kill('${id}')`, ['operator', 'worker']],
  ['kill many', `select celeriac.kill_jobs('{}', null)`, ['operator', 'worker']],
  ['retry', `select celeriac.retry_jobs('{}')`, ['operator', 'worker']],
  ['forget', `select celeriac.forget_jobs('{}')`, ['operator', 'worker']],
  [
    'claim',
    `select celeriac.work_cycle('${id}', '{}', '{}', '{}', null, '{add}', 1, '[["default", []]]')`,
    ['worker'],
  ],
  ['settle', `select celeriac.settle_jobs('${id}', '{${id}}', '{1}', '{1}', null)`, ['worker']],
  ['make partitions', `select celeriac.make_partitions(40)`, ['worker']],
  ['prune', `select * from celeriac.prune_results(1e12, 10)`, ['worker']],
  ['expire', `select celeriac.expire_jobs(10)`, ['worker']],
  [
    'look for unserved jobs',
    `select celeriac.find_unknown_tasks(10)`,
    ['worker', 'viewer', 'viewer_data', 'operator'],
  ],
  [
    'ask for the version',
    `select celeriac.schema_version(), celeriac.role_prefix(), celeriac.channel(), celeriac.clock()`,
    ['worker', 'producer', 'viewer', 'viewer_data', 'operator'],
  ],
  ['call a part of enqueue', `select celeriac.new_id()`, []],

  ['list jobs', `select id, state, condition, labels, error_name from celeriac.job_list`, reads],
  ['list attempts', `select job_id, outcome, error_name from celeriac.attempt_list`, reads],
  [
    'look at queues',
    `select name, waiting, held, running, workers, unserved, paused_at from celeriac.queue_overview`,
    reads,
  ],
  ['look at workers', `select * from celeriac.worker_overview`, reads],
  ['look at limits', `select name, key, condition, chosen from celeriac.limit_list`, reads],
  ['read the ledger', `select * from celeriac.migrations`, reads],
  ['read what jobs reported', `select progress from celeriac.job_list`, data],
  ['read why a limit is held', `select hold_reason from celeriac.limit_list`, data],
  ['read texts of errors', `select error_message from celeriac.job_list`, data],
  ['read whole errors', `select error from celeriac.attempt_list`, data],
  ['read args', `select args from celeriac.job_detail`, data],
  ['read results', `select value from celeriac.job_detail`, data],
  ['read reasons of cancels', `select cancel_reason from celeriac.job_detail`, data],
  ['find rows by args', `select id from celeriac.job_detail where args = '[1]'`, data],
  ['write through a view', `delete from celeriac.attempt_list`, []],
  ['write through another view', `update celeriac.worker_overview set name = 'me'`, []],

  ['read the jobs table', `select id from celeriac.jobs`, ['worker']],
  ['read the results table', `select id from celeriac.results`, ['worker']],
  ['read the attempts table', `select error from celeriac.attempts`, ['worker']],
  ['read presence keys', `select presence_key from celeriac.workers`, ['worker']],
  ['read who waits', `select * from celeriac.listeners`, ['worker']],
  ['read a partition', `select * from celeriac.results_default`, []],
  [
    'insert a job',
    `insert into celeriac.jobs (id, enqueued_at, queue, task, args) values ('${id}', now(), 'q', 't', '[]')`,
    [],
  ],
  ['change jobs', `update celeriac.jobs set token = token`, ['worker']],
  ['delete jobs', `delete from celeriac.jobs`, ['worker']],
  ['change results', `update celeriac.results set value = '1'`, []],
  ['delete results', `delete from celeriac.results`, []],
  ['change attempts', `update celeriac.attempts set outcome = 'x'`, []],
  ['delete attempts', `delete from celeriac.attempts`, []],
  ['delete workers', `delete from celeriac.workers`, ['worker']],
  ['delete queues', `delete from celeriac.queues`, []],
  ['delete listeners', `delete from celeriac.listeners`, []],
  ['change the ledger', `update celeriac.migrations set checksum = ''`, []],
  ['truncate', `truncate celeriac.jobs`, []],
  ['lock the table', `lock table celeriac.results in access exclusive mode`, []],

  ['make a table', `create table celeriac.mine (id integer)`, []],
  ['make a function', `create function celeriac.mine() returns integer language sql as 'select 1'`, []],
  [
    'replace a function',
    `create or replace function celeriac.channel() returns text language sql as $$ select 'x' $$`,
    [],
  ],
  ['change a function', `alter function celeriac.enqueue_jobs(jsonb) set search_path = public`, []],
  ['add a column', `alter table celeriac.jobs add column mine integer`, []],
  ['make an index', `create index mine on celeriac.jobs (task)`, []],
  ['drop a table', `drop table celeriac.jobs cascade`, []],
  ['drop a partition', `drop table celeriac.results_default`, []],
  ['drop the schema', `drop schema SCHEMA cascade`, []],
  [
    'make a trigger',
    `create trigger mine before insert on celeriac.jobs for each row execute function suppress_redundant_updates_trigger()`,
    [],
  ],
  ['make a policy', `create policy mine on celeriac.jobs using (true)`, []],
  ['grant what it has', `grant select on celeriac.jobs to public`, []],
  ['become the owner', `set role celeriac_owner`, []],
]

describe.each(ROLES)('%s', (role) => {
  test.each(ACTIONS)('%s', async (_, text, who) => {
    const client = clients.get(role) as pg.Client
    const statement = guarded.sql(text).replace('SCHEMA', guarded.schema)
    // PostgreSQL warns where it grants nothing, instead of refusing.
    if (statement.startsWith('grant')) {
      await tried(client, statement)
      expect(await grantedToPublic()).toBe(0)
      return
    }
    expect(await tried(client, statement)).toBe(who.includes(role) ? null : '42501')
  })
})

describe('a refusal', () => {
  test.each([
    ['viewer', `select * from celeriac.enqueue_jobs('[]')`, 'may not enqueue; grant celeriac_producer to it'],
    ['operator', `select celeriac.enqueue('add')`, 'may not enqueue; grant celeriac_producer to it'],
    [
      'producer',
      `select * from celeriac.retry_jobs('{}')`,
      'may not retry jobs; grant celeriac_operator to it',
    ],
    ['producer', `select celeriac.make_partitions(1)`, 'may not call make_partitions; grant celeriac_worker'],
    [
      'viewer',
      `select args from celeriac.job_detail`,
      'may not read all of job_detail; grant celeriac_viewer or celeriac_viewer_data to it',
    ],
    ['producer', `select * from celeriac.jobs`, 'may not use table jobs; grant celeriac_worker to it'],
    [
      'outsider',
      `select celeriac.enqueue('add')`,
      'may not use schema SCHEMA; grant celeriac_producer or celeriac_worker or celeriac_viewer to it',
    ],
  ] as const)('of %s to run %s names the role to grant', async (role, text, words) => {
    const database = new Database({ source: guarded.url(role), schema: guarded.schema, maxConnections: 1 })
    try {
      await expect(database.query({ text: guarded.sql(text), values: [] })).rejects.toMatchObject({
        code: 'PERMISSION_DENIED',
        message: expect.stringContaining(
          `role "${guarded.schema}_${role}_login" ${guarded.sql(words).replace('SCHEMA', guarded.schema)}`,
        ),
      })
    } finally {
      await database.close()
    }
  })

  test('names a role that may, for every function', async () => {
    const { denied } = await import('../../src/db/denied.ts')
    const functions = await guarded.database.query<{ name: string; signature: string }>(
      'select proname as name, oid::regprocedure::text as signature from pg_proc where pronamespace = $1::regnamespace',
      [guarded.schema],
    )
    const wrong: string[] = []
    for (const { name, signature } of functions) {
      const { remedy } = denied(new Error(`permission denied for function ${name}`), guarded.schema)
      const [, role] = /^grant (\w+) to it/.exec(remedy) ?? []
      const [row] = await guarded.database.query<{ may: boolean; anybody: boolean }>(
        `select has_function_privilege($1, $2, 'execute') as may, has_function_privilege($3, $2, 'execute') as anybody`,
        [role, signature, `${guarded.schema}_worker`],
      )
      // Parts of enqueue are the owner's alone: nobody calls them by name.
      if (row?.may !== true && row?.anybody === true) wrong.push(`${name}: ${remedy}`)
    }
    expect(wrong).toEqual([])
  })
})

test('no function can be executed by everybody', async () => {
  const open = await guarded.database.query(
    `select oid::regprocedure::text as name from pg_proc
      where pronamespace = $1::regnamespace and has_function_privilege('public', oid, 'execute')`,
    [guarded.schema],
  )
  expect(open).toEqual([])
})

test('no right on a table, a view or the schema is everybody’s', async () => {
  expect(await grantedToPublic()).toBe(0)
})

test('a function that is added by hand is the owner’s alone', async () => {
  const { database, schema } = guarded
  await database.query(
    guarded.sql(`set role celeriac_owner;
      create function celeriac.later() returns integer language sql as 'select 1'; reset role`),
  )
  const [row] = await database.query(
    `select has_function_privilege('public', '${schema}.later()', 'execute') as open`,
  )
  await database.query(`drop function ${schema}.later()`)
  expect(row).toEqual({ open: false })
})

async function grantedToPublic(): Promise<number> {
  const [row] = await guarded.database.query<{ count: number }>(
    `select count(*)::integer from (
        select relacl as acl from pg_class where relnamespace = $1::regnamespace
        union all select nspacl from pg_namespace where oid = $1::regnamespace
        union all select attacl from pg_attribute join pg_class on pg_class.oid = attrelid where relnamespace = $1::regnamespace
      ) as object, aclexplode(object.acl) as entry where entry.grantee = 0`,
    [guarded.schema],
  )
  return row?.count ?? -1
}
