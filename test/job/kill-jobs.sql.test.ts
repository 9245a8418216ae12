import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { aJob, aResult, attemptsOf, find, rowsOf } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { until } from '../support/until.ts'
import { settleJobs } from '../support/verbs.ts'

const database = useDatabase()

async function killJobs(
  ids: readonly string[],
  reason: string | null = null,
): Promise<Record<string, unknown>> {
  const rows = await rowsOf(database, 'select * from celeriac.kill_jobs($1, $2)', [ids, reason])
  return Object.fromEntries(rows.map((row) => [row.job_id, row.outcome]))
}

describe('kill_jobs', () => {
  test('takes a running job away and cancels it, with a token that no attempt holds', async () => {
    const worker = randomUUID()
    const id = await aJob(database, { worker_id: worker, token: 3, attempt: 2 })
    expect(await killJobs([id], 'runs wild')).toEqual({ [id]: 'killed' })
    expect(await find(database, 'jobs', id)).toBeNull()
    expect(await find(database, 'results', id)).toMatchObject({
      state: 'cancelled',
      attempt: 2,
      token: 5,
      error: { name: 'JobCancelledError', code: 'JOB_CANCELLED', message: 'runs wild' },
    })
    expect(await attemptsOf(database, id)).toMatchObject([
      { attempt: 2, token: 3, outcome: 'cancelled', worker_id: worker, error: { message: 'runs wild' } },
    ])
    // What the worker settles afterwards is refused.
    expect(await settleJobs(database, worker, { done: [[id, 3, 'late']] })).toEqual([id])
    expect(await find(database, 'results', id)).toMatchObject({ state: 'cancelled' })
  })

  test.each(['pending', 'waiting'] as const)('cancels a %s job as cancel does', async (state) => {
    const id = await aJob(database, { state, token: 3 })
    expect(await killJobs([id])).toEqual({ [id]: 'cancelled' })
    expect(await find(database, 'results', id)).toMatchObject({ state: 'cancelled', token: 4 })
    expect(await attemptsOf(database, id)).toEqual([])
  })

  test('keeps the reason of a cancel that was asked for before', async () => {
    const id = await aJob(database, { state: 'running' })
    await database.query('select celeriac.cancel($1, $2)', [id, 'first'])
    expect(await killJobs([id], 'second')).toEqual({ [id]: 'killed' })
    expect(await find(database, 'results', id)).toMatchObject({ error: { message: 'first' } })
  })

  test('refuses a settled job, and tells it from an unknown one', async () => {
    const [settled, unknown] = [await aResult(database), randomUUID()]
    expect(await killJobs([settled, unknown, settled])).toEqual({
      [settled]: 'settled',
      [unknown]: 'unknown',
    })
    expect(await killJobs([])).toEqual({})
  })

  test('keeps nothing of a job that is to be forgotten', async () => {
    const id = await aJob(database, { state: 'running', options: { forget: true } })
    expect(await killJobs([id])).toEqual({ [id]: 'killed' })
    expect([await find(database, 'results', id), await attemptsOf(database, id)]).toEqual([null, []])
  })

  test('announces to the worker what it lost, and to nobody what never ran', async () => {
    await using session = await openSession(database.url)
    await session.listen()
    const [running, pending] = [await aJob(database, { state: 'running' }), await aJob(database)]
    await killJobs([pending, running])
    await until(() => session.heard.length > 0)
    expect(session.heard).toEqual([`k ${running}`])
  })

  test('is there for SQL, one by one', async () => {
    const id = await aJob(database, { state: 'running' })
    expect(await rowsOf(database, 'select celeriac.kill($1, $2) as came', [id, 'by hand'])).toEqual([
      { came: 'killed' },
    ])
    expect(await rowsOf(database, 'select celeriac.kill($1) as came', [id])).toEqual([{ came: 'settled' }])
  })
})
