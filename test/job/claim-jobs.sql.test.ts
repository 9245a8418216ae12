import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { aJob, aQueue, find, fromNow, jobsLike } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { claimJobs } from '../support/verbs.ts'

const database = useDatabase()
const ANNA = randomUUID()

describe('claim_jobs', () => {
  test('moves a due job to running under a new token', async () => {
    const queue = aQueue()
    const id = await aJob(database, { queue, args: [2, 'b'], token: 4, attempt: 2, snoozes: 1, losses: 1 })
    const before = await find(database, 'jobs', id)
    const claimed = await claimJobs(database, { worker: ANNA, queue })
    const enqueuedAt = Date.parse(String(before?.enqueued_at)) / 1000
    expect(claimed.jobs).toEqual([[id, 5, 3, 'work', [2, 'b'], 5, 2, enqueuedAt, null]])
    expect(claimed).toMatchObject({ taken: 1, lastRunAt: new Date(String(before?.run_at)) })
    expect(await find(database, 'jobs', id)).toEqual({
      ...before,
      worker_id: ANNA,
      token: 5,
      attempt: 3,
      claimed_at: expect.any(String),
    })
  })

  test('sends what is rare in one place', async () => {
    const queue = aQueue()
    const [root, parent] = [randomUUID(), randomUUID()]
    const options = { timeLimitMs: 5 }
    const labels = { tenant: 'acme' }
    await aJob(database, { queue, options, labels, root_id: root, parent_id: parent })
    const { jobs } = await claimJobs(database, { worker: ANNA, queue })
    expect(jobs[0]?.at(-1)).toEqual([options, labels, root, parent])
  })

  test.each([
    ['of another queue', { queue: 'elsewhere' }],
    ['of another priority', { priority: 1 }],
    ['of an unregistered task', { task: 'unknown' }],
    ['that is scheduled', { run_at: fromNow(60_000) }],
    ['that waits', { state: 'waiting' }],
    ['that runs', { state: 'running' }],
    ['that expired', { expires_at: fromNow(-5) }],
  ] as const)('gives no job %s', async (_, fields) => {
    const queue = aQueue()
    const id = await aJob(database, { queue, ...fields })
    const before = await find(database, 'jobs', id)
    expect(await claimJobs(database, { worker: ANNA, queue })).toEqual({
      ids: [],
      jobs: [],
      taken: 0,
      lastRunAt: null,
    })
    expect(await find(database, 'jobs', id)).toEqual(before)
  })

  test('gives a job that expires later', async () => {
    const queue = aQueue()
    const id = await aJob(database, { queue, expires_at: fromNow(60_000) })
    expect((await claimJobs(database, { worker: ANNA, queue })).ids).toEqual([id])
  })

  test('gives the oldest first and no more than wanted', async () => {
    const queue = aQueue()
    const ids: string[] = []
    for (const age of [3, 1, 5, 2, 4])
      ids[age] = await aJob(database, { queue, run_at: fromNow(-age * 1_000) })
    expect((await claimJobs(database, { worker: ANNA, queue, wanted: 3 })).ids).toEqual([
      ids[5],
      ids[4],
      ids[3],
    ])
    expect((await claimJobs(database, { worker: ANNA, queue, wanted: 3 })).ids).toEqual([ids[2], ids[1]])
  })

  test('looks at nothing before the floor', async () => {
    const queue = aQueue()
    const run_at = fromNow(-5_000)
    const ids = (await jobsLike(database, 3, { queue, run_at })).sort()
    await aJob(database, { queue, run_at: fromNow(-6_000) })
    const claim = { worker: ANNA, queue, floorAt: run_at, floorId: ids[1] ?? '' }
    expect((await claimJobs(database, claim)).ids).toEqual(ids.slice(1))
  })

  test('passes over a job that somebody has locked', async () => {
    const queue = aQueue()
    const ids = (await jobsLike(database, 3, { queue, run_at: fromNow(-5_000) })).sort()
    await using holder = await openSession(database.url)
    await holder.query('begin')
    await holder.query('select from celeriac.jobs where id = $1 for update', [ids[1]])
    expect((await claimJobs(database, { worker: ANNA, queue })).ids).toEqual([ids[0], ids[2]])
    await holder.query('rollback')
  })

  test('reads its time from the clock', async () => {
    const queue = aQueue()
    const id = await aJob(database, { queue, run_at: '2100-01-01T00:00:00Z' })
    await using session = await openSession(database.url)
    expect((await claimJobs(session, { worker: ANNA, queue })).ids).toEqual([])
    await session.query(`set celeriac.fake_now = '2100-01-01T00:00:00Z'`)
    expect((await claimJobs(session, { worker: ANNA, queue })).ids).toEqual([id])
    expect(await find(database, 'jobs', id)).toMatchObject({ claimed_at: '2100-01-01T00:00:00+00:00' })
  })

  test('never gives one job to two claimers', async () => {
    const queue = aQueue()
    await jobsLike(database, 4_000, { queue })
    const claimers = await Promise.all(
      Array.from({ length: 8 }, async () => {
        await using session = await openSession(database.url)
        const worker = randomUUID()
        const got: string[] = []
        for (let round = 0; ; round += 1) {
          const { ids } = await claimJobs(session, { worker, queue, wanted: 1 + (round % 60) })
          if (ids.length === 0) return { worker, got }
          got.push(...ids)
        }
      }),
    )
    // A claimer that comes back empty while others hold rows may leave some behind for the next look.
    const last = {
      worker: ANNA,
      got: (await claimJobs(database, { worker: ANNA, queue, wanted: 4_000 })).ids,
    }
    const all = [...claimers, last]
    const given = all.flatMap(({ got }) => got)
    expect(given).toHaveLength(4_000)
    expect(new Set(given).size).toBe(4_000)
    for (const { worker, got } of all) {
      const rows = await database.query<{ id: string; token: string; attempt: number }>(
        'select id, token, attempt from celeriac.jobs where queue = $1 and worker_id = $2 and token = 1 and attempt = 1',
        [queue, worker],
      )
      expect(new Set(rows.map(({ id }) => id))).toEqual(new Set(got))
    }
  })
})
