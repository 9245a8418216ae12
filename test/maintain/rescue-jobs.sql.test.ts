import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { aJob, aKey, aQueue, attemptsOf, aWorker, find, fromNow, jobsLike } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { until } from '../support/until.ts'
import { rescueJobs, settleJobs } from '../support/verbs.ts'

const database = useDatabase()

/** A lease that the server of a test has been up for. */
const lease = 1_000

/** A worker that nobody has seen for long enough, whoever asks. */
const aDeadWorker = (fields = {}) =>
  aWorker(database, { heartbeat_at: fromNow(-60_000), suspected_at: fromNow(-30_000), ...fields })

describe('rescue_jobs', () => {
  test('moves the jobs of a killed session back after the grace', async () => {
    const key = aKey()
    const session = await openSession(database.url)
    await session.query('select pg_advisory_lock_shared($1)', [key])
    const worker = await aWorker(database, { presence_key: key, heartbeat_at: fromNow(-1_000) })
    const queue = aQueue()
    const id = await aJob(database, { worker_id: worker, queue })
    const before = await find(database, 'jobs', id)

    expect(await rescueJobs(database)).toEqual([])
    expect(await find(database, 'workers', worker)).toMatchObject({ suspected_at: null })

    await database.query('select pg_terminate_backend($1)', [session.pid])
    await until(
      async () => {
        await rescueJobs(database)
        return (await find(database, 'workers', worker))?.suspected_at
      },
      { what: 'the suspicion' },
    )
    expect(await find(database, 'jobs', id)).toEqual(before)

    await using ear = await openSession(database.url)
    await ear.listen()
    const rescued = await until(
      async () => {
        const rows = await rescueJobs(database, { grace: 100 })
        return rows.length > 0 ? rows : null
      },
      { what: 'the rescue' },
    )
    expect(rescued).toEqual([
      { worker_id: worker, worker_name: 'anna', reason: 'its sessions ended', rescued: 1, failed: 0 },
    ])
    expect(await find(database, 'workers', worker)).toBeNull()
    expect(await find(database, 'jobs', id)).toEqual({ ...before, worker_id: null, token: 2, losses: 1 })
    expect(await attemptsOf(database, id)).toMatchObject([
      { attempt: 1, token: 1, outcome: 'lost', worker_id: worker, error: { code: 'WORKER_LOST' } },
    ])
    await until(() => ear.heard.length > 0, { what: 'a payload' })
    expect(ear.heard[0]).toMatch(new RegExp(`^w \\d+ ${queue}$`))
  })

  test('refuses the late writes of the rescued attempt', async () => {
    const worker = await aDeadWorker()
    const id = await aJob(database, { worker_id: worker })
    await rescueJobs(database)
    expect(await settleJobs(database, worker, { done: [[id, 1, 'late']] })).toEqual([id])
    expect(await find(database, 'jobs', id)).toMatchObject({ token: 2, worker_id: null })
  })

  test.each([
    [
      'whose lock is held and whose heartbeat is late, within its lease',
      () => ({ heartbeat_at: fromNow(-14_000) }),
      true,
    ],
    ['whose heartbeat is fresh', () => ({ heartbeat_at: fromNow(0) }), false],
    [
      'that is suspected since less than the grace',
      () => ({ heartbeat_at: fromNow(-2_000), suspected_at: fromNow(-500) }),
      false,
    ],
    [
      'of before a restart within its lease',
      () => ({ heartbeat_at: fromNow(-9_000), postmaster_started_at: '2020-01-01' }),
      false,
    ],
  ])('leaves a worker alone %s', async (_, fields, held) => {
    const key = aKey()
    await using session = await openSession(database.url)
    if (held) await session.query('select pg_advisory_lock_shared($1)', [key])
    const worker = await aWorker(database, { ...fields(), presence_key: key })
    const id = await aJob(database, { worker_id: worker })
    const before = await find(database, 'jobs', id)
    expect(await rescueJobs(database)).toEqual([])
    expect(await find(database, 'jobs', id)).toEqual(before)
    await database.query('delete from celeriac.workers where id = $1', [worker])
    await database.query('delete from celeriac.jobs where id = $1', [id])
  })

  test.each([
    ['it was so a grace ago', { heartbeat_at: fromNow(-2_500), suspected_at: fromNow(-2_000) }],
    [
      'of before a restart is past its lease',
      { heartbeat_at: fromNow(-2_000), postmaster_started_at: '2020-01-01' },
    ],
  ])('declares a worker dead whose lock is free when %s', async (_, fields) => {
    const worker = await aWorker(database, fields)
    expect(await rescueJobs(database, { lease })).toMatchObject([{ worker_id: worker }])
  })

  test('F-12 declares a worker dead that holds its lock but has not beaten for its lease: it is frozen', async () => {
    const key = aKey()
    await using session = await openSession(database.url)
    await session.query('select pg_advisory_lock_shared($1)', [key])
    const worker = await aWorker(database, { heartbeat_at: fromNow(-1_200), presence_key: key })
    const id = await aJob(database, { worker_id: worker })
    expect(await rescueJobs(database, { lease: 60_000 })).toEqual([])
    expect(await rescueJobs(database, { lease })).toMatchObject([
      { worker_id: worker, reason: expect.stringMatching(/^no heartbeat since /) },
    ])
    expect(await attemptsOf(database, id)).toMatchObject([
      { error: { message: expect.stringContaining('no heartbeat since') } },
    ])
  })

  test.each([
    [
      'has had a gap within the lease',
      () => ({ steady_since: fromNow(-14_000), started_at: fromNow(-60_000) }),
    ],
    ['goes on under a new id', () => ({ steady_since: fromNow(-5_000), started_at: fromNow(-9_000) })],
    ['has started only just now', () => ({ steady_since: fromNow(-1_000), started_at: fromNow(-1_000) })],
    ['has not beaten lately itself', () => ({ heartbeat_at: fromNow(-7_000) })],
    ['was declared dead itself', () => ({ lost_at: fromNow(-10) })],
    ['is of a version that does not say since when it is steady', () => ({ steady_since: null })],
  ])('believes nobody who %s', async (_, fieldsNow) => {
    const [accuser, worker] = [await aWorker(database, fieldsNow()), await aDeadWorker()]
    const rows = await rescueJobs(database, { accuser })
    expect(rows.filter((row) => row.worker_id === worker)).toEqual([])
    expect(await find(database, 'workers', worker)).toMatchObject({ lost_at: null })
    await database.query('delete from celeriac.workers where id = any ($1)', [[accuser, worker]])
  })

  test('believes one that has just started about locks, but not about heartbeats', async () => {
    const since = fromNow(-2_000)
    const accuser = await aWorker(database, { steady_since: since, started_at: since })
    const key = aKey()
    await using session = await openSession(database.url)
    await session.query('select pg_advisory_lock_shared($1)', [key])
    const silent = await aWorker(database, { heartbeat_at: fromNow(-20_000), presence_key: key })
    const gone = await aDeadWorker()
    const found = await rescueJobs(database, { accuser, lease: 2_500 })
    expect(found.map((row) => row.worker_id)).toEqual([gone])
    await database.query('delete from celeriac.workers where id = any ($1)', [[accuser, silent]])
  })

  test('leaves a worker alone that is beating at this moment', async () => {
    const worker = await aDeadWorker()
    await using session = await openSession(database.url)
    await session.query('begin')
    await session.query(
      'update celeriac.workers set heartbeat_at = clock_timestamp(), suspected_at = null where id = $1',
      [worker],
    )
    expect(await rescueJobs(database)).toEqual([])
    await session.query('commit')
    expect(await rescueJobs(database)).toEqual([])
    expect(await find(database, 'workers', worker)).toMatchObject({ lost_at: null })
    await database.query('delete from celeriac.workers where id = $1', [worker])
  })

  test('judges a worker without a lock by its heartbeat alone', async () => {
    const late = await aWorker(database, {
      presence_key: null,
      heartbeat_at: fromNow(-14_000),
      suspected_at: fromNow(-9_000),
    })
    expect(await rescueJobs(database)).toEqual([])
    expect(await rescueJobs(database, { lease })).toMatchObject([{ worker_id: late }])
  })

  test('L15 goes on until every job is taken, however many', async () => {
    const worker = await aDeadWorker()
    const ids = await jobsLike(database, 25, { worker_id: worker })
    const taken: unknown[] = []
    for (let page = 0; page < 3; page += 1) {
      taken.push((await rescueJobs(database, { most: 10 }))[0]?.rescued)
    }
    expect(taken).toEqual([10, 10, 5])
    expect(await find(database, 'workers', worker)).toBeNull()
    const [row] = await database.query(
      'select count(*)::int as n from celeriac.jobs where id = any ($1) and worker_id is null',
      [ids],
    )
    expect(row).toEqual({ n: 25 })
  })

  test('F-32 does not wait for a row that somebody holds, and comes back for it', async () => {
    const worker = await aDeadWorker()
    const [held, free] = await jobsLike(database, 2, { worker_id: worker })
    await using session = await openSession(database.url)
    await session.query('begin')
    await session.query('select from celeriac.jobs where id = $1 for update', [held])
    expect(await rescueJobs(database)).toMatchObject([{ rescued: 1 }])
    expect(await find(database, 'jobs', free ?? '')).toMatchObject({ worker_id: null })
    expect(await find(database, 'workers', worker)).toMatchObject({ lost_at: expect.any(String) })
    await session.query('rollback')
    expect(await rescueJobs(database)).toMatchObject([{ worker_id: worker, rescued: 1 }])
    expect(await find(database, 'workers', worker)).toBeNull()
  })

  test('waits for a claim of the dead worker that is still under way', async () => {
    const worker = await aDeadWorker()
    const queue = aQueue()
    await using claiming = await openSession(database.url)
    await claiming.query('begin')
    await claiming.query('select pg_advisory_xact_lock_shared(uuid_hash_extended($1, 0))', [worker])
    expect(await rescueJobs(database)).toEqual([])
    const late = await aJob(database, { worker_id: worker, queue })
    await claiming.query('commit')
    expect(await rescueJobs(database)).toMatchObject([{ worker_id: worker, rescued: 1 }])
    expect(await find(database, 'jobs', late)).toMatchObject({ worker_id: null, token: 2 })
  })

  test('leaves no lock behind', async () => {
    const key = aKey()
    await aDeadWorker({ presence_key: key })
    await using session = await openSession(database.url)
    await rescueJobs(session)
    expect(await database.query('select pg_try_advisory_lock($1) as free', [key])).toEqual([{ free: true }])
  })

  test.each([
    ['outlived its bound of losses', { losses: 3, attempt: 4 }],
    ['runs at most once', { options: { atMostOnce: true }, max_attempts: 1 }],
  ])('fails a job that %s with WORKER_LOST', async (_, fields) => {
    const worker = await aDeadWorker()
    const id = await aJob(database, { worker_id: worker, ...fields })
    await using ear = await openSession(database.url)
    await ear.listen()
    expect(await rescueJobs(database)).toMatchObject([{ rescued: 0, failed: 1 }])
    expect(await find(database, 'jobs', id)).toBeNull()
    expect(await find(database, 'results', id)).toMatchObject({
      state: 'failed',
      token: 2,
      worker_id: worker,
      error: { code: 'WORKER_LOST' },
    })
    expect(await attemptsOf(database, id)).toMatchObject([{ outcome: 'lost', retry_at: null }])
    await until(() => ear.heard.length > 0, { what: 'a payload' })
    expect(ear.heard).toEqual([`s ${id}`])
  })

  test('cancels a job that was asked to be cancelled', async () => {
    const worker = await aDeadWorker()
    const id = await aJob(database, {
      worker_id: worker,
      cancel_requested_at: fromNow(-5),
      cancel_reason: 'enough',
    })
    expect(await rescueJobs(database)).toMatchObject([{ rescued: 0, failed: 0 }])
    expect(await find(database, 'results', id)).toMatchObject({
      state: 'cancelled',
      error: { code: 'JOB_CANCELLED', message: 'enough' },
    })
  })

  test('survives losses up to the bound', async () => {
    let worker = await aDeadWorker()
    const id = await aJob(database, { worker_id: worker })
    for (let loss = 1; loss <= 3; loss += 1) {
      await rescueJobs(database)
      expect(await find(database, 'jobs', id)).toMatchObject({ losses: loss, worker_id: null })
      worker = await aDeadWorker()
      await database.query(
        'update celeriac.jobs set worker_id = $2, token = token + 1, attempt = attempt + 1 where id = $1',
        [id, worker],
      )
    }
    await rescueJobs(database)
    expect(await find(database, 'results', id)).toMatchObject({ losses: 4, attempt: 4, state: 'failed' })
  })

  test('takes up jobs whose worker is not known at all, when asked to look', async () => {
    const worker = randomUUID()
    const id = await aJob(database, { worker_id: worker })
    expect(await rescueJobs(database)).toEqual([])
    expect(await rescueJobs(database, {}, true)).toEqual([
      { worker_id: worker, worker_name: null, reason: null, rescued: 1, failed: 0 },
    ])
    expect(await find(database, 'jobs', id)).toMatchObject({ worker_id: null, token: 2, losses: 1 })
    expect(await rescueJobs(database, {}, true)).toEqual([])
  })

  test('of a worker that is just leaving waits for it, or it for the rescue', async () => {
    for (let round = 0; round < 50; round += 1) {
      const worker = await aWorker(database, { heartbeat_at: fromNow(-60_000) })
      const ids = await jobsLike(database, 20, { worker_id: worker })
      await Promise.all([
        rescueJobs(database),
        database.query('select celeriac.deregister_worker($1)', [worker]),
      ])
      const [row] = await database.query(
        'select count(*)::integer as n from celeriac.jobs where id = any ($1) and worker_id is null and token = 2 and snoozes + losses = 1',
        [ids],
      )
      expect(row).toEqual({ n: 20 })
    }
  })
})
