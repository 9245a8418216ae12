import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { chain, RateLimited } from '../../src/index.ts'
import { gate, nextEvent, useApps } from '../support/apps.ts'
import { aJob, aQueue, aResult, aWorker, fromNow } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'explain' })
const apps = useApps(database)

const explain = (id: string) => apps.app().job(id).explain()
const listed = async (id: string): Promise<unknown> =>
  (await database.query('select reason from celeriac.job_list where id = $1', [id]))[0]?.reason
/** A queue that one idle worker serves, as far as the tables tell. */
async function served(running = 0): Promise<string> {
  const queue = aQueue()
  const id = await aWorker(database, { queues: [queue], tasks: ['work'] })
  await database.query('update celeriac.workers set running = $2 where id = $1', [id, running])
  return queue
}
const isLaned = async (id: string): Promise<boolean> =>
  (
    await database.query(
      'select from celeriac.jobs where id = $1 and lane_id is not null and run_at is null',
      [id],
    )
  ).length === 1

describe('T-45: explain tells of a job', () => {
  test('that nobody knows: unknown', async () => {
    expect(await explain(randomUUID())).toMatchObject({
      state: 'unknown',
      reason: 'unknown',
      since: null,
      also: [],
    })
  })

  test.each(['succeeded', 'failed', 'cancelled'] as const)('that has %s: when, and why', async (state) => {
    const error =
      state === 'succeeded' ? null : { name: 'TypeError', message: 'no such thing', stack: 'long' }
    const id = await aResult(database, { state, error, attempt: 2 })
    const found = await explain(id)
    expect(found).toMatchObject({ state, reason: state, since: expect.any(Date), details: { attempt: 2 } })
    expect(found.message).toContain(state === 'succeeded' ? 'it succeeded at 20' : 'TypeError: no such thing')
    expect(JSON.stringify(found.details)).not.toContain('stack')
    expect(await listed(id)).toBeNull()
  })

  test('that runs: where, since when, and which locks it holds', async () => {
    const [app, open] = [apps.app(), gate()]
    const task = app.task('explain.runs', { bind: true }, (job) =>
      job.lock(`key of ${job.id}`, () => open.promise),
    )
    const worker = await apps.worker(app)
    const { id } = await task.enqueue()
    const found = await until(async () => {
      const one = await explain(id)
      return one.details.locks !== undefined && one
    })
    expect(found).toMatchObject({
      state: 'running',
      reason: 'running',
      since: expect.any(Date),
      message: expect.stringContaining(`"${worker.name}"`),
      details: { attempt: 1, worker: { name: worker.name, pid: process.pid }, locks: [`key of ${id}`] },
    })
    expect(await listed(id)).toBeNull()
    open.open()
  })

  test('whose worker is gone: stalled', async () => {
    const id = await aJob(database, { state: 'running', queue: aQueue() })
    expect(await explain(id)).toMatchObject({ state: 'running', reason: 'stalled' })
  })

  test('that is asked to stop: cancelling', async () => {
    const worker_id = await aWorker(database)
    const cancel = { cancel_requested_at: fromNow(0), cancel_reason: 'enough' }
    const id = await aJob(database, { worker_id, queue: aQueue(), ...cancel })
    expect(await explain(id)).toMatchObject({
      reason: 'cancelling',
      message: expect.stringContaining('enough'),
    })
  })

  test('that is too late to begin: expired', async () => {
    const id = await aJob(database, { queue: await served(), expires_at: fromNow(-1_000) })
    expect(await explain(id)).toMatchObject({ state: 'pending', reason: 'expired', since: expect.any(Date) })
    expect(await listed(id)).toBe('expired')
  })

  test('that waits for others in its canvas: blocked by which', async () => {
    const app = apps.app()
    const task = app.declare<(n: number) => number>('explain.node')
    const handle = await chain(task.s(1), task.s()).enqueue()
    const [first] = await database.query<{ id: string }>(
      `select id from celeriac.jobs where workflow_id = $1 and run_at is not null`,
      [handle.workflow.id],
    )
    expect(await handle.explain()).toMatchObject({
      state: 'waiting',
      reason: 'blocked',
      message: expect.stringContaining(`explain.node ${first?.id} (pending)`),
      details: { count: 1, parents: [{ id: first?.id, state: 'pending', task: 'explain.node' }] },
    })
    expect(await listed(handle.id)).toBe('blocked')
  })

  test('whose time is to come: scheduled', async () => {
    const handle = await apps
      .app()
      .declare('work')
      .with({ delay: '1h', queue: await served() })
      .enqueue()
    const found = await handle.explain()
    expect(found).toMatchObject({ state: 'pending', reason: 'scheduled', also: [] })
    expect(found.until?.getTime()).toBeGreaterThan(Date.now() + 3_500_000)
    expect(found.estimatedStart).toEqual(found.until)
    expect(await listed(handle.id)).toBe('scheduled')
  })

  test('whose attempt has failed: retrying, after what', async () => {
    const app = apps.app()
    const task = app.task('explain.retry', { backoff: ['1h'] }, () => {
      throw new RangeError('too far')
    })
    const retried = nextEvent(app, 'job:retried')
    await apps.worker(app)
    const handle = await task.enqueue()
    await retried
    const found = await until(async () => {
      const one = await handle.explain()
      return one.reason !== 'running' && one
    })
    expect(found).toMatchObject({
      state: 'pending',
      reason: 'retrying',
      message: expect.stringMatching(/attempt 1 of 5 failed: RangeError: too far; the next one is due at 20/),
      details: { attempt: 1, maxAttempts: 5, error: { name: 'RangeError' } },
    })
    expect(await listed(handle.id)).toBe('retrying')
  })

  test('that its handler has put off: snoozed', async () => {
    const app = apps.app()
    const task = app.task('explain.snooze', { bind: true }, (job) => job.snooze('1h'))
    await apps.worker(app)
    const handle = await task.enqueue()
    await until(async () => (await handle.explain()).reason === 'snoozed')
  })
})

