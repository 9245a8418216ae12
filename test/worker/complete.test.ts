import { Kysely, PostgresDialect } from 'kysely'
import type pg from 'pg'
import { describe, expect, test } from 'vitest'
import type { JobContext, JobHandle, TransactionInput } from '../../src/index.ts'
import { eventsOf, gate, nextEvent, useApps } from '../support/apps.ts'
import { codeOf, EFFECT, messageOf, useEffects } from '../support/effects.ts'
import { find } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { endWorkerProcesses, workerProcess } from '../support/worker-processes.ts'

const database = useDatabase({ name: 'job_complete' })
const apps = useApps(database)
const effects = useEffects(database)
const AT_ONCE = { backoff: ['10ms'] } as const

/** A client of the users' pool in a transaction; whatever is left open is rolled back. */
async function withClient<Result>(work: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
  const client = await database.pool.connect()
  try {
    await client.query('begin')
    return await work(client)
  } finally {
    await client.query('rollback')
    client.release()
  }
}

/** Each form of `tx`, over the same client. */
const FORMS: [string, (client: pg.PoolClient) => TransactionInput][] = [
  ['a pg client', (client) => client],
  [
    'an object with query',
    (client) => ({ query: (text: string, values: unknown[]) => client.query(text, values) }),
  ],
  [
    'a function',
    (client) => async (text: string, values: unknown[]) => (await client.query(text, values)).rows,
  ],
]

