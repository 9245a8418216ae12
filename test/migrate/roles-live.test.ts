import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import type { Celeriac } from '../../src/index.ts'
import { pendingMigrations } from '../../src/migrate/migrate.ts'
import { cli, startCli } from '../cli/run-cli.ts'
import { eventsOf, gate, nextEvent, rejection, useApps } from '../support/apps.ts'
import { until } from '../support/until.ts'
import { useGuarded } from './roles-support.ts'

/* Whole programs whose logins have one role and nothing else. */

const guarded = useGuarded('roles_live')
const apps = useApps(guarded.database)
const as = (role: string): Celeriac => apps.app({ database: guarded.url(role), schema: guarded.schema })
const query = <Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) =>
  guarded.database.query<Row>(guarded.sql(text), values)

describe('a worker', () => {
  test('runs, retries, fails, reports, cancels and enqueues children', async () => {
    const app = as('worker')
    const errors = eventsOf(app, 'error')
    const add = app.task('add', (left: number, right: number) => left + right)
    const flaky = app.task('flaky', { bind: true, backoff: () => 10 }, (job) => {
      if (job.attempt === 1) throw new Error('once')
      return job.attempt
    })
    const doomed = app.task('doomed', { maxAttempts: 1 }, () => {
      throw new Error('always')
    })
    const parent = app.task('parent', { bind: true }, async (job) => {
      job.progress(1)
      const child = await add.enqueue(20, 1)
      return (await child.result()) * 2
    })
    const endless = app.task('endless', { bind: true }, async (job) => {
      await new Promise((_, reject) => {
        job.signal.addEventListener('abort', () => reject(job.signal.reason))
      })
    })
    await apps.worker(app)
    expect(await (await parent.enqueue()).result({ timeout: '10s' })).toBe(42)
    expect(await (await flaky.enqueue()).result({ timeout: '10s' })).toBe(2)
    expect(await rejection((await doomed.enqueue()).result({ timeout: '10s' }))).toMatchObject({
      code: 'JOB_FAILED',
    })
    const running = await endless.enqueue()
    await until(async () => (await running.state()) === 'running')
    expect(await running.cancel({ reason: 'enough' })).toBe('requested')
    expect(await rejection(running.result({ timeout: '10s' }))).toMatchObject({ code: 'JOB_CANCELLED' })
    const done = await add.enqueue(1, 1)
    await done.result({ timeout: '10s' })
    expect(await done.retry()).toBe('retried')
    await done.result({ timeout: '10s' })
    await done.forget()
    expect(await rejection(done.info())).toMatchObject({ code: 'JOB_UNKNOWN' })
    expect(errors).toEqual([])
  })

  test('rescues the jobs of the dead, expires, prunes, and makes partitions', async () => {
    const [dead, held, late, old] = Array.from({ length: 4 }, () => randomUUID())
    await query(
      `insert into celeriac.workers (id, presence_key, name, host, pid, version, queues, tasks, concurrency, started_at,
        heartbeat_at, postmaster_started_at)
        values ($1, 4611002, 'dead', 'here', 1, '0', '{default}', '{add}', 1, now() - interval '1 hour',
          now() - interval '1 minute', pg_postmaster_start_time())`,
      [dead],
    )
    await query(
      `insert into celeriac.jobs (id, run_at, enqueued_at, claimed_at, token, worker_id, attempt, queue, task, args)
        values ($1, now(), now(), now(), 1, $2, 1, 'default', 'add', '[1, 2]')`,
      [held, dead],
    )
    await query(
      `insert into celeriac.jobs (id, run_at, enqueued_at, expires_at, queue, task, args)
        values ($1, now(), now(), now() - interval '1 second', 'default', 'add', '[1, 2]')`,
      [late],
    )
    await query(
      `insert into celeriac.results (id, settled_at, enqueued_at, expires_at, token, attempt, max_attempts, snoozes, losses,
        state, priority, queue, task, args)
        values ($1, now(), now(), now() - interval '1 second', 1, 1, 1, 0, 0, 'succeeded', 0, 'default', 'add', '[]')`,
      [old],
    )
    // A day that is over its retention, and one that is missing.
    await query(
      `set role celeriac_owner;
        create table celeriac.results_20200101 partition of celeriac.results
          for values from ('2020-01-01Z') to ('2020-01-02Z');
        reset role`,
    )
    const [last] = await query<{ name: string }>(
      `select relname as name from pg_class where relname ~ '^results_[0-9]+$' and relnamespace = '${guarded.schema}'::regnamespace
        order by 1 desc limit 1`,
    )
    await query(`drop table celeriac.${last?.name}`)

    const app = as('worker')
    const errors = eventsOf(app, 'error')
    app.task('add', (left: number, right: number) => left + right)
    const rescued = nextEvent(app, 'worker:rescued')
    await apps.worker(app)
    expect(await app.job(held ?? '').result({ timeout: '20s' })).toBe(3)
    expect(await rescued).toMatchObject({ workerId: dead, rescued: 1 })
    expect(await rejection(app.job(late ?? '').result({ timeout: '10s' }))).toMatchObject({
      code: 'JOB_CANCELLED',
    })
    await until(async () => (await query('select from celeriac.results where id = $1', [old])).length === 0)
    const there = async (name: string) =>
      (await query(`select to_regclass('celeriac.${name}') is not null as there`))[0]?.there
    await until(async () => (await there('results_20200101')) === false, { what: 'the drop of an old day' })
    await until(async () => (await there(last?.name ?? '')) === true, { what: 'the day that was missing' })
    const [made] = await query('select tableowner as owner from pg_tables where tablename = $1', [last?.name])
    expect(made).toEqual({ owner: `${guarded.schema}_owner` })
    expect(errors).toEqual([])
  })

  test('is started by the command line', async () => {
    const env = { DATABASE_URL: guarded.url('worker'), TEST_SCHEMA: guarded.schema }
    const file = fileURLToPath(new URL('roles-app.ts', import.meta.url))
    const worker = startCli(['worker', '--app', file], { env })
    await until(() => worker.stderr().includes('ready'), { what: 'the banner' })
    const handle = await as('producer').enqueue('add', [2, 3])
    expect(await handle.result({ timeout: '10s' })).toBe(5)
    worker.child.kill('SIGTERM')
    expect(await worker.ended).toMatchObject({ exitCode: 0 })
  })

  test('B-57 may not be started by a producer, and says what to grant', async () => {
    const app = as('producer')
    app.task('add', () => 1)
    expect(await rejection(app.worker().start())).toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining(`grant ${guarded.schema}_worker to it`),
    })
  })
})

