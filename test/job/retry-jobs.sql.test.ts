import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { aJob, aQueue, aResult, find, fromNow } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { until } from '../support/until.ts'
import { retryJobs } from '../support/verbs.ts'

const database = useDatabase()

describe('retry_jobs', () => {
  test.each([
    'failed',
    'cancelled',
    'succeeded',
  ] as const)('moves a %s job back to its queue', async (state) => {
    const id = await aResult(database, {
      state,
      args: [1],
      labels: { tenant: 'acme' },
      token: 6,
      attempt: 5,
      max_attempts: 3,
      snoozes: 1,
      losses: 1,
      expires_at: fromNow(60_000),
      priority: 2,
    })
    const before = await find(database, 'results', id)
    expect(await retryJobs(database, [id])).toEqual({ [id]: 'retried' })
    expect(await find(database, 'results', id)).toBeNull()
    const { settled_at: _, state: __, value: ___, error: ____, ...kept } = before ?? {}
    const job = await find(database, 'jobs', id)
    expect(job).toEqual({
      ...kept,
      blockers: null,
      lane_id: null,
      token: 7,
      max_attempts: 4,
      worker_id: null,
      expires_at: null,
      cancel_requested_at: null,
      cancel_reason: null,
      run_at: expect.any(String),
    })
    expect(Date.now() - Date.parse(String(job?.run_at))).toBeLessThan(5_000)
  })

  test('leaves the attempts that are left', async () => {
    const id = await aResult(database, { state: 'failed', attempt: 1, max_attempts: 5 })
    await retryJobs(database, [id])
    expect(await find(database, 'jobs', id)).toMatchObject({ max_attempts: 5, attempt: 1 })
  })

  test('makes a job that waits for its backoff due now', async () => {
    const id = await aJob(database, { run_at: fromNow(60_000), attempt: 1, token: 1 })
    const before = await find(database, 'jobs', id)
    expect(await retryJobs(database, [id])).toEqual({ [id]: 'retried' })
    const after = await find(database, 'jobs', id)
    expect(after).toEqual({ ...before, run_at: after?.run_at })
    expect(Date.parse(String(after?.run_at))).toBeLessThanOrEqual(Date.now() + 1_000)
  })

  test('refuses a running job and an unknown one', async () => {
    const id = await aJob(database, { state: 'running' })
    const before = await find(database, 'jobs', id)
    const unknown = randomUUID()
    expect(await retryJobs(database, [id, unknown])).toEqual({ [id]: 'running', [unknown]: 'unknown' })
    expect(await find(database, 'jobs', id)).toEqual(before)
  })

  test('tells the workers of each queue once', async () => {
    await using ear = await openSession(database.url)
    await ear.listen()
    const [mail, post] = [aQueue(), aQueue()]
    await retryJobs(database, [
      await aResult(database, { queue: mail, state: 'failed' }),
      await aResult(database, { queue: mail, state: 'failed' }),
      await aJob(database, { queue: post, run_at: fromNow(60_000) }),
      await aJob(database, { state: 'running' }),
    ])
    await until(() => ear.heard.length >= 2, { what: 'two payloads' })
    expect(ear.heard.map((payload) => payload.replace(/\d{10,}/, 'µs')).sort()).toEqual(
      [`w µs ${mail}`, `w µs ${post}`].sort(),
    )
  })
})
