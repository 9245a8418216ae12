import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { openSession } from '../support/session.ts'
import { useGuarded } from './roles-support.ts'

/*
 * Somebody who may make things in a schema that others look into puts his own functions, operators and tables there,
 * under the names that celeriac's functions use. Whoever resolves one of them runs his code.
 */
const guarded = useGuarded('roles_hijack')
const { schema } = guarded
/** His schema comes first, the system's last: the worst search path there is. */
const PATH = 'set search_path = public, pg_temp, pg_catalog'

const FUNCTIONS = [
  'jsonb_array_length(jsonb) returns integer',
  'jsonb_array_elements(jsonb) returns setof jsonb',
  'jsonb_typeof(jsonb) returns text',
  'jsonb_strip_nulls(jsonb) returns jsonb',
  'cardinality(uuid[]) returns integer',
  'pg_notify(text, text) returns void',
  'left(text, integer) returns text',
  'hashtextextended(text, bigint) returns bigint',
  'pg_try_advisory_xact_lock(bigint) returns boolean',
  'pg_try_advisory_xact_lock_shared(bigint) returns boolean',
  'to_regclass(text) returns regclass',
  'statement_timestamp() returns timestamptz',
  'md5(text) returns text',
  'gen_random_uuid() returns uuid',
  'unnest(uuid[]) returns setof uuid',
  'to_json(uuid[]) returns json',
] as const
const OPERATORS = [
  ['->', 'jsonb', 'integer', 'jsonb'],
  ['->>', 'jsonb', 'text', 'text'],
  ['->>', 'jsonb', 'integer', 'text'],
  ['?', 'jsonb', 'text', 'boolean'],
  ['@?', 'jsonb', 'jsonpath', 'boolean'],
  ['=', 'text', 'text', 'boolean'],
  ['=', 'uuid', 'uuid', 'boolean'],
  ['=', 'bigint', 'bigint', 'boolean'],
  ['<=', 'timestamptz', 'timestamptz', 'boolean'],
  ['>', 'timestamptz', 'timestamptz', 'boolean'],
  ['+', 'timestamptz', 'interval', 'timestamptz'],
  ['*', 'double precision', 'interval', 'interval'],
  ['||', 'text', 'text', 'text'],
  ['>', 'integer', 'integer', 'boolean'],
] as const

beforeAll(async () => {
  const trap = `language plpgsql as $$ begin raise exception 'hijacked' using errcode = 'ZX666'; end $$`
  for (const one of FUNCTIONS) await guarded.database.query(`create function public.${one} ${trap}`)
  for (const [index, [name, left, right, result]] of OPERATORS.entries()) {
    await guarded.database.query(`
      create function public.trap_${index}(${left}, ${right}) returns ${result} ${trap};
      create operator public.${name} (function = public.trap_${index}, leftarg = ${left}, rightarg = ${right})`)
  }
  for (const table of ['jobs', 'results', 'workers', 'listeners', 'queues', 'attempts', 'job_detail'])
    await guarded.database.query(`create table public.${table} (id uuid, queue text)`)
  await guarded.database.query('grant usage, create on schema public to public')
})