describe('a producer', () => {
  test('enqueues one, many, together, by name and inside a transaction, and awaits the results', async () => {
    const worker = as('worker')
    worker.task('add', (left: number, right: number) => left + right)
    await apps.worker(worker)
    const app = as('producer')
    const errors = eventsOf(app, 'error')
    const add = app.declare<(left: number, right: number) => number>('add')
    const one = await add.enqueue(1, 2)
    expect(await one.result({ timeout: '10s' })).toBe(3)
    expect(await one.state()).toBe('succeeded')
    expect(await one.info()).toMatchObject({ task: 'add', args: [1, 2], value: 3 })
    const many = await add.enqueueMany(Array.from({ length: 2_500 }, (_, n) => [n, 1]))
    expect(await many.at(-1)?.result({ timeout: '20s' })).toBe(2_500)
    const together = await Promise.all(Array.from({ length: 50 }, (_, n) => add.enqueue(n, n)))
    expect(await together[49]?.result({ timeout: '10s' })).toBe(98)
    expect(await (await app.enqueue('add', [3, 3])).result({ timeout: '10s' })).toBe(6)

    const client = new pg.Client({ connectionString: guarded.url('producer') })
    await client.connect()
    try {
      await client.query('begin')
      const inside = await add.with({ tx: client }).enqueue(4, 4)
      const [{ id }] = (await client.query(guarded.sql(`select celeriac.enqueue('add', '[5, 5]') as id`)))
        .rows as [{ id: string }]
      await client.query('commit')
      expect(await inside.result({ timeout: '10s' })).toBe(8)
      expect(await app.job(id).result({ timeout: '10s' })).toBe(10)
    } finally {
      await client.end()
    }
    expect(errors).toEqual([])
  })

  test('withdraws what has not begun and what runs, but runs nothing again', async () => {
    const open = gate()
    const worker = as('worker')
    worker.task('hold', { bind: true }, (job) =>
      Promise.race([
        open,
        new Promise((_, no) => job.signal.addEventListener('abort', () => no(job.signal.reason))),
      ]),
    )
    await apps.worker(worker)
    const app = as('producer')
    const delayed = await app.enqueue('hold', [], { delay: '1h' })
    expect(await delayed.cancel()).toBe('cancelled')
    const running = await app.enqueue('hold', [])
    await until(async () => (await running.state()) === 'running')
    expect(await running.cancel()).toBe('requested')
    expect(await rejection(running.result({ timeout: '10s' }))).toMatchObject({ code: 'JOB_CANCELLED' })
    expect(await rejection(running.retry())).toMatchObject({ code: 'PERMISSION_DENIED' })
    expect(await rejection(running.forget())).toMatchObject({ code: 'PERMISSION_DENIED' })
    expect(await rejection(running.children())).toMatchObject({ code: 'PERMISSION_DENIED' })
    open.open()
  })
})

describe('the command line', () => {
  const run = (role: string, ...args: string[]) =>
    cli([...args, '--schema', guarded.schema, '--json'], { env: { DATABASE_URL: guarded.url(role) } })

  test('lets an operator cancel, and not a viewer', async () => {
    const { id } = await as('producer').enqueue('nothing', [], { delay: '1h' })
    const [viewer, operator] = [await run('viewer', 'cancel', id), await run('operator', 'cancel', id)]
    expect(viewer).toMatchObject({ exitCode: 1 })
    expect(operator).toMatchObject({ exitCode: 0 })
  })

  test('lets a viewer list jobs, and says who may see what they carry', async () => {
    const { id } = await as('producer').enqueue('nothing', ['secret'], { delay: '1h' })
    const listed = await run('viewer', 'jobs', '--task', 'nothing', '--state', 'pending')
    expect(JSON.parse(listed.stdout)[0]).toMatchObject({
      id,
      task: 'nothing',
      progress: null,
      error_message: null,
    })
    const refused = await run('viewer', 'job', id)
    expect(JSON.parse(refused.stderr).error).toMatchObject({
      code: 'PERMISSION_DENIED',
      try: expect.stringContaining(`${guarded.schema}_viewer_data`),
    })
  })
})

describe('a viewer', () => {
  test('reads every list, and whether the schema is up to date', async () => {
    for (const role of ['viewer', 'operator', 'viewer_data']) {
      const { inspect } = as(role)
      await inspect.jobs()
      await inspect.attempts(randomUUID())
      await inspect.queues()
      await inspect.workers()
      await inspect.settledCounts()
      expect(await pendingMigrations({ database: guarded.url(role), schema: guarded.schema })).toEqual([])
    }
  })
})