describe('job.complete', () => {
  test.each(FORMS)('settles the job in the transaction of the handler, as %s', async (_, tx) => {
    const app = apps.app()
    const [completed, go] = [gate(), gate()]
    const task = app.task('complete.together', { bind: true }, (job) =>
      withClient(async (client) => {
        await client.query(EFFECT, [job.id, job.attempt])
        await job.complete(tx(client), { paid: 1n })
        completed.open()
        await go
        await client.query('commit')
        return 'not looked at'
      }),
    )
    await apps.worker(app)
    const handle = await task.enqueue()
    await completed
    expect([await effects.of(handle), await handle.state()]).toEqual([[], 'running'])
    const succeeded = nextEvent(app, 'job:succeeded')
    go.open()
    expect(await handle.result({ timeout: '5s' })).toEqual({ paid: 1n })
    expect(await succeeded).toMatchObject({ jobId: handle.id })
    expect(await effects.of(handle)).toEqual([1])
  })

  test('takes a Kysely transaction', async () => {
    const kysely = new Kysely<{ effects: { job_id: string; attempt: number } }>({
      dialect: new PostgresDialect({ pool: database.pool }),
    })
    const app = apps.app()
    const task = app.task('complete.kysely', { bind: true, ...AT_ONCE }, (job) =>
      kysely.transaction().execute(async (trx) => {
        await trx.insertInto('effects').values({ job_id: job.id, attempt: job.attempt }).execute()
        await job.complete(trx, 'by kysely')
        if (job.attempt === 1) throw new Error('undone')
      }),
    )
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.result({ timeout: '5s' })).toBe('by kysely')
    expect([await effects.of(handle), await effects.lastError(handle)]).toMatchObject([
      [2],
      { message: 'undone' },
    ])
  })

  test('F-59 commits nothing of a handler that swallows the loss of its job', async () => {
    const app = apps.app()
    const answers: unknown[] = []
    const task = app.task('complete.lost', { bind: true }, async (job) => {
      if (job.attempt > 1) return 'second'
      return withClient(async (client) => {
        await client.query(EFFECT, [job.id, job.attempt])
        await effects.takeAway({ id: job.id } as JobHandle)
        answers.push(await job.complete(client, 'first').catch(messageOf))
        answers.push((await client.query('commit')).command)
        return 'first'
      })
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    await until(() => answers.length === 2)
    expect(answers).toEqual([`job ${handle.id} attempt 1 is no longer held here`, 'ROLLBACK'])
    expect([await effects.of(handle), await handle.result({ timeout: '5s' })]).toEqual([[], 'second'])
  })

  test('commits nothing after its attempt has ended here, though the row is still its own', async () => {
    const app = apps.app()
    const ended = gate()
    const answers: unknown[] = []
    const task = app.task('complete.late', { bind: true, timeLimit: '50ms', maxAttempts: 1 }, async (job) => {
      await ended
      return withClient(async (client) => {
        await client.query(EFFECT, [job.id, job.attempt])
        answers.push(await job.complete(client).catch(codeOf), (await client.query('commit')).command)
      })
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    await handle.settled({ timeout: '5s' })
    ended.open()
    await until(() => answers.length === 2)
    expect([answers, await effects.of(handle)]).toEqual([['LEASE_LOST', 'ROLLBACK'], []])
  })

  test('B-54 fails an attempt that has not committed when its handler ends', async () => {
    const app = apps.app()
    const client = await database.pool.connect()
    try {
      const task = app.task('complete.open', { bind: true, ...AT_ONCE }, async (job) => {
        if (job.attempt > 1) return 'second'
        await client.query('begin')
        await client.query(EFFECT, [job.id, job.attempt])
        await job.complete(client, 'first')
        return 'first'
      })
      await apps.worker(app)
      const handle = await task.enqueue()
      await until(() => effects.waiting('work_cycle'))
      await client.query('rollback')
      expect(await handle.result({ timeout: '10s' })).toBe('second')
      expect(await effects.of(handle)).toEqual([])
      expect(await effects.lastError(handle)).toMatchObject({
        code: 'TX_OPEN',
        message: `complete() was called but its transaction was not committed when the handler ended (job ${handle.id})`,
      })
    } finally {
      client.release(true)
    }
  })

  test('B-54 settles a job all the same whose transaction is committed after its handler has ended', async () => {
    const app = apps.app()
    const events = [eventsOf(app, 'job:succeeded'), eventsOf(app, 'job:retried')]
    const client = await database.pool.connect()
    let runs = 0
    try {
      const task = app.task('complete.later', { bind: true, ...AT_ONCE }, async (job) => {
        runs += 1
        await client.query('begin')
        await client.query(EFFECT, [job.id, job.attempt])
        await job.complete(client, 'committed late')
      })
      const worker = await apps.worker(app)
      const handle = await task.enqueue()
      await until(() => effects.waiting('work_cycle'))
      await client.query('commit')
      expect(await handle.result({ timeout: '10s' })).toBe('committed late')
      await worker.stop()
      await until(() => events[0]?.length === 1)
      expect(events[1]).toEqual([])
      expect([runs, await effects.of(handle), await effects.lastError(handle)]).toEqual([1, [1], null])
    } finally {
      client.release(true)
    }
  })

  test.each([
    ['says that it was rolled back', false, { code: 'TX_OPEN' }],
    ['keeps the error of the handler', true, { name: 'RangeError', message: 'out of stock' }],
  ])('runs a job again whose transaction is rolled back, and %s', async (_, throws, error) => {
    const app = apps.app()
    const task = app.task('complete.undone', { bind: true, ...AT_ONCE }, (job) =>
      withClient(async (client) => {
        await client.query(EFFECT, [job.id, job.attempt])
        await job.complete(client, job.attempt)
        if (job.attempt > 1) await client.query('commit')
        else if (throws) throw new RangeError('out of stock')
      }),
    )
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.result({ timeout: '5s' })).toBe(2)
    expect([await effects.of(handle), await effects.lastError(handle)]).toMatchObject([[2], error])
  })

  test.each<[string, string, (job: JobContext) => Promise<void>]>([
    ['B-51 a pool', 'TX_POOL', (job) => job.complete(database.pool as unknown as TransactionInput)],
    [
      'B-52 a client in no transaction',
      'TX_IDLE',
      (job) => withClient((client) => client.query('rollback').then(() => job.complete(client))),
    ],
    [
      'B-53 a transaction that is aborted already',
      'TX_ABORTED',
      (job) =>
        withClient((client) =>
          client
            .query('select 1 / 0')
            .catch(() => undefined)
            .then(() => job.complete(client)),
        ),
    ],
    ['something else', 'TX_UNSUPPORTED', (job) => job.complete(7 as unknown as TransactionInput)],
    ['a function that gives no rows', 'TX_UNSUPPORTED', (job) => job.complete(async () => [])],
  ])('refuses %s', async (_, code, complete) => {
    const app = apps.app()
    const task = app.task('complete.refused', { bind: true, maxAttempts: 1 }, complete)
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.settled({ timeout: '5s' })).toMatchObject({ ok: false, error: { cause: { code } } })
  })

  test('is refused a second time, and leaves the first as it is', async () => {
    const app = apps.app()
    const second: unknown[] = []
    const task = app.task('complete.twice', { bind: true }, (job) =>
      withClient(async (client) => {
        await job.complete(client, 'first')
        second.push(await job.complete(client, 'second').catch(messageOf))
        await client.query('commit')
      }),
    )
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.result({ timeout: '5s' })).toBe('first')
    expect(second).toEqual([
      `job ${handle.id} attempt 1 was completed in a transaction already; one transaction settles it`,
    ])
  })

  test('holds back only itself while its transaction is open', async () => {
    const app = apps.app()
    const [completed, go] = [gate(), gate()]
    const task = app.task('complete.slow', { bind: true }, (job) =>
      withClient(async (client) => {
        await job.complete(client, 'slow')
        completed.open()
        await go
        await client.query('commit')
      }),
    )
    const quick = app.task('complete.quick', { bind: true }, (job) => job.progress('quick'))
    await apps.worker(app)
    const handle = await task.enqueue()
    await completed
    await Promise.all((await quick.enqueueMany([[], [], []])).map((one) => one.result({ timeout: '5s' })))
    go.open()
    expect(await handle.result({ timeout: '5s' })).toBe('slow')
  })
})

describe('F-59 a worker that dies', () => {
  test('between complete() and its COMMIT has no effect, and the job runs again', async () => {
    const died = await workerProcess(database.url)
    const app = apps.app()
    const task = app.declare<() => string>('complete')
    const handle = await task.enqueue()
    await until(() => died.begun.length === 1)
    const row = await find(database, 'jobs', handle.id)
    died.signal('SIGKILL')
    await died.ended
    expect([row?.attempt, await effects.of(handle)]).toEqual([1, []])
    const next = await workerProcess(database.url)
    expect(await handle.result({ timeout: '15s' })).toBe('attempt 2')
    expect(await effects.of(handle)).toEqual([2])
    next.signal('SIGTERM')
    await next.ended
    await endWorkerProcesses()
  }, 30_000)
})
