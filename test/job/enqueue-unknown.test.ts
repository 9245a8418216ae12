import { describe, expect, onTestFinished, test } from 'vitest'
import { isCeleriacError } from '../../src/base/errors.ts'
import { uuidv7 } from '../../src/base/ids.ts'
import { Database } from '../../src/db/database.ts'
import type { Celeriac } from '../../src/index.ts'
import { Enqueuer } from '../../src/job/enqueuer.ts'
import { taskShape } from '../../src/job/shape.ts'
import { Waker } from '../../src/job/waker.ts'
import { resolveTaskOptions } from '../../src/task/options.ts'
import { gate, rejection, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { openProxy, type Proxied } from '../support/proxied.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'enqueue_unknown' })
const apps = useApps(database)

/** An app behind a proxy, connected once. */
async function proxied(): Promise<Proxied & { readonly app: Celeriac }> {
  const way = await openProxy(database.url)
  onTestFinished(() => way[Symbol.asyncDispose]())
  const app = apps.app({ database: way.url, listen: false, maxConnections: 2 })
  await app.enqueue('warm.up')
  return { ...way, app }
}

async function countOf(task: string): Promise<number> {
  const [row] = await database.query<{ jobs: number }>(
    `select ((select count(*) from celeriac.jobs where task = $1) +
      (select count(*) from celeriac.results where task = $1))::int as jobs`,
    [task],
  )
  return row?.jobs ?? -1
}

const ENQUEUE = /enqueue_jobs/

describe('F-33: an enqueue whose answer is lost', () => {
  test('is enqueued once, and its caller knows', async () => {
    const { app, proxy } = await proxied()
    const dropped = gate()
    proxy.dropNextReply(ENQUEUE, 'reset', () => dropped.open())
    const handle = await app.enqueue('lost.once', [1])
    await dropped
    expect([await handle.state(), await countOf('lost.once')]).toEqual(['pending', 1])
  })

  test('among many callers: each job is enqueued once', async () => {
    const { app, proxy } = await proxied()
    let drops = 0
    const drop = (): void =>
      proxy.dropNextReply(ENQUEUE, 'reset', () => {
        drops += 1
        if (drops < 4) drop()
      })
    drop()
    const task = app.task('lost.many', (n: number) => n)
    const handles = await Promise.all(Array.from({ length: 900 }, (_, n) => task.enqueue(n)))
    expect([drops, new Set(handles.map(({ id }) => id)).size, await countOf('lost.many')]).toEqual([
      4, 900, 900,
    ])
  })

  test('does not run a second time when it has run before anybody could ask', async () => {
    const { app, proxy } = await proxied()
    let runs = 0
    const elsewhere = apps.app()
    elsewhere.task('lost.ran', () => {
      runs += 1
      return runs
    })
    await apps.worker(elsewhere)
    proxy.dropNextReply(ENQUEUE, 'reset', () => proxy.blackhole('toServer', 'toClient'))
    const enqueuing = app.enqueue('lost.ran')
    await until(
      async () => (await database.query(`select from celeriac.results where task = 'lost.ran'`)).length,
    )
    proxy.heal()
    const handle = await enqueuing
    expect([await handle.result({ timeout: '3s' }), runs, await countOf('lost.ran')]).toEqual([1, 1, 1])
  })

  test('that is never answered is asked for again once its time is over', async () => {
    const way = await openProxy(database.url)
    onTestFinished(() => way[Symbol.asyncDispose]())
    const one = new Database({
      source: way.url,
      schema: 'celeriac',
      maxConnections: 2,
      limits: { answerMs: 300 },
    })
    onTestFinished(() => one.close())
    await one.query({ text: 'select 1', values: [] })
    const enqueuer = new Enqueuer(one, new Waker(one, false))
    const shape = taskShape({ name: 'lost.silent', options: resolveTaskOptions({}) } as never)
    const id = uuidv7()
    way.proxy.dropNextReply(ENQUEUE, 'silence', () => undefined)
    await enqueuer.enqueue({ id, shape, door: null, args: '[]' })
    expect(await database.query('select id from celeriac.jobs where id = $1', [id])).toEqual([{ id }])
  })

  test('with an id that a caller chose is believed to be his only if the job is the same', async () => {
    const { app, proxy } = await proxied()
    const [mine, other] = ['019a0000-0000-7000-8000-00000000000a', '019a0000-0000-7000-8000-00000000000b']
    const task = app.task('lost.chosen', (order: { n: number; by: string }) => order.n)
    proxy.dropNextReply(ENQUEUE, 'reset', () => undefined)
    const handle = await task.with({ id: mine }).enqueue({ n: 1, by: 'me' })
    expect(await handle.state()).toBe('pending')
    await apps.app().enqueue('lost.chosen', [{ n: 2, by: 'somebody' }], { id: other })
    proxy.dropNextReply(ENQUEUE, 'reset', () => undefined)
    const refused = await rejection(task.with({ id: other }).enqueue({ n: 3, by: 'me' }))
    expect(refused.code).toBe('JOB_EXISTS')
    expect(await countOf('lost.chosen')).toBe(2)
  })

  test('of a job that leaves no trace is not sent again: its caller is told that nobody knows', async () => {
    const { app, proxy } = await proxied()
    const kept = app.task('lost.kept', () => undefined)
    const brief = app.task('lost.brief', { resultTtl: '1s' }, () => undefined)
    proxy.dropNextReply(ENQUEUE, 'reset', () => undefined)
    const [first, error] = await Promise.all([
      kept.enqueue(),
      brief.enqueue().catch((reason: unknown) => reason),
    ])
    expect(await first.state()).toBe('pending')
    if (!isCeleriacError(error, 'ENQUEUE_UNKNOWN')) throw error
    expect(error.message).toMatch(
      /^whether job .+ is enqueued is unknown: cannot reach .+; ask for its state/,
    )
    expect(error.details?.jobIds).toHaveLength(1)
  })
})

describe('F-33: a commit of many jobs whose answer is lost', () => {
  const MANY = Array.from({ length: 2_500 }, (_, n) => [n] as [number])

  test('is found to be done', async () => {
    const { app, proxy } = await proxied()
    const dropped = gate()
    const task = app.task('many.done', (n: number) => n)
    proxy.dropNextReply(/^commit/, 'reset', () => dropped.open())
    const handles = await task.enqueueMany(MANY)
    await dropped
    expect([handles.length, await countOf('many.done')]).toEqual([2_500, 2_500])
  })

  test('is found to be undone', async () => {
    const { app } = await proxied()
    await database.query(`create function die() returns trigger language plpgsql as
      $$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$`)
    await database.query(`create constraint trigger die after insert on celeriac.jobs deferrable initially deferred
      for each row when (new.task = 'many.undone' and new.args = '[2400]') execute function die()`)
    onTestFinished(async () => void (await database.query('drop function die cascade')))
    const error = await app
      .task('many.undone', (n: number) => n)
      .enqueueMany(MANY)
      .catch((reason: unknown) => reason)
    if (!isCeleriacError(error, 'CONNECT_FAILED')) throw error
    expect([error.details, await countOf('many.undone')]).toEqual([undefined, 0])
  })
})

describe('one job of many that is refused', () => {
  test.each([
    ['42501', 'PERMISSION_DENIED'],
    ['P0001', 'P0001'],
  ])('for %s leaves its neighbours alone', async (state, code) => {
    const name = `refused.${state.toLowerCase()}`
    await database.query(`create function refuse() returns trigger language plpgsql as
      $$ begin raise exception 'not this one' using errcode = '${state}'; end $$`)
    await database.query(`create trigger refuse before insert on celeriac.jobs for each row
      when (new.task = '${name}' and new.args = '[41]') execute function refuse()`)
    onTestFinished(async () => void (await database.query('drop function refuse cascade')))
    const task = apps.app().task(name, (n: number) => n)
    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, (_, n) => task.enqueue(n)))
    const refused = outcomes.flatMap((outcome, n) =>
      outcome.status === 'rejected' ? [[n, outcome.reason.code]] : [],
    )
    expect([refused, await countOf(name)]).toEqual([[[41, code]], 99])
  })
})

