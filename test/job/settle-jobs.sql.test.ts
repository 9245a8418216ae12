import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { aJob, aResult, attemptsOf, find, fromNow, jobsLike } from '../support/factory.ts'
import { createDatabase, useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { cancelJobs, claimJobs, settleJobs } from '../support/verbs.ts'

const database = useDatabase()
const ANNA = randomUUID()
const BORIS = randomUUID()
const BOOM = { name: 'Error', message: 'boom' }

const running = (fields = {}) => aJob(database, { worker_id: ANNA, ...fields })

describe('settle_jobs', () => {
  test('moves a succeeded job to results with everything it was', async () => {
    const id = await running({
      args: [1, 'two'],
      labels: { tenant: 'acme' },
      progress: { done: 1 },
      token: 7,
      attempt: 3,
      snoozes: 1,
      losses: 1,
      priority: 4,
      root_id: randomUUID(),
      parent_id: randomUUID(),
    })
    const before = await find(database, 'jobs', id)
    expect(await settleJobs(database, ANNA, { done: [[id, 7, { sum: 3 }]] })).toBeNull()
    expect(await find(database, 'jobs', id)).toBeNull()
    const { cancel_reason: _, cancel_requested_at: __, blockers: ___, lane_id: ____, ...kept } = before ?? {}
    expect(await find(database, 'results', id)).toEqual({
      ...kept,
      state: 'succeeded',
      value: { sum: 3 },
      error: null,
      settled_at: expect.any(String),
    })
    expect(await attemptsOf(database, id)).toEqual([])
  })

  test.each([
    ['another token', { token: 2 }, ANNA],
    ['another worker', { token: 1 }, BORIS],
  ])('refuses %s', async (_, { token }, worker) => {
    const id = await running()
    const before = await find(database, 'jobs', id)
    expect(await settleJobs(database, worker, { done: [[id, token]] })).toEqual([id])
    for (const kind of ['errored', 'snoozed', 'released', 'returned', 'discarded', 'cancelled'] as const) {
      const others = [{ id, token, kind, error: BOOM, delayMs: 5 }]
      expect(await settleJobs(database, worker, { others })).toEqual([id])
    }
    expect(await find(database, 'jobs', id)).toEqual(before)
    expect(await attemptsOf(database, id)).toEqual([])
    expect(await find(database, 'results', id)).toBeNull()
  })

  test('refuses a settled job', async () => {
    const id = await aResult(database, { state: 'failed', token: 3, worker_id: BORIS })
    const before = await find(database, 'results', id)
    expect(await settleJobs(database, ANNA, { done: [[id, 3, 'late']] })).toEqual([id])
    expect(await settleJobs(database, ANNA, { others: [{ id, token: 3, kind: 'cancelled' }] })).toEqual([id])
    expect(await find(database, 'results', id)).toEqual(before)
  })

  test('tells no loss when its own settling is repeated', async () => {
    const ids = await jobsLike(database, 5, { worker_id: ANNA })
    const [one, two, three, four, five] = ids as [string, string, string, string, string]
    const turn = {
      done: [[one, 1, 1] as const],
      others: [
        { id: two, token: 1, kind: 'errored' as const, error: BOOM, delayMs: 60_000 },
        { id: three, token: 1, kind: 'errored' as const, error: BOOM, delayMs: null },
        { id: four, token: 1, kind: 'snoozed' as const, delayMs: 60_000 },
        { id: five, token: 1, kind: 'released' as const },
      ],
    }
    expect(await settleJobs(database, ANNA, turn)).toBeNull()
    const before = await Promise.all(ids.map((id) => find(database, 'jobs', id)))
    expect(await settleJobs(database, ANNA, turn)).toBeNull()
    expect(await Promise.all(ids.map((id) => find(database, 'jobs', id)))).toEqual(before)
    expect(await attemptsOf(database, two)).toHaveLength(1)
  })

  test('tells the loss of a job that was rescued meanwhile', async () => {
    const [id] = (await jobsLike(database, 1, { worker_id: ANNA })) as [string]
    await database.query(
      'update celeriac.jobs set worker_id = null, token = token + 1, losses = losses + 1 where id = $1',
      [id],
    )
    expect(await settleJobs(database, ANNA, { done: [[id, 1, 'late']] })).toEqual([id])
    const errored = { id, token: 1, kind: 'errored' as const, error: BOOM, delayMs: 5 }
    expect(await settleJobs(database, ANNA, { others: [errored] })).toEqual([id])
  })

  test('tells no loss of a failure that another worker has taken up since', async () => {
    const id = await running()
    const errored = { id, token: 1, kind: 'errored' as const, error: BOOM, delayMs: 0 }
    expect(await settleJobs(database, ANNA, { others: [errored] })).toBeNull()
    await database.query('update celeriac.jobs set run_at = $2 where id = $1', [id, fromNow(-5)])
    const { ids } = await claimJobs(database, { worker: BORIS, wanted: 1000 })
    expect(ids).toContain(id)
    expect(await settleJobs(database, ANNA, { others: [errored] })).toBeNull()
    expect(await find(database, 'jobs', id)).toMatchObject({ worker_id: BORIS, token: 2 })
  })

  test('gives an errored job back while attempts are left', async () => {
    const id = await running({ attempt: 4, snoozes: 1, losses: 1, max_attempts: 3 })
    const others = [{ id, token: 1, kind: 'errored' as const, error: BOOM, delayMs: 60_000 }]
    const before = Date.now()
    expect(await settleJobs(database, ANNA, { others })).toBeNull()
    const job = await find(database, 'jobs', id)
    expect(job).toMatchObject({ worker_id: null, token: 1, attempt: 4, snoozes: 1, losses: 1 })
    expect(Date.parse(String(job?.run_at)) - before).toBeGreaterThan(59_000)
    expect(await attemptsOf(database, id)).toMatchObject([
      { attempt: 4, token: 1, outcome: 'retry', worker_id: ANNA, error: BOOM, retry_at: job?.run_at },
    ])
  })

  test.each([
    ['errored', 'the last attempt', { max_attempts: 1 }, { delayMs: 5 }],
    ['errored', 'never again', { max_attempts: 9 }, { delayMs: null }],
    ['discarded', 'thrown away', { max_attempts: 9 }, {}],
  ] as const)('fails a job that is %s: %s', async (kind, _, fields, other) => {
    const id = await running(fields)
    expect(
      await settleJobs(database, ANNA, { others: [{ id, token: 1, kind, error: BOOM, ...other }] }),
    ).toBeNull()
    expect(await find(database, 'jobs', id)).toBeNull()
    expect(await find(database, 'results', id)).toMatchObject({
      state: 'failed',
      error: BOOM,
      token: 1,
      worker_id: ANNA,
    })
    expect(await attemptsOf(database, id)).toMatchObject([{ outcome: 'failed', retry_at: null, error: BOOM }])
  })

  test('does not charge a snooze', async () => {
    const id = await running({ max_attempts: 1 })
    expect(
      await settleJobs(database, ANNA, { others: [{ id, token: 1, kind: 'snoozed', delayMs: 60_000 }] }),
    ).toBeNull()
    expect(await find(database, 'jobs', id)).toMatchObject({
      worker_id: null,
      attempt: 1,
      snoozes: 1,
      token: 1,
    })
    expect(await attemptsOf(database, id)).toEqual([])
  })

  test('puts a released job back in its place under a new token, as if it had not been claimed', async () => {
    const id = await running()
    const before = await find(database, 'jobs', id)
    expect(await settleJobs(database, ANNA, { others: [{ id, token: 1, kind: 'released' }] })).toBeNull()
    expect(await find(database, 'jobs', id)).toEqual({ ...before, worker_id: null, token: 2, attempt: 0 })
  })

  test('puts a returned job back in its place under a new token, its attempt not charged', async () => {
    const id = await running()
    const before = await find(database, 'jobs', id)
    expect(await settleJobs(database, ANNA, { others: [{ id, token: 1, kind: 'returned' }] })).toBeNull()
    expect(await find(database, 'jobs', id)).toEqual({ ...before, worker_id: null, token: 2, snoozes: 1 })
  })

  test.each([
    'released',
    'snoozed',
    'cancelled',
    'errored',
  ] as const)('cancels a job that is %s after it was asked to be cancelled', async (kind) => {
    const id = await running({ cancel_requested_at: fromNow(-5), cancel_reason: 'enough' })
    const others = [{ id, token: 1, kind, error: BOOM, delayMs: 5 }]
    expect(await settleJobs(database, ANNA, { others })).toBeNull()
    expect(await find(database, 'results', id)).toMatchObject({
      state: 'cancelled',
      error: { name: 'JobCancelledError', code: 'JOB_CANCELLED', message: 'enough' },
    })
  })

  test('keeps nothing of a job that is to be forgotten', async () => {
    const ids = await jobsLike(database, 2, { worker_id: ANNA, options: { forget: true } })
    const [one, two] = ids as [string, string]
    const others = [{ id: two, token: 1, kind: 'discarded' as const, error: BOOM }]
    expect(await settleJobs(database, ANNA, { done: [[one, 1, 1]], others })).toBeNull()
    for (const id of ids) {
      expect(await find(database, 'jobs', id)).toBeNull()
      expect(await find(database, 'results', id)).toBeNull()
    }
  })

  test('lets a result live as long as the job says', async () => {
    const id = await running({ options: { resultTtlMs: 1_500 } })
    await settleJobs(database, ANNA, { done: [[id, 1, 1]] })
    const result = await find(database, 'results', id)
    expect(Date.parse(String(result?.expires_at)) - Date.parse(String(result?.settled_at))).toBe(1_500)
  })

  test('settles all of a batch or nothing', async () => {
    const ids = await jobsLike(database, 2, { worker_id: ANNA })
    const before = await Promise.all(ids.map((id) => find(database, 'jobs', id)))
    const values = ['1', 'not json']
    await expect(
      database.query('select celeriac.settle_jobs($1, $2, $3, $4, null)', [ANNA, ids, [1, 1], values]),
    ).rejects.toMatchObject({ code: '22P02' })
    expect(await Promise.all(ids.map((id) => find(database, 'jobs', id)))).toEqual(before)
  })

  test('a cancel of many and a settling of a mixture wait for each other in one order', async () => {
    for (let round = 0; round < 50; round += 1) {
      const ids = (await jobsLike(database, 20, { worker_id: ANNA })).sort()
      // Succeeded ones are the later half, so that an order by kind would meet the cancel's head-on.
      const done = ids.slice(10).map((id) => [id, 1, 1] as const)
      const others = ids
        .slice(0, 10)
        .map((id) => ({ id, token: 1, kind: 'errored' as const, error: BOOM, delayMs: null }))
      const [cancelled, lost] = await Promise.all([
        cancelJobs(database, ids),
        settleJobs(database, ANNA, { done, others }),
      ])
      expect(lost).toBeNull()
      expect(new Set(Object.values(cancelled)).difference(new Set(['requested', 'settled'])).size).toBe(0)
    }
  })
})

test('other outcomes are looked up one by one, though their plan was made when the table was empty', async () => {
  await using fresh = await createDatabase({ name: 'settle_others' })
  await using session = await openSession(fresh.url)
  const worker = randomUUID()
  const outcomes = (ids: readonly string[]) =>
    ids.map((id) => ({ id, token: 1, kind: 'discarded' as const, error: BOOM }))
  await settleJobs(session, worker, { others: outcomes(await jobsLike(fresh, 1, { worker_id: worker })) })
  const ids = await jobsLike(fresh, 3_000, { worker_id: worker })
  await session.query('begin')
  await settleJobs(session, worker, { others: outcomes(ids.slice(0, 200)) })
  const [read] = await session.query<{ n: number }>(
    `select (idx_tup_fetch + seq_tup_read)::integer as n from pg_stat_xact_user_tables
      where schemaname = 'celeriac' and relname = 'jobs'`,
  )
  expect(read?.n).toBeLessThan(200 * 10)
})