const id = randomUUID()
const batch = JSON.stringify([
  [{ queue: 'default', task: 'add', givenId: true, delayMs: 1, expiresMs: 60_000 }, [[id, [1]]]],
])
const keyed = JSON.stringify([
  [{ queue: 'default', task: 'add', unique: { onConflict: 'replace' } }, [['key', [randomUUID(), [1]]]]],
])
const nodes = [randomUUID(), randomUUID()] as const
function aPlan(ids: readonly string[]): string {
  return JSON.stringify({
    id: ids[0],
    rootId: ids[0],
    outputId: ids[1],
    name: 'add(1) | add()',
    parentId: null,
    ids,
    shapes: [{ queue: 'default', task: 'add', delayMs: 1, expiresMs: 60_000 }],
    nodes: [
      [0, [1], null, null],
      [0, [], 0, { in: true }],
    ],
    edges: [[0, 1, null, null, 1]],
    errbacks: [[{ queue: 'default', task: 'add' }, [1], false]],
  })
}
const CALLS: readonly (readonly [role: string, text: string])[] = [
  [
    'producer',
    `select celeriac.enqueue('add', '[1]', '{"delay": "1s", "expires": "1h", "timeLimit": "1s", "labels": {"a": "b"}}')`,
  ],
  ['producer', `select celeriac.enqueue_jobs('${batch}')`],
  ['producer', `select celeriac.enqueue_unique('${keyed}', 1000)`],
  ['producer', `select celeriac.enqueue_unique('${keyed}', 1000)`],
  ['producer', `select celeriac.start_workflow('${aPlan(nodes)}')`],
  ['producer', `select celeriac.read_inputs('{${nodes[1]}}')`],
  ['producer', `select celeriac.find_group('${nodes[1]}')`],
  ['producer', `select celeriac.find_workflow('${nodes[1]}')`],
  ['producer', `select celeriac.find_workflow_counts('${nodes[1]}')`],
  ['producer', `select celeriac.find_outcomes('{${id}}')`],
  ['producer', `select celeriac.find_detail('${id}')`],
  ['producer', `select celeriac.explain('${id}')`],
  ['producer', `select celeriac.explain_text('${nodes[1]}')`],
  ['producer', `select celeriac.register_listener('${id}', 1000)`],
  ['producer', `select * from celeriac.cancel('${id}', 'reason')`],
  ['producer', `select * from celeriac.cancel_jobs('{${id}}', 'reason')`],
  [
    'producer',
    `select celeriac.assert_lock('a', taken.fence) from celeriac.take_lock('a', '${id}', 'me', null, null, null) as taken`,
  ],
  ...['take_lock', 'release_lock', 'renew_locks', 'drop_lock', 'clear_locks'].map(
    (name) => ['producer', `select celeriac.${name}(…)`] as const,
  ),
  ['operator', `select * from celeriac.kill_jobs('{${id}}', 'reason')`],
  ['operator', `select celeriac.kill('${id}')`],
  ['operator', `select * from celeriac.retry_jobs('{${id}}')`],
  ['producer', `select * from celeriac.cancel_workflow('${nodes[1]}', 'reason')`],
  ['operator', `select * from celeriac.rerun_jobs('{${nodes.join()}}')`],
  ['operator', `select celeriac.forget_jobs('{${id}}')`],
  ['operator', `select celeriac.pause('queue', 'mail', 'reason', '2100-01-01')`],
  ['operator', `select celeriac.pause('label', 'tenant=acme')`],
  ['operator', `select celeriac.resume('label', 'tenant=acme')`],
  ['operator', `select celeriac.resume('queue', 'mail')`],
  ['operator', `select celeriac.find_claiming()`],
  ['operator', `select celeriac.find_known_queues()`],
  [
    'operator',
    `select celeriac.find_matching('{"queue": "default", "task": "add%", "labels": {"a": "b"}, "priority": 0, "conditions": ["due"]}', null, 10)`,
  ],
  [
    'operator',
    `select * from celeriac.edit_jobs('{${id}}', '{"queue": "mail", "priority": 1, "delayMs": 5}', '{}')`,
  ],
  ['operator', `select celeriac.move('mail', 'mail2', 'add%', 10)`],
  ['operator', `select celeriac.reprioritise('${id}', 1)`],
  ['operator', `select celeriac.reschedule('${id}', now())`],
  ['worker', `select celeriac.read_calls('{${id}}')`],
  ['operator', `select * from celeriac.purge_jobs('{${id}}', '{"queue": "mail"}', 'reason')`],
  ['operator', `select celeriac.purge('mail', 'add%', true)`],
  ['worker', `select celeriac.expire_pauses()`],
  ['worker', `select celeriac.serve_queues('${id}', '{default,mail}')`],
  ['viewer', `select * from celeriac.find_unknown_tasks(10)`],
  ['worker', `select celeriac.advance_dependencies('{${nodes[0]}}')`],
  ['worker', `select celeriac.replace_node('${nodes[0]}', '${aPlan([randomUUID(), randomUUID()])}')`],
  ['worker', `select celeriac.add_members('${nodes[0]}', '${aPlan([randomUUID(), randomUUID()])}')`],
  ['worker', `select celeriac.sweep_unique_keys()`],
  [
    'worker',
    `select celeriac.declare_limits('[{"name": "task:add/rate", "settings": {"rateLimit": 5, "ratePerMs": 1000}}]', '{task:add,task:gone}', '{openai}')`,
  ],
  ['operator', `select celeriac.set_limit('task:add/rate', '{"rateLimit": "2.5/s", "concurrency": 3}')`],
  ['operator', `select celeriac.set_limit('task:add/rate', '{"rateLimit": "10/s"}', 'acme')`],
  ['producer', `select * from celeriac.take_units('task:add/rate', 'acme', 2)`],
  ['producer', `select * from celeriac.take_units('task:add/rate', 'acme', 10)`],
  ['operator', `select celeriac.hold_limit('task:add/rate', 'acme', '2100-01-01', 'reason')`],
  ['operator', `select celeriac.release_limit('task:add/rate', 'acme')`],
  ['operator', `select celeriac.reset_limit('task:add/rate')`],
  ['worker', `select celeriac.hold_buckets('[[[["api", ""]], "2100-01-01", "reason"]]')`],
  ['worker', `select celeriac.read_settings()`],
  [
    'operator',
    `select celeriac.put_schedule('nightly', '{"task": "add", "rule": {"at": "2030-01-01"}, "overlap": "queue"}')`,
  ],
  ['operator', `select celeriac.pause_schedule('nightly', 'reason')`],
  ['operator', `select celeriac.resume_schedule('nightly')`],
  ['operator', `select celeriac.run_schedule('nightly')`],
  ['operator', `select celeriac.skip_schedule('nightly', 1, null)`],
  ['worker', `select celeriac.read_schedules('{add}', '{}', 10)`],
  [
    'worker',
    `select celeriac.fire_schedules('[{"name": "nightly", "version": 4, "next": null, "ticks": [{"at": 1000, "job": [{"queue": "default", "task": "add"}, []]}]}]')`,
  ],
  ['worker', `select celeriac.break_schedule('nightly', 1, 'reason')`],
  [
    'worker',
    `select celeriac.declare_schedules('${id}', '{add}', '{"hourly": {"task": "add", "rule": {"interval": 3600000}}}')`,
  ],
  ['worker', `select celeriac.judge_schedules()`],
  ['worker', `select celeriac.prune_fires(null, 10)`],
  ['worker', `select celeriac.prune_lanes(10)`],
  ['operator', `select celeriac.reset_schedule('hourly')`],
  ['operator', `select celeriac.remove_schedule('nightly')`],
  ['worker', `select celeriac.make_partitions(20)`],
  ['worker', `select * from celeriac.prune_results(1e12, 10)`],
  [
    'worker',
    `select celeriac.work_cycle('${id}', '{${id}}', '{1}', '{1}', null, '{add}', 1, '[["default", []]]')`,
  ],
  ...[
    'register_worker',
    'announce_idle',
    'record_heartbeat',
    'report_progress',
    'find_held',
    'find_lost',
    'run_round',
    'release_worker_jobs',
    'deregister_worker',
  ].map((name) => ['worker', `select celeriac.${name}(…)`] as const),
]