describe('an outage', () => {
  test('that ends soon delays enqueues, and fails none', async () => {
    const { app, proxy } = await proxied()
    const task = app.task('outage.short', (n: number) => n)
    proxy.blackhole('toServer', 'toClient')
    proxy.reset()
    const enqueuing = Promise.all([
      ...Array.from({ length: 50 }, (_, n) => task.enqueue(n)),
      task.enqueueMany(Array.from({ length: 1_500 }, (_, n) => [n])),
    ])
    const begun = performance.now()
    await until(() => performance.now() - begun > 1_000)
    proxy.heal()
    await enqueuing
    expect(await countOf('outage.short')).toBe(1_550)
  })

  test('that lasts fails them within a bound, and says so', { timeout: 60_000 }, async () => {
    const { app, proxy } = await proxied()
    await proxy.close()
    // An idle connection that has not noticed yet would leave a doubt.
    await until(async () => {
      const rows = await database.query(
        `select from pg_stat_activity where datname = current_database() and application_name = 'celeriac:pool'`,
      )
      return rows.length === 0
    })
    const begun = performance.now()
    const refused = await rejection(app.enqueue('outage.long'))
    expect(refused.code).toBe('CONNECT_FAILED')
    const tookMs = performance.now() - begun
    expect(tookMs).toBeGreaterThan(5_000)
    expect(tookMs).toBeLessThan(20_000)
  })
})