describe('explain tells of what is paused', () => {
  test('a queue, and why', async () => {
    const queue = await served()
    const id = await aJob(database, { queue })
    await database.query(`select celeriac.pause('queue', $1, 'SMTP outage', $2)`, [queue, fromNow(60_000)])
    expect(await explain(id)).toMatchObject({
      reason: 'queue_paused',
      message: expect.stringContaining('SMTP outage'),
      since: expect.any(Date),
      until: expect.any(Date),
      also: [],
    })
    expect(await listed(id)).toBe('queue_paused')
  })

  test('a task, beside a queue that nobody serves', async () => {
    const id = await aJob(database, { queue: aQueue(), task: 'explain.paused' })
    await database.query(`select celeriac.pause('task', 'explain.paused')`)
    expect(await explain(id)).toMatchObject({
      reason: 'task_paused',
      until: null,
      also: [{ reason: 'no_worker', message: expect.stringContaining('no worker serves queue') }],
    })
    expect(await listed(id)).toBe('task_paused')
  })

  test('a label', async () => {
    const app = apps.app()
    const task = app.task('explain.labelled', () => 1)
    await database.query(`select celeriac.pause('label', 'tenant=acme', 'unpaid')`)
    await apps.worker(app)
    const handle = await task.with({ labels: { tenant: 'acme' } }).enqueue()
    await until(() => isLaned(handle.id))
    expect(
      await until(async () => (await handle.explain()).reason === 'label_paused' && handle.explain()),
    ).toMatchObject({
      state: 'waiting',
      message: expect.stringContaining('label "tenant=acme" is paused since'),
      details: { label: 'tenant=acme', reason: 'unpaid' },
    })
  })
})

describe('explain tells of workers', () => {
  test('that there is none for the queue', async () => {
    const id = await aJob(database, { queue: aQueue() })
    expect(await explain(id)).toMatchObject({ reason: 'no_worker', state: 'pending' })
    expect(await listed(id)).toBe('ready')
  })

  test('that none has registered the task', async () => {
    const id = await aJob(database, { queue: await served(), task: 'nobodys' })
    expect(await explain(id)).toMatchObject({
      reason: 'unknown_task',
      details: { task: 'nobodys', workers: 1 },
    })
  })

  test('that all slots are taken, and how many jobs are due before it', async () => {
    const queue = await served(10)
    await aJob(database, { queue, priority: 1 })
    await aJob(database, { queue, run_at: fromNow(-20_000) })
    const id = await aJob(database, { queue })
    await aJob(database, { queue, run_at: fromNow(-1_000) })
    expect(await explain(id)).toMatchObject({
      reason: 'busy',
      message: expect.stringContaining('2 jobs are due before it'),
      details: { before: 2, workers: [{ running: 10, slots: 10 }] },
      estimatedStart: null,
    })
  })

  test('that nothing keeps it: ready', async () => {
    const id = await aJob(database, { queue: await served() })
    const found = await explain(id)
    expect(found).toMatchObject({
      reason: 'ready',
      message: expect.stringContaining('none is due before it'),
    })
    expect(found.estimatedStart).toBeInstanceOf(Date)
  })
})