/** Something of each type, for a call whose parameters do not matter. */
const SOMETHING: Readonly<Record<string, string>> = {
  uuid: `'${id}'`,
  'uuid[]': `'{${id}}'`,
  'bigint[]': `'{1}'`,
  'text[]': `'{"1"}'`,
  text: `'default'`,
  jsonb: `'[]'`,
  boolean: 'true',
  bigint: '1',
  integer: '1',
  'double precision': '3000',
}

async function withArguments(text: string): Promise<string> {
  const name = /celeriac\.(\w+)\(…\)/.exec(text)?.[1]
  if (name === undefined) return text
  const [row] = await guarded.database.query<{ types: string[] }>(
    `select array(select format_type(type, null) from unnest(proargtypes::oid[]) with ordinality as x (type, n) order by n) as types
      from pg_proc where pronamespace = $1::regnamespace and proname = $2 order by pronargs desc limit 1`,
    [schema, name],
  )
  const given = row?.types.map((type) => `${SOMETHING[type] ?? 'null'}::${type}`)
  return text.replace('…', given?.join(', ') ?? '')
}

describe('with lookalikes of functions, operators and tables in the way', () => {
  test.each(CALLS)('a %s calls %s and meets none of them', async (role, text) => {
    await using session = await openSession(guarded.url(role))
    await session.query(PATH)
    await session.query('create temp table jobs (id uuid); create temp table results (id uuid)')
    await session.query(guarded.sql(await withArguments(text)))
  })

  test('every function that acts with rights of others was called', async () => {
    const rows = await guarded.database.query<{ name: string }>(
      `select proname as name from pg_proc
        where pronamespace = $1::regnamespace and (prosecdef or array_to_string(proconfig, ' ') like '%search_path=pg_catalog, pg_temp%')`,
      [schema],
    )
    const called = CALLS.map(([, text]) => /celeriac\.(\w+)/.exec(text)?.[1])
    // These two need an attempt that runs; they are pinned like the others.
    const others = ['complete_attempt', 'find_fate']
    expect([...new Set([...called, ...others])].sort()).toEqual(rows.map(({ name }) => name).sort())
  })

  test('one that is not pinned would have met them: the trap works', async () => {
    await guarded.database.query(`alter function ${schema}.find_detail(uuid) reset search_path`)
    try {
      await using session = await openSession(guarded.url('producer'))
      await session.query(PATH)
      await expect(session.query(guarded.sql(`select celeriac.find_detail('${id}')`))).rejects.toMatchObject({
        code: 'ZX666',
      })
    } finally {
      await guarded.database.query(
        `alter function ${schema}.find_detail(uuid) set search_path = pg_catalog, pg_temp`,
      )
    }
  })
})
