import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { aJob, aKey, aQueue, aWorker, find, fromNow, jobsLike, rowsOf } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { until } from '../support/until.ts'

const database = useDatabase()

const beat = async (
  session: Parameters<typeof rowsOf>[0],
  id: string,
  { ids = [], tokens = [] }: { ids?: string[]; tokens?: number[] } = {},
) =>
  (
    await rowsOf(
      session,
      `select * from celeriac.record_heartbeat($1, 2, true, false, '{work}', '{"done": 1}', $2, 3000)`,
      [id, JSON.stringify(ids.map((one, index) => [one, tokens[index]]))],
    )
  )[0]

describe('register_worker', () => {
  test('enters the worker and its queues', async () => {
    const [id, key, one, two] = [randomUUID(), aKey(), aQueue(), aQueue()]
    await database.query(
      `select celeriac.register_worker($1, $2, 'anna', 'here', 7, '1.2.3', $3, '{add}', 4, true)`,
      [id, key, [two, one, two]],
    )
    expect(await find(database, 'workers', id)).toMatchObject({
      name: 'anna',
      queues: [two, one, two],
      tasks: ['add'],
      concurrency: 4,
      running: 0,
      idle: false,
      stopping: false,
      suspected_at: null,
      lost_at: null,
    })
    const [row] = await rowsOf(
      database,
      'select steady_since = started_at as fresh from celeriac.workers where id = $1',
      [id],
    )
    expect(row).toEqual({ fresh: true })
    const queues = 'select name from celeriac.queues where name = any ($1) order by name'
    expect(await database.query(queues, [[one, two]])).toEqual([one, two].sort().map((name) => ({ name })))
  })
})

describe('record_heartbeat', () => {
  test('renews the sign of life and clears the suspicion', async () => {
    const id = await aWorker(database, { heartbeat_at: fromNow(-9_000), suspected_at: fromNow(-1_000) })
    expect(await beat(database, id)).toMatchObject({
      known: true,
      lost: null,
      cancelled: null,
      reasons: null,
    })
    const worker = await find(database, 'workers', id)
    expect(worker).toMatchObject({ suspected_at: null, running: 2, idle: true, stats: { done: 1 } })
    expect(Date.now() - Date.parse(String(worker?.heartbeat_at))).toBeLessThan(5_000)
  })

  test('tells a worker that was declared dead, and renews nothing', async () => {
    const id = await aWorker(database, { heartbeat_at: fromNow(-60_000), lost_at: fromNow(-5) })
    const before = await find(database, 'workers', id)
    expect(await beat(database, id)).toMatchObject({ known: false })
    expect(await find(database, 'workers', id)).toEqual(before)
  })

  test.each([
    ['in time', -3_000, true],
    ['late by one', -5_500, true],
    ['after a gap', -7_000, false],
    ['before the last one by the clock', 3_600_000, false],
  ])('that comes %s leaves the worker steady: %s ms ago → %s', async (_, beatenAt, steady) => {
    const since = fromNow(-600_000)
    const id = await aWorker(database, { heartbeat_at: fromNow(beatenAt), steady_since: since })
    await beat(database, id)
    const [row] = await rowsOf(
      database,
      'select steady_since = $2 as steady from celeriac.workers where id = $1',
      [id, since],
    )
    expect(row).toEqual({ steady })
  })

  test('tells a worker whose row is gone', async () => {
    expect(await beat(database, randomUUID())).toMatchObject({ known: false })
  })

  test('names lost attempts and those to be cancelled', async () => {
    const id = await aWorker(database)
    const held = await aJob(database, { worker_id: id })
    const stale = await aJob(database, { worker_id: id, token: 9 })
    const foreign = await aJob(database, { state: 'running' })
    const asked = await aJob(database, {
      worker_id: id,
      cancel_requested_at: fromNow(-5),
      cancel_reason: 'enough',
    })
    const gone = randomUUID()
    const answer = await beat(database, id, {
      ids: [held, stale, foreign, asked, gone],
      tokens: [1, 1, 1, 1, 1],
    })
    expect(new Set(answer?.lost as string[])).toEqual(new Set([stale, foreign, gone]))
    expect(answer?.lost_tokens).toEqual(['1', '1', '1'])
    expect(answer).toMatchObject({ cancelled: [asked], reasons: ['enough'] })
  })
})