describe('explain tells of limits', () => {
  test('T-86 as many run as may: who holds the slot, and how many wait before it', async () => {
    const [app, open] = [apps.app(), gate()]
    const task = app.task(
      'explain.full',
      { concurrency: { limit: 1, key: (tenant: string) => tenant } },
      async (_: string) => open,
    )
    await apps.worker(app)
    const first = await task.enqueue('acme')
    await until(async () => (await first.state()) === 'running')
    const [second, third] = [await task.enqueue('acme'), await task.enqueue('acme')]
    const found = await until(async () => {
      const one = await third.explain()
      return one.reason === 'concurrency' && one
    })
    expect(found).toMatchObject({
      state: 'waiting',
      message: `limit "task:explain.full/concurrency" (key "acme") lets 1 run at once, and as many do: ${first.id}; one job waits before it`,
      details: {
        limit: 'task:explain.full/concurrency',
        key: 'acme',
        concurrency: 1,
        before: 1,
        holders: [{ id: first.id }],
      },
      estimatedStart: null,
    })
    expect((await second.explain()).details).toMatchObject({ before: 0 })
    await until(async () => (await listed(second.id)) === 'concurrency')
    open.open()
  })

  test('T-86 its rate is spent: when the next may start, and when this one', async () => {
    const app = apps.app()
    const task = app.task('explain.rate', { rateLimit: { limit: 1, per: '1h' } }, () => 1)
    await apps.worker(app)
    await (await task.enqueue()).result({ timeout: '10s' })
    const [second, third] = [await task.enqueue(), await task.enqueue()]
    const found = await until(async () => {
      const one = await third.explain()
      return one.reason === 'rate' && one
    })
    const hour = 3_600_000
    expect(found).toMatchObject({
      state: 'waiting',
      message: expect.stringMatching(
        /lets 1 start per 3600 s; the next may at .*, and one job waits before it/,
      ),
      details: { limit: 'task:explain.rate/rate', rateLimit: 1, perMs: hour, before: 1 },
    })
    const next = found.until?.getTime() ?? 0
    expect(Math.abs(next - Date.now() - hour)).toBeLessThan(60_000)
    expect(found.estimatedStart?.getTime()).toBe(next + hour)
    expect((await second.explain()).estimatedStart?.getTime()).toBe(next)
    await until(async () => (await listed(second.id)) === 'rate')
  })

  test('T-86 its key is held: until when, and why', async () => {
    const app = apps.app()
    const task = app.task('explain.held', { rateLimit: '100/s' }, (n: number) => {
      if (n === 1) throw new RateLimited({ until: '1h', reason: '429 of the mailer' })
    })
    await apps.worker(app)
    await task.enqueue(1)
    await until(
      async () =>
        (await database.query('select from celeriac.buckets where held_until is not null')).length > 0,
    )
    const second = await task.enqueue(2)
    const found = await until(async () => {
      const one = await second.explain()
      return one.reason === 'held' && one
    })
    expect(found.message).toContain('429 of the mailer')
    expect(found.until?.getTime()).toBeGreaterThan(Date.now() + 3_000_000)
  })

  test('it follows the job that holds its unique key', async () => {
    const [app, open] = [apps.app(), gate()]
    const task = app.task('explain.unique', async () => open)
    await apps.worker(app)
    const unique = { key: 'one', onConflict: 'rerun' } as const
    const first = await task.with({ unique }).enqueue()
    await until(async () => (await first.state()) === 'running')
    const second = await task.with({ unique }).enqueue()
    expect(second.outcome).toBe('rerun')
    const found = await until(async () => {
      const one = await second.explain()
      return one.reason === 'unique' && one
    })
    expect(found.message).toBe(`it follows job ${first.id}, which holds its key "one" and runs`)
    open.open()
  })

  test('it has just arrived, and no worker has looked yet', async () => {
    const app = apps.app()
    const task = app.task('work', { concurrency: 5 }, () => 1)
    const handle = await task.with({ queue: await served() }).enqueue()
    expect(await handle.explain()).toMatchObject({ state: 'waiting', reason: 'arriving' })
    expect(await listed(handle.id)).toBe('arriving')
  })

  test('others have their turn', async () => {
    const app = apps.app()
    const queue = await served()
    const task = app.task('work', { fairness: { key: (tenant: string) => tenant } }, (_: string) => 1)
    const [one, two] = [await task.with({ queue }).enqueue('a'), await task.with({ queue }).enqueue('b')]
    // As a worker does in each of its turns.
    await database.query('select celeriac.drain_arrivals()')
    await database.query(
      `update celeriac.lanes set turn = case when id = (select lane_id from celeriac.jobs where id = $1) then 1 else 2 end
        where queue = $2`,
      [one.id, queue],
    )
    expect(await one.explain()).toMatchObject({ reason: 'ready' })
    expect(await two.explain()).toMatchObject({ state: 'waiting', reason: 'turn' })
    expect(await listed(two.id)).toBe('turn')
  })
})

describe('explain', () => {
  test('has lines to read in psql', async () => {
    const handle = await apps.app().declare('work').with({ delay: '1h', queue: aQueue() }).enqueue()
    const rows = await database.query<{ line: string }>(
      'select line from celeriac.explain_text($1) as line',
      [handle.id],
    )
    const [head, message, ...rest] = rows.map(({ line }) => line)
    expect(head).toBe('pending, scheduled')
    expect(message).toMatch(/^it is to run from 20.* UTC on$/)
    expect(rest.map((line) => line.split(' ')[0])).toEqual(['since', 'until', 'starts', 'also:'])
  })

  test('counts no more than it has to, however long the line is', { timeout: 60_000 }, async () => {
    const queue = await served(10)
    await database.query(
      `insert into celeriac.jobs (id, run_at, enqueued_at, queue, task, args)
        select gen_random_uuid(), now() - interval '1 hour', now(), $1, 'work', '[]' from generate_series(1, 12000)`,
      [queue],
    )
    const id = await aJob(database, { queue })
    expect(await explain(id)).toMatchObject({
      reason: 'busy',
      details: { before: 10_000 },
      message: expect.stringContaining('10,000 jobs or more'),
    })
  })
})