describe('announce_idle', () => {
  test('says so once', async () => {
    const id = await aWorker(database)
    await database.query('select celeriac.announce_idle($1)', [id])
    expect(await find(database, 'workers', id)).toMatchObject({ idle: true })
  })
})

describe('release_worker_jobs', () => {
  test('gives back claims by their tokens, uncharged, and tells others', async () => {
    const id = await aWorker(database)
    const queue = aQueue()
    const [kept, unknown, foreign] = [
      await aJob(database, { worker_id: id, queue }),
      await aJob(database, { worker_id: id, queue }),
      await aJob(database, { state: 'running', queue }),
    ]
    const before = await Promise.all([kept, unknown, foreign].map((job) => find(database, 'jobs', job)))
    await using ear = await openSession(database.url)
    await ear.listen()
    expect(
      await database.query('select celeriac.release_worker_jobs($1, $2, $3) as n', [
        id,
        [unknown, foreign, kept],
        [1, 1, 7],
      ]),
    ).toEqual([{ n: 1 }])
    expect(await Promise.all([kept, unknown, foreign].map((job) => find(database, 'jobs', job)))).toEqual([
      before[0],
      { ...before[1], worker_id: null, token: 2, snoozes: 1 },
      before[2],
    ])
    await until(() => ear.heard.length > 0, { what: 'a payload' })
    expect(ear.heard).toEqual([`w ${BigInt(Date.parse(String(before[1]?.run_at))) * 1000n} ${queue}`])
  })

  test('settles what was asked to be cancelled instead of running it again', async () => {
    const id = await aWorker(database)
    const job = await aJob(database, {
      worker_id: id,
      cancel_requested_at: fromNow(-5),
      cancel_reason: 'enough',
    })
    await database.query('select celeriac.release_worker_jobs($1, $2, $3)', [id, [job], [1]])
    expect(await find(database, 'jobs', job)).toBeNull()
    expect(await find(database, 'results', job)).toMatchObject({
      state: 'cancelled',
      token: 3,
      error: { code: 'JOB_CANCELLED', message: 'enough' },
    })
  })
})

describe('deregister_worker', () => {
  test('removes the worker and gives back all it holds', async () => {
    const id = await aWorker(database)
    const jobs = await jobsLike(database, 3, { worker_id: id })
    expect(await database.query('select celeriac.deregister_worker($1) as n', [id])).toEqual([{ n: 3 }])
    expect(await find(database, 'workers', id)).toBeNull()
    for (const job of jobs) {
      expect(await find(database, 'jobs', job)).toMatchObject({ worker_id: null, token: 2, snoozes: 1 })
    }
  })

  test('ends without a deadlock when the worker registers again meanwhile', async () => {
    await using holder = await openSession(database.url)
    await using gone = await openSession(database.url)
    await using again = await openSession(database.url)
    const id = randomUUID()
    const [job] = await jobsLike(database, 1, { queue: aQueue(), worker_id: id })
    const blocked = (pid: number): Promise<true> =>
      until(
        async () => {
          const [row] = await database.query<{ blocked: boolean }>(
            `select wait_event_type = 'Lock' as blocked from pg_stat_activity where pid = $1`,
            [pid],
          )
          return row?.blocked === true
        },
        { every: 1, what: 'a session that waits for a lock' },
      )
    await holder.query('begin')
    await holder.query('select from celeriac.jobs where id = $1 for update', [job])
    const first = gone.query('select celeriac.deregister_worker($1) as n', [id])
    await blocked(gone.pid)
    await aWorker(database, { id })
    const second = again.query('select celeriac.deregister_worker($1) as n', [id])
    await blocked(again.pid)
    await holder.query('rollback')
    expect(await Promise.all([first, second])).toEqual([[{ n: 1 }], [{ n: 0 }]])
    expect(await find(database, 'workers', id)).toBeNull()
  })
})
